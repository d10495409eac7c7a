/**
 * The program under which a test runs: all declarations, of the rules only those that the test names.
 *
 * It is compiled once for the whole suite. For each set of rules there is a view of it in which nothing starts the
 * others: who never starts does nothing. What tests ask for (conditions, values) becomes traits behind the program's
 * own, so it is evaluated by the very code that evaluates rules; nothing depends on such a trait, so it changes nothing.
 */
import type { Expr, Program, Value } from "../../dsl/program.js";
import type { Given, Test, TestSuite } from "../../dsl/tests.js";
import { compile, type Compiled, type EventPlan } from "../compile/compiled.js";
import type { Context } from "../customer.js";

type Read = (x: Context) => Value | undefined;

export interface Reader {
  readonly value: Read;
  /** As JSON shows it. */
  readonly shown: Read;
}

export interface TestProgram {
  readonly compiled: Compiled;
  /** For each tree in the tests. */
  reader(of: Expr): Reader;
}

/** Gives each test of the suite its program. */
export function testPrograms({ program, tests }: TestSuite): (test: Test) => TestProgram {
  const { compiled, readers } = withReaders(program, tests.flatMap(treesOf));
  // The values behind conditions are looked at only where one fails, and there are many: they are made when the first is.
  let behind: ReadonlyMap<Expr, Reader> | null = null;
  const reader = (of: Expr): Reader => {
    const found = constant(of) ?? readers.get(of) ?? (behind ??= withReaders(program, tests.flatMap(valuesOf)).readers).get(of);
    if (found === undefined) throw new Error("a tree of a test that its program was not made with");
    return found;
  };
  const views = new Map<string, TestProgram>();
  return ({ rules }) => {
    const key = rules.join(" ");
    let view = views.get(key);
    if (view === undefined) views.set(key, (view = { compiled: startingOnly(compiled, new Set(rules)), reader }));
    return view;
  };
}

function withReaders(program: Program, trees: readonly Expr[]): { readonly compiled: Compiled; readonly readers: ReadonlyMap<Expr, Reader> } {
  // The same condition stands in many tests; equal trees have equal JSON.
  const places = new Map<string, number>();
  const asked: Expr[] = [];
  const placed = trees.filter((tree) => constant(tree) === null).map((tree) => {
    const text = JSON.stringify(tree);
    let place = places.get(text);
    if (place === undefined) places.set(text, (place = asked.push(tree) - 1));
    return [tree, place] as const;
  });
  const compiled = compile({ ...program, traits: [...program.traits, ...asked.map((value) => ({ name: "", value }))] });
  return { compiled, readers: new Map(placed.map(([tree, place]) => [tree, compiled.traits[program.traits.length + place] as Reader])) };
}

/** Most of what tests hand over is written as it is: it needs no code. Null for the rest. */
function constant(tree: Expr): Reader | null {
  if (tree.k !== "const" || (tree.value !== null && !PLAIN.has(tree.type.k))) return null;
  const { value } = tree;
  const read: Read = () => value;
  return { value: read, shown: read };
}

/** Types whose values are in JSON what they are at run time. */
const PLAIN: ReadonlySet<string> = new Set(["string", "number", "boolean", "duration"]);

/** The program in which nothing starts other rules than these. */
export function startingOnly(compiled: Compiled, names: ReadonlySet<string>): Compiled {
  const starts = (rule: number): boolean => names.has(compiled.rules[rule]?.name ?? "");
  const plan = (of: EventPlan): EventPlan => ({ ...of, starts: { choose: (row) => of.starts.choose(row).filter(({ rule }) => starts(rule)) } });
  const only = (byIndex: ReadonlyMap<number, readonly number[]>): ReadonlyMap<number, readonly number[]> =>
    new Map([...byIndex].map(([index, rules]) => [index, rules.filter(starts)]));
  const { enter, leave, up, down, change } = compiled.startsOn;
  return {
    ...compiled,
    events: new Map([...compiled.events].map(([wire, of]) => [wire, plan(of)])),
    startsOn: { enter: only(enter), leave: only(leave), up: only(up), down: only(down), change: only(change) },
    scheduled: compiled.scheduled.filter(starts),
  };
}

/** Those that every run of the test asks for. */
const treesOf = ({ lines }: Test): readonly Expr[] => lines.flatMap((line) => {
  switch (line.k) {
    case "customer": return [];
    case "profile": return treesIn(line.value);
    case "at": case "after": return line.event === null ? [] : treesIn(line.event.data);
    case "expect": {
      const { what } = line;
      if (what.k === "condition") return [what.if];
      return what.k === "action" && what.payload !== null ? treesIn(what.payload) : [];
    }
  }
});

const valuesOf = ({ lines }: Test): readonly Expr[] =>
  lines.flatMap((line) => (line.k === "expect" && line.what.k === "condition" ? line.what.values.map(({ value }) => value) : []));

function treesIn(given: Given): readonly Expr[] {
  switch (given.k) {
    case "record": return given.entries.flatMap(({ value }) => treesIn(value));
    case "list": return given.items.flatMap(treesIn);
    case "value": return [given.of];
  }
}

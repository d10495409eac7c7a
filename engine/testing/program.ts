/**
 * The program under which a test runs: all declarations, of the rules only those that the test names.
 *
 * It is compiled once for the whole suite. For each set of rules there is a view of it in which nothing starts the
 * others: who never starts does nothing. What tests ask for (conditions, values) becomes traits behind the program's
 * own, so it is evaluated by the very code that evaluates rules; nothing depends on such a trait, so it changes nothing.
 */
import type { Expr, Value } from "../../dsl/program.js";
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
  readonly readers: ReadonlyMap<Expr, Reader>;
}

/** Gives each test of the suite its program. */
export function testPrograms({ program, tests }: TestSuite): (test: Test) => TestProgram {
  const asked = [...new Set(tests.flatMap(treesOf))];
  const compiled = compile({ ...program, traits: [...program.traits, ...asked.map((value) => ({ name: "", value }))] });
  const readers = new Map<Expr, Reader>();
  asked.forEach((tree, i) => {
    const reader = compiled.traits[program.traits.length + i];
    if (reader !== undefined) readers.set(tree, reader);
  });
  const views = new Map<string, TestProgram>();
  return ({ rules }) => {
    const key = rules.join(" ");
    let view = views.get(key);
    if (view === undefined) views.set(key, (view = { compiled: startingOnly(compiled, new Set(rules)), readers }));
    return view;
  };
}

/** The program in which nothing starts other rules than these. */
function startingOnly(compiled: Compiled, names: ReadonlySet<string>): Compiled {
  const starts = (rule: number): boolean => names.has(compiled.rules[rule]?.name ?? "");
  const plan = (of: EventPlan): EventPlan => ({ ...of, starts: { choose: (row) => of.starts.choose(row).filter(({ rule }) => starts(rule)) } });
  const only = (bySegment: Compiled["startsOnEnter"]): Compiled["startsOnEnter"] =>
    new Map([...bySegment].map(([segment, rules]) => [segment, rules.filter(starts)]));
  return {
    ...compiled,
    events: new Map([...compiled.events].map(([wire, of]) => [wire, plan(of)])),
    startsOnEnter: only(compiled.startsOnEnter), startsOnLeave: only(compiled.startsOnLeave),
  };
}

const treesOf = ({ lines }: Test): readonly Expr[] => lines.flatMap((line) => {
  switch (line.k) {
    case "customer": return [];
    case "profile": return treesIn(line.value);
    case "at": case "after": return line.event === null ? [] : treesIn(line.event.data);
    case "expect": {
      const { what } = line;
      if (what.k === "condition") return [what.if, ...what.values.map(({ value }) => value)];
      return what.k === "action" && what.payload !== null ? treesIn(what.payload) : [];
    }
  }
});

function treesIn(given: Given): readonly Expr[] {
  switch (given.k) {
    case "record": return given.entries.flatMap(({ value }) => treesIn(value));
    case "list": return given.items.flatMap(treesIn);
    case "value": return [given.of];
  }
}

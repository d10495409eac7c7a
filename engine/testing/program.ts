/**
 * The program under which a test runs: all declarations, of the rules only those that the test names.
 *
 * What a test asks for (conditions, values) becomes a trait behind the program's own, so it is evaluated by the very
 * code that evaluates rules; nothing depends on such a trait, so it changes nothing. Tests with the same rules share
 * one program.
 */
import type { Expr, Program, Value } from "../../dsl/program.js";
import type { Given, Test, TestSuite } from "../../dsl/tests.js";
import { compile, type Compiled } from "../compile/compiled.js";
import type { Context } from "../customer.js";
import { hash128Hex } from "../hash.js";

type Read = (x: Context) => Value | undefined;

export interface Reader {
  readonly value: Read;
  /** As JSON shows it. */
  readonly shown: Read;
}

export interface TestProgram {
  readonly compiled: Compiled;
  /** For each tree in its tests. */
  readonly readers: ReadonlyMap<Expr, Reader>;
}

/** Gives each test of the suite its program; made when first asked for. */
export function testPrograms({ program, tests }: TestSuite): (test: Test) => TestProgram {
  const made = new Map<string, TestProgram>();
  const keyOf = ({ rules }: Test): string => rules.join(" ");
  return (test) => {
    const key = keyOf(test);
    let found = made.get(key);
    if (found === undefined) made.set(key, (found = testProgram(program, test.rules, tests.filter((other) => keyOf(other) === key))));
    return found;
  };
}

function testProgram(program: Program, rules: readonly string[], tests: readonly Test[]): TestProgram {
  const running = new Set(rules);
  const asked = [...new Set(tests.flatMap(treesOf))];
  const compiled = compile({
    ...program,
    rules: program.rules.filter(({ name }) => running.has(name)),
    traits: [...program.traits, ...asked.map((value) => ({ name: "", value }))],
    hash: hash128Hex(`${program.hash}\u0000${rules.join(" ")}`),
  });
  const readers = new Map<Expr, Reader>();
  asked.forEach((tree, i) => {
    const reader = compiled.traits[program.traits.length + i];
    if (reader !== undefined) readers.set(tree, reader);
  });
  return { compiled, readers };
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

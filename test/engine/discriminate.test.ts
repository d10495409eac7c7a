/** Whom an event can concern: all whose condition holds are found, in order, and of many that look for something else few. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { compile } from "../../engine/compile/compiled.js";
import { newContext, type Data } from "../../engine/customer.js";

/** The rules of these conditions that are asked about a row, and those of them that start. */
function starts(wheres: readonly string[]): (row: Data) => { readonly asked: readonly number[]; readonly started: readonly number[] } {
  const text = `event e { n: number?  m: number  s: string? }\n${wheres.map((where, i) => `rule r${String(i).padStart(5, "0")} { on e where ${where}  emit "x" }`).join("\n")}\n`;
  const { program, diagnostics } = compileProgram([{ file: "t.eddy", text }]);
  if (program === null) throw new Error(JSON.stringify(diagnostics));
  const plan = compile(program).events.get("e");
  const x = newContext();
  return (row) => {
    x.row = row;
    const asked = plan?.starts.choose(row) ?? [];
    return { asked: asked.map(({ rule }) => rule), started: asked.filter(({ where }) => where === null || where(x)).map(({ rule }) => rule) };
  };
}

interface Row { readonly n?: number | undefined; readonly m: number; readonly s?: string | undefined }
interface Condition { readonly text: string; readonly holds: (row: Row) => boolean }

const OPERATORS: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  "==": (a, b) => a === b, "!=": (a, b) => a !== b, "<": (a, b) => a < b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, ">=": (a, b) => a >= b,
};
const number = fc.integer({ min: -3, max: 6 });
const comparison = fc.tuple(fc.constantFrom("n" as const, "m" as const), fc.constantFrom(...Object.keys(OPERATORS)), number, fc.boolean()).map(([field, op, value, turned]): Condition => ({
  text: turned ? `${value} ${op} ${field}` : `${field} ${op} ${value}`,
  holds: (row) => {
    const own = row[field];
    if (own === undefined) return op === "!=";
    return OPERATORS[op]?.(turned ? value : own, turned ? own : value) === true;
  },
}));
const condition: fc.Arbitrary<Condition> = fc.oneof({ weight: 3, arbitrary: comparison }, fc.constantFrom<Condition>(
  { text: 's == "a"', holds: ({ s }) => s === "a" }, { text: 's == "b"', holds: ({ s }) => s === "b" }, { text: 's != "a"', holds: ({ s }) => s !== "a" },
  { text: "n > m", holds: ({ n, m }) => n !== undefined && n > m }, { text: "n == null", holds: ({ n }) => n === undefined },
  { text: "(n > 1 or m > 1)", holds: ({ n, m }) => (n ?? 0) > 1 || m > 1 },
));
const row: fc.Arbitrary<Row> = fc.record({ n: fc.option(number, { nil: undefined }), m: number, s: fc.constantFrom("a", "b", "c", undefined) });

describe("of many rules", () => {
  test("those that start are those whose condition holds, in their order", () => {
    fc.assert(fc.property(fc.array(fc.array(condition, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 24 }), fc.array(row, { minLength: 1, maxLength: 12 }), (rules, rows) => {
      const all = starts(rules.map((parts) => parts.map(({ text }) => text).join(" and ")));
      for (const each of rows) {
        const data = Object.fromEntries(Object.entries(each).filter(([, value]) => value !== undefined)) as Data;
        expect(all(data).started).toEqual(rules.flatMap((parts, i) => (parts.every(({ holds }) => holds(each)) ? [i] : [])));
      }
    }), { numRuns: 80, seed: 20260302 });
  });

  test.each([
    ["a value each", (i: number) => `n == ${i} and m > 0`, { n: 70, m: 1 }, [70]],
    ["a range each", (i: number) => `n >= ${i} and n < ${i + 1}`, { n: 70.5, m: 1 }, [70]],
    ["a range written the other way round", (i: number) => `${i} <= n and ${i + 1} > n`, { n: 70.5, m: 1 }, [70]],
    ["a threshold each, few of them reached", (i: number) => `n > ${i}`, { n: 2.5, m: 1 }, [0, 1, 2]],
    ["a threshold each from above", (i: number) => `n <= ${i}`, { n: 197.5, m: 1 }, [198, 199]],
    ["a range each, and nothing in the event", (i: number) => `n >= ${i} and n < ${i + 1}`, { m: 1 }, []],
  ])("with %s only those are asked that can start", (_, of, data, expected) => {
    const { asked, started } = starts(Array.from({ length: 200 }, (_each, i) => of(i)))(data);
    expect(started).toEqual(expected);
    expect(asked).toEqual(expected);
  });

  test("those without such a condition are asked beside them, in their order", () => {
    const wheres = ["n >= 1 and n < 2", "m > n", "n >= 2 and n < 3", 's == "a"', "n >= 3 and n < 4", "n >= 4 and n < 5"];
    expect(starts(wheres)({ n: 2.5, m: 3, s: "a" }).asked).toEqual([1, 2, 3]);
  });
});

/** Generated functions that are made by one maker do what each alone does, whatever their constants look like. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { compileProgram } from "../../dsl/compile.js";
import { renderAll } from "../../dsl/diagnostics/render.js";
import type { Program } from "../../dsl/program.js";
import { compile } from "../../engine/compile/compiled.js";
import { shareShapes, SHARED_FROM, type Definition } from "../../engine/compile/shapes.js";
import { createReplay } from "../../engine/replay.js";
import { lives, programText } from "./random-rules.js";

function programOf(text: string): Program {
  const { program, diagnostics } = compileProgram([{ file: "a.eddy", text }]);
  if (program === null) throw new Error(renderAll(diagnostics, new Map([["a.eddy", text]]), { color: false }));
  return program;
}

const define = (name: string, rest: string): Definition => ({ name, text: `function ${name}${rest}` });

describe("the text", () => {
  test("what differs becomes a parameter, what is the same stays", () => {
    const definitions = ["i17", "i18", "a\"]b"].map((item, i) => define(`f${i}`, `(x) { return x.row["item"] === ${JSON.stringify(item)} && x.row["price"] > 50 && a${i}(x) >= ${i} && k[${i}].has(${i}); }`));
    expect(shareShapes(definitions, 3)).toBe([
      'function make0(p0, p1, p2, p3) { return function (x) { return x.row["item"] === p0 && x.row["price"] > 50 && p1(x) >= p2 && p3.has(p2); }; }',
      'const f0 = make0("i17", a0, 0, k[0]);', 'const f1 = make0("i18", a1, 1, k[1]);', 'const f2 = make0("a\\"]b", a2, 2, k[2]);',
    ].join("\n"));
    expect(shareShapes(definitions, 4)).toBe(definitions.map(({ text }) => text).join("\n"));
  });

  test("names of fields tell shapes apart, names of items do not", () => {
    const fields = ["a", "b"].map((field, i) => define(`f${i}`, `(x) { return x.row["${field}"]; }`));
    expect(shareShapes(fields, 2)).toBe(fields.map(({ text }) => text).join("\n"));
    const items = [3, 9].map((n, i) => define(`f${i}`, `(x) { return h.fold("sum", x.row["l"], null, (i${n}) => { return i${n}["n"] * ${n}; }); }`));
    expect(shareShapes(items, 2)).toContain('function make0(p0) { return function (x) { return h.fold("sum", x.row["l"], null, (i0) => { return i0["n"] * p0; }); }; }');
  });
});

// ---------------------------------------------------------------------------------------------------- programs

/** Looks like code, or like what the text is cut at. */
const NASTY = ['"', "\\", "]", "[", '["item"]', "a5", "p0", "k[0]", "); throw 1; (", "${1}", "\u2028", "constructor", "__proto__", "", " ", "i1", "x.row", "\u0000"];
const item = fc.oneof(fc.constantFrom(...NASTY), fc.constantFrom("i1", "i2", "i3"), fc.string());
const number = fc.oneof(fc.constantFrom(0, -1, 1, 0.5, -0.25, 9007199254740991, 1e-7, 123456789), fc.integer({ min: -5, max: 5 }));

const written = (n: number): string => (n < 0 ? `-${plain(-n)}` : plain(n));
/** Rules know no exponents. */
const plain = (n: number): string => n.toLocaleString("en", { useGrouping: false, maximumFractionDigits: 20 });

/** As they are in a program: the same condition, again and again, about something else. */
const programs = fc.record({
  things: fc.array(fc.record({ item, least: number, times: fc.integer({ min: 1, max: 3 }), days: fc.integer({ min: 1, max: 3 }) }), { minLength: 2, maxLength: 8 }),
  events: fc.array(fc.record({ item, price: number, gap: fc.integer({ min: 0, max: 40 }) }), { minLength: 1, maxLength: 25 }),
});

const textOf = (things: readonly { readonly item: string; readonly least: number; readonly times: number; readonly days: number }[]): string =>
  `event looked { item: string  price: number  parts: { item: string, n: number }[] }\n${things.map(({ item, least, times, days }, i) => `
trait latest_${i} = last(looked.price where item == ${JSON.stringify(item)})
trait parts_${i} = sum(n of looked.parts where item == ${JSON.stringify(item)} and n > ${written(least)})
segment often_${i} when count(looked where item == ${JSON.stringify(item)} and price > ${written(least)}) over ${days} days >= ${times}
segment quiet_${i} when no looked where item == ${JSON.stringify(item)} for ${days} days
rule tell_${i} { on enter often_${i}  on enter quiet_${i}  emit "told" { latest: latest_${i}, n: ${written(least)}, item: ${JSON.stringify(item)} } }
rule look_${i} { on looked where item == ${JSON.stringify(item)} or price == ${written(least)}  until looked where price < event.price - ${times}  wait ${days} hours  emit "looked" { price: event.price * ${times}, seen: any(event.parts where n >= ${written(least)}) } }`).join("\n")}`;

function told(program: Program, sharedFrom: number, lines: readonly string[], until: number): readonly string[] {
  const bodies: string[] = [];
  const replay = createReplay(compile(program, sharedFrom), ({ subject, body }) => bodies.push(`${subject} ${body}`));
  lines.forEach((line, i) => replay.line(line, i + 1));
  replay.until(until);
  return [...bodies, JSON.stringify(replay.members()), JSON.stringify(replay.traits())];
}

const START = Date.parse("2026-03-02T00:00:00Z");

test("programs that are all shared say what those say in which nothing is", () => {
  let some = 0;
  fc.assert(fc.property(programs, ({ things, events }) => {
    const program = programOf(textOf(things));
    let at = START;
    const lines = events.map(({ item, price, gap }, i) => JSON.stringify({
      id: `e${i}`, source: "s", type: "looked", subject: `c${i % 2}`, time: new Date(at += gap * 3_600_000).toISOString(),
      data: { item: things[i % (things.length + 2)]?.item ?? item, price, parts: [{ item, n: price }, { item: things[0]?.item ?? "", n: i }] },
    }));
    const alone = told(program, Infinity, lines, at + 10 * 86_400_000);
    expect(told(program, 1, lines, at + 10 * 86_400_000)).toEqual(alone);
    expect(told(program, 2, lines, at + 10 * 86_400_000)).toEqual(alone);
    some += alone.length;
  }), { numRuns: 60 });
  expect(some).toBeGreaterThan(500);
}, 60_000);

test("… whatever rules there are", () => {
  fc.assert(fc.property(lives, ({ rules, history, end }) => {
    const program = programOf(programText([...rules, ...rules.map((rule) => ({ ...rule, name: `${rule.name}_again` }))]));
    const lines = history.map(({ at, event, key, n, flag, zone }, i) => JSON.stringify({
      id: `e${i}`, source: "s", type: event, subject: "c", time: new Date(at).toISOString(),
      data: event === "profile_updated" ? { ...(flag === undefined ? {} : { flag }), ...(zone === undefined ? {} : { timezone: zone }) } : { key, n },
    }));
    expect(told(program, 1, lines, end)).toEqual(told(program, Infinity, lines, end));
  }), { numRuns: 40 });
}, 60_000);

test("by itself it begins where many are alike", () => {
  expect(SHARED_FROM).toBeGreaterThan(4);
  const things = Array.from({ length: SHARED_FROM + 4 }, (_, i) => ({ item: `i${i}`, least: i, times: 1, days: 1 }));
  const program = programOf(textOf(things));
  const [first, second] = [compile(program).events.get("looked")?.updates.choose({ item: "i1" }), compile(program).events.get("looked")?.updates.choose({ item: "i2" })];
  expect(first?.[0]?.apply.toString()).toBe(second?.[0]?.apply.toString());
  expect(String(first?.[0]?.apply)).toContain("p0");
});

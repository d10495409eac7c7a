// Programs that are large, long in a row, deep, or in a circle: no stack runs over, and nothing explodes.

import { expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { sentences } from "./sentences.js";

const EVENT = "event e { n: number, items: { a: number }[] }\n";
const range = (count: number, line: (i: number) => string): string => Array.from({ length: count }, (_, i) => line(i)).join("\n");
const compile = (text: string): ReturnType<typeof compileProgram> => compileProgram([{ file: "a.eddy", text }]);
const codes = (text: string): readonly string[] => compile(text).diagnostics.map(({ code }) => code);

test("ten thousand traits, each of the one before, declared backwards", { timeout: 60_000 }, () => {
  const { program, diagnostics } = compile(`${EVENT}${range(10_000, (i) => (i === 9_999 ? "trait t0 = count(e)" : `trait t${9_999 - i} = t${9_998 - i} + 1`))}`);
  expect(diagnostics.map(({ code }) => code)).toEqual(["W0001"]);
  expect(program?.traits.map(({ name }) => name).slice(0, 3)).toEqual(["t0", "t1", "t2"]);
  expect(program?.traits.at(-1)?.name).toBe("t9999");
});

test("ten thousand traits in a circle: one finding, which is not as long", { timeout: 60_000 }, () => {
  const { diagnostics } = compile(range(10_000, (i) => `trait t${i} = t${(i + 1) % 10_000} + 1`));
  expect(diagnostics.map(({ code }) => code)).toEqual(["E0301"]);
  expect(diagnostics[0]?.notes?.join("").length).toBeLessThan(400);
});

test("five thousand segments in a row, and a mixed circle at their end", { timeout: 60_000 }, () => {
  const chain = `${range(5_000, (i) => `segment s${i} when ${i === 4_999 ? "t" : `s${i + 1}`}`)}`;
  expect(codes(`${EVENT}${chain}\ntrait t = count(e) > 3`)).toEqual([]);
  expect(codes(`${EVENT}${chain}\ntrait t = s0`)).toEqual(["E0301"]);
});

test("circles that share a name are one finding, others their own", () => {
  expect(codes("segment a when b or c\nsegment b when a\nsegment c when a\nsegment x when y\nsegment y when x")).toEqual(["E0301", "E0301"]);
});

test("as deep and as long as the parser lets through", () => {
  const deep = `${"(".repeat(190)}count(e)${")".repeat(190)}`;
  const long = range(450, (i) => `count(e where n > ${i})`).replaceAll("\n", " + ");
  const conditions = range(450, (i) => `count(e where n > ${i}) > 3`).replaceAll("\n", " and ");
  expect(codes(`${EVENT}trait a = ${deep}\nsegment s when ${long} > a\nsegment c when ${conditions}\nsegment not_ when ${"not ".repeat(150)}s`)).toEqual([]);
});

test("lists within conditions within lists", () => {
  const nested = Array.from({ length: 80 }).reduce<string>((inner) => `any(e_items where ${inner})`, "a > 1").replaceAll("e_items", "last(e).items");
  expect(codes(`${EVENT}rule r { on e when ${nested} stop }`)).toEqual([]);
});

test("traits that change continuously and double each time", () => {
  const doubling = (count: number): string => range(count, (i) => `trait b${i} = ${i === 0 ? "since(last(e).time)" : `b${i - 1} + b${i - 1}`}`);
  expect(codes(`${EVENT}${doubling(40)}\nsegment s when b39 > 3 days`)).toEqual(["E0305"]);
  expect(codes(`${EVENT}${doubling(5)}\nrule r { on e when b4 > 3 days stop }`)).toEqual([]);
});

const WAITS = `${EVENT}event f { s: string }\nprofile { x: string? }\n`;

test("a thousand names for events that came, all of them read", () => {
  const steps = range(1_000, (i) => `wait for f where s == "${i}" up to 1 day as v${i} emit "a" { s: v${i}.s, before: v${Math.floor(i / 2)}.s }`);
  const { program, diagnostics } = compile(`${WAITS}rule r { on e until f where s == v999.s ${steps} }`);
  expect(diagnostics).toEqual([]);
  expect(program?.rules[0]?.steps.flatMap((step) => (step.k === "waitFor" ? step.keeps : [])).length).toBe(1_000);
});

test("waits within waits, as deep as the parser lets through", () => {
  const deep = `${range(180, (i) => `wait for f up to 1 day as v${i} {`)} emit "a" { s: v0.s } ${"}".repeat(180)}`;
  const alternatives = `${range(180, (i) => `wait for f up to 1 day as v${i} { stop } else {`)} emit "a" ${"}".repeat(180)}`;
  expect(codes(`${WAITS}rule a { on e ${deep} }\nrule b { on e ${alternatives} }`)).toEqual([]);
});

test("a thousand filters about the run are one aggregate, whatever they ask for", () => {
  const steps = range(1_000, (i) => `if any(f where s == event.names[${i}]) { stop }`);
  const { program, diagnostics } = compile(`${WAITS}event g { names: string[] }\nrule r { on g ${steps} }\nsegment some when any(e)`);
  expect(diagnostics).toEqual([]);
  expect(program?.aggregates.filter(({ by }) => by !== null).length).toBe(1);
});

test("a thousand tiers in a row, and a circle at their end", () => {
  const chain = (last: string): string => range(1_000, (i) => `tier t${i} by ${i === 999 ? last : `if t${i + 1} == "b" then 1 else 0`} { a at 0  b at 1 }`);
  expect(codes(`${EVENT}${chain("count(e)")}\nrule r { on t0 up emit "up" }`)).toEqual([]);
  expect(codes(`${EVENT}${chain("if t0 == \"b\" then 1 else 0")}\nrule r { on e emit "up" }`)).toEqual(["E0301"]);
});

test("fields called like traits do not make circles", () => {
  const text = `event e { a: number, b: number }
    trait a = sum(e.b where a > 1) + b
    trait b = max(b of e)
    trait c = sum(last(f).items.d) + d
    event f { items: { c: number, d: number }[] }
    trait d = sum(last(f).items.c where d > 1)
    segment s when a > c`;
  expect(codes(text).filter((code) => code.startsWith("E"))).toEqual([]);
});

test("mistakes stay inside their declarations, also syntax errors", () => {
  const { diagnostics, tests } = compileProgram([
    { file: "b.eddy", text: "trait a = \nsegment s when a > 3 and events_ > 1\nevent e { n: number\nprofile { x: string? y }\ntrait u = count(e) + profile.zzz" },
    { file: "a.eddy", text: "rule r { on e when profile.anything == 1 and s send email \"x\" { n: event.n } }\nchannel email {\ntest \"t\" { at 2026-03-02 10:00 e expect a == 1 }" },
  ]);
  expect(diagnostics.map(({ code, span }) => `${span.file} ${code}`)).toEqual(["a.eddy E0008", "b.eddy E0008", "b.eddy E0106", "b.eddy E0008", "b.eddy E0007"]);
  expect(tests.map(({ name }) => name.value)).toEqual(["t"]);
});

test("a program of nothing", () => {
  expect(compileProgram([])).toMatchObject({ diagnostics: [], tests: [], program: { events: [], rules: [], profile: [] } });
  expect(compile("# only a comment\n").program?.hash).toBe(compileProgram([]).program?.hash);
});

test("whatever the grammar allows gets findings, never an exception", () => {
  const names = "event x { n: number }\nsegment y when any(x)\ntrait vip = count(x)\n";
  for (const sentence of sentences(11, 1_500)) {
    const text = sentence.join(" ").replace(/^(\w+) (x|y|vip)\b/, "$1 new_$2");
    expect(() => compile(names + text), text).not.toThrow();
  }
});

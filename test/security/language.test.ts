/**
 * Programs and events that try to get out of what they are: into prototypes, into the names that all objects have
 * something under, onto the stack. What hangs on the roots of all objects and on the global one is compared before and afterwards.
 * (Hostile texts in every place of a program: test/engine/emit.test.ts.)
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { compileProgram } from "../../dsl/compile.js";
import { compile } from "../../engine/compile/compiled.js";
import { createReplay } from "../../engine/replay.js";
import { ran } from "../testing/suites.js";

const ROOTS = { Object: Object.prototype, Array: Array.prototype, Function: Function.prototype, String: String.prototype, Number: Number.prototype, Map: Map.prototype, Set: Set.prototype };
/** What hangs on the roots and on the global object, by name. */
const portrait = (): string => JSON.stringify([...Object.entries(ROOTS).map(([name, root]) => [name, Reflect.ownKeys(root).map(String).sort()]), Reflect.ownKeys(globalThis).map(String).sort()]);

let before = "";
beforeEach(() => { before = portrait(); });
afterEach(() => {
  expect(portrait()).toBe(before);
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
});

/** Names that every object has something under, but for `__proto__`, which no field may have. */
const INHERITED = Object.getOwnPropertyNames(Object.prototype).filter((name) => name !== "__proto__");

const event = (id: string, type: string, subject: string, data: unknown, hour = 10): string =>
  `{"id":${JSON.stringify(id)},"source":"s","type":${JSON.stringify(type)},"subject":${JSON.stringify(subject)},"time":"2026-03-02T${hour}:00:00Z","data":${typeof data === "string" ? data : JSON.stringify(data)}}`;

interface Run {
  readonly outputs: readonly { readonly subject: string; readonly body: Record<string, unknown> }[];
  readonly members: readonly string[];
  readonly traits: readonly { readonly customer: string; readonly values: Record<string, unknown> }[];
}

function run(source: string, lines: readonly string[]): Run {
  const { program, diagnostics } = compileProgram([{ file: "__proto__.eddy", text: source }]);
  if (program === null) throw new Error(diagnostics.map(({ code, message }) => `${code} ${message}`).join("\n"));
  const outputs: { subject: string; body: Record<string, unknown> }[] = [];
  const replay = createReplay(compile(program), ({ subject, body }) => outputs.push({ subject, body: JSON.parse(body) as Record<string, unknown> }));
  for (const line of lines) replay.line(line);
  replay.until(Date.UTC(2026, 3, 1));
  return { outputs, members: replay.members().map(({ segment, customer }) => `${segment} ${customer}`), traits: replay.traits() as Run["traits"] };
}

describe("names that every object has something under", () => {
  test.each(INHERITED)("%s as the name of everything", (name) => {
    const source = `
      event ${name} { ${name}: number  list: { ${name}: string }[] = [] }
      profile { ${name}: { ${name}: string = "d" } = {}  ${name}x: number? }
      trait ${name}_t = sum(${name}.${name})
      segment ${name}_s when ${name}_t > 5
      channel ${name}_c { at most 5 per day }
      points ${name}_p { earn 1 on ${name} }
      rule ${name}_r { on ${name}  per event.${name}  send ${name}_c "${name}" { ${name}: event.${name}, profile: profile.${name}.${name}, all: event.list.${name} }  set profile.${name}.${name} = "set"  wait 1 hour  emit "${name}" { ${name}: profile.${name}.${name} } }`;
    const { outputs, members, traits } = run(source, [
      event("1", name, name, { [name]: 3, list: [{ [name]: "a" }] }), event("2", name, name, { [name]: 4 }, 11), event("3", "constructor", "other", {}),
    ]);
    expect(outputs.filter(({ subject }) => subject.startsWith("actions.0.")).map(({ body }) => body["data"])).toEqual([
      { [name]: 3, profile: "d", all: ["a"] }, { [name]: "set" }, { [name]: 4, profile: "set", all: [] }, { [name]: "set" },
    ]);
    expect(members).toEqual([`${name}_s ${name}`]);
    expect(traits.find(({ customer }) => customer === name)?.values).toEqual({ [`${name}_t`]: 7 });
  });

  test("as keys of aggregates, texts of a union, values that are compared and looked up", () => {
    const names = [...INHERITED, "__proto__", "0", "1", "-0", "length", "\u2028", ""];
    const union = names.filter((name) => name !== "").map((name) => JSON.stringify(name)).join(" | ");
    const source = `
      event e { key: string  kind: ${union} }
      event asked { key: string }
      trait kinds = distinct(e.kind)
      trait keys = distinct(e.key)
      trait picked = count(e where key in [${names.map((name) => JSON.stringify(name)).join(", ")}])
      rule r { on asked  emit "n" { key: event.key, n: count(e where key == event.key), last: last(e.kind where key == event.key) } }
      ${names.map((name, i) => `rule only_${i} { on e where key == ${JSON.stringify(name)} emit "only_${i}" {} }`).join("\n")}`;
    const lines = names.flatMap((name, i) => [event(`a${i}`, "e", "c", { key: name, kind: name === "" ? "length" : name }), event(`b${i}`, "asked", "c", { key: name })]);
    const { outputs, traits } = run(source, lines);
    const answers = outputs.filter(({ body }) => body["type"] === "emit.n").map(({ body }) => body["data"]);
    expect(answers).toEqual(names.map((name) => ({ key: name, n: 1, last: name === "" ? "length" : name })));
    expect(outputs.filter(({ subject }) => subject.includes("only_")).map(({ subject }) => subject)).toEqual(names.map((_, i) => `actions.0.emit.only_${i}`));
    expect(traits[0]?.values).toEqual({ kinds: names.length - 1, keys: names.length, picked: names.length });
  });

  test("as customers: each has a state of their own", () => {
    const customers = [...INHERITED, "__proto__", "prototype", "0", "length", "\u0000", "a.b", "*", ">"];
    const source = "event e { n: number }\ntrait n = sum(e.n)\nsegment s when n > 0";
    const { members, traits } = run(source, customers.map((customer, i) => event(String(i), "e", customer, { n: i + 1 })));
    expect(new Map(traits.map(({ customer, values }) => [customer, values["n"]]))).toEqual(new Map(customers.map((customer, i) => [customer, i + 1])));
    expect(members).toHaveLength(customers.length);
  });

  test("no field is called __proto__, in no place", () => {
    for (const source of [
      "event e { __proto__: string }", "event e { a: { __proto__: string } }", "profile { __proto__: string? }", 'event e { a: string from "__proto__" }',
      "event e\nrule r { on e emit \"x\" { __proto__: 1 } }", "event e { a: string }\ntrait t = { __proto__: 1 }",
      "event e { a: { b: string } }\ntrait t = last(e.a).__proto__", "event e { a: string }\ntrait t = last(e.a).constructor", "event e\nprofile { a: string? }\nrule r { on e set profile.__proto__ = \"x\" }",
      "event e { a: { b: string }[] }\ntrait t = last(e.a.__proto__)", "event e { a: string[] }\ntrait t = last(e.a).length", "event e { a: string }\nrule r { on e emit \"x\" { a: event.constructor } }",
    ]) {
      const { program, diagnostics } = compileProgram([{ file: "x.eddy", text: source }]);
      expect([source, program === null, diagnostics.length > 0]).toEqual([source, true, true]);
    }
  });
});

describe("events", () => {
  const SOURCE = `
    event e { n: number  rec: { a: string?, b: { c: number }? }?  list: { a: string? }[] = [] }
    profile { a: string?  rec: { x: string = "x" } = {} }
    trait n = sum(e.n)
    rule r { on e  emit "r" { rec: event.rec, list: event.list, profile: profile.rec } }`;

  test("prototypes in JSON change nothing, at any depth, by any spelling", () => {
    const evil = '{"polluted":true,"n":99,"a":"bad","toString":1}';
    const lines = [
      event("1", "e", "c", `{"n":1,"__proto__":${evil}}`), event("2", "e", "c", `{"n":1,"rec":{"__proto__":${evil}},"list":[{"__proto__":${evil}}]}`),
      event("3", "e", "c", `{"n":1,"\\u005f_proto__":${evil},"constructor":{"prototype":${evil}}}`),
      event("4", "profile_updated", "c", `{"__proto__":${evil},"rec":{"__proto__":{"x":"bad"},"constructor":{"prototype":${evil}}}}`),
      event("5", "e", "c", '{"n":1,"rec":{"a":"\\ud800","__proto__":{"a":"\\udc00"}},"__proto__":"\\ud800"}'),
      `{"__proto__":{"id":"x","type":"e","subject":"c","data":{"n":5}}}`, `{"id":"6","type":"e","subject":"c","time":"2026-03-02T12:00:00Z","__proto__":{"data":{"n":5}}}`,
    ];
    const { outputs, traits } = run(SOURCE, lines);
    expect(traits.map(({ values }) => values)).toEqual([{ n: 4 }]);
    const bodies = outputs.filter(({ body }) => body["type"] === "emit.r").map(({ body }) => body["data"]);
    expect(bodies).toEqual([
      { rec: null, list: [], profile: { x: "x" } }, { rec: {}, list: [{}], profile: { x: "x" } }, { rec: null, list: [], profile: { x: "x" } },
      { rec: { a: "\ufffd" }, list: [], profile: { x: "x" } },
    ]);
    expect(outputs.filter(({ subject }) => subject.startsWith("dead.")).map(({ subject }) => subject)).toEqual(["dead.0.not_an_event", "dead.0.schema"]);
  });

  test("nested a hundred thousand times: refused or passed over, never thrown", () => {
    const deep = `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`;
    const list = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    const { traits, outputs } = run(SOURCE, [
      event("1", "e", "c", `{"n":1,"unknown":${deep}}`), event("2", "e", "c", `{"n":1,"unknown":${list},"text":"\\ud800"}`), event("3", "e", "c", `{"n":${deep}}`),
      event("4", "e", "c", list), event("5", "e", "c", `{"n":1,"rec":${deep}}`), deep, list, event("6", "e", "c", '{"n":1}'),
    ]);
    expect(traits[0]?.values["n"]).toBe(3);
    expect(outputs.filter(({ subject }) => subject.startsWith("dead.")).length).toBeGreaterThanOrEqual(5);
  });

  test("numbers at the ends, and texts that are none", () => {
    const { traits, outputs } = run(SOURCE, ["1e999", "-1e999", "-0", "1e308", "-1e308", "5e-324", '"1"', "true", "[1]", "{}", "NaN", "0x10", "1e400000"].map((n, i) => event(String(i), "e", "c", `{"n":${n}}`)));
    expect(traits[0]?.values["n"]).toBe(5e-324);
    expect(outputs.filter(({ subject }) => subject.startsWith("dead."))).toHaveLength(9);
  });
});

describe("chains of traits", () => {
  const source = (length: number): string =>
    `event e\n${Array.from({ length }, (_, i) => `trait t${i} = ${i === 0 ? "count(e) over 1 day" : `t${i - 1} + 1`}`).join("\n")}\nsegment s when t${length - 1} >= ${length}`;

  test("as long as they may be, they fit onto the stack", () => {
    expect(run(source(3_000), [event("1", "e", "c", {})]).outputs.map(({ subject }) => subject)).toEqual(["segments.0.s.entered", "segments.0.s.left"]);
  }, 20_000);

  test("longer ones, and those that would be looked through again and again, are refused with a sentence", () => {
    const doubled = `event e { n: number }\ntrait c0 = sum(e.n) over 7 days\n${Array.from({ length: 60 }, (_, i) => `trait c${i + 1} = c${i} + c${i}`).join("\n")}`;
    for (const text of [source(20_000), doubled]) {
      const { program, diagnostics } = compileProgram([{ file: "x.eddy", text }]);
      expect([program, diagnostics.some(({ code }) => code === "E0305")]).toEqual([null, true]);
    }
  }, 20_000);
});

describe("test blocks", () => {
  test("hostile names and values: data, as everywhere", () => {
    const { told, outcomes } = ran({ file: "__proto__.eddy", text: `
      event e { s: string  constructor: number = 1 }
      profile { toString: string? }
      rule r { on e  emit "x" { constructor: event.constructor, s: event.s } }
      test "__proto__ \${globalThis.polluted = true} \\u2028" {
        profile { toString: "constructor" }
        at 2026-03-02 10:00 e { s: "\\"; globalThis.polluted = true; //" }
        expect emit "x" { constructor: 1, s: "\\"; globalThis.polluted = true; //" }
      }` });
    expect(told).toBe("");
    expect(outcomes).toHaveLength(1);
  });
});

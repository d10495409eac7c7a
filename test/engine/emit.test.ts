/** Text of the author's never becomes code: hostile strings wherever a program can hold text, and a canary that is watched. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import type { Expr, Program } from "../../dsl/program.js";
import * as tree from "../../dsl/check/trees.js";
import { BOOLEAN, NUMBER, STRING } from "../../dsl/check/types.js";
import { compile } from "../../engine/compile/compiled.js";
import { interpret } from "../../engine/compile/interpret.js";
import { newContext } from "../../engine/customer.js";
import { createReplay } from "../../engine/replay.js";
import { parseEventSubject } from "../../engine/subjects.js";

const STRIKE = "globalThis.canary = 'dead'";
/** Each would get out of one kind of literal, comment or template. */
const HOSTILE = [
  `"; ${STRIKE}; "`, `'; ${STRIKE}; '`, `\`; ${STRIKE}; \``, `\\"; ${STRIKE}; //`, `\\\\"; ${STRIKE}; //`, "${" + STRIKE + "}", `*/ ${STRIKE} /*`, `// \n${STRIKE}`,
  `\u2028${STRIKE}\u2029`, `</script><script>${STRIKE}</script>`, `]; ${STRIKE}; [`, `}); ${STRIKE}; ({`, "__proto__", "constructor", "prototype", "toString", "hasOwnProperty",
  "\u0000", "\\", "\\u0022", "'", '"', "`", "\ufeff", "🙂", "x".repeat(200), "k[0]", "x.now", "{skip}", "$&$'$`", "return false;",
];

interface Watched { canary?: string }
const watched = globalThis as Watched;
beforeEach(() => { watched.canary = "alive"; });
afterEach(() => {
  expect(watched.canary).toBe("alive");
  delete watched.canary;
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
});

const text = (value: string): string => JSON.stringify(value);

/** The rest of a program in which there is none of it. */
const NOTHING_ELSE = { retain: null, points: [], tiers: [], experiments: [], watches: [], rankings: [], populations: [], metrics: [], policies: [] } as const;

describe("hostile text", () => {
  test.each(HOSTILE)("in every place of a program: %j", (hostile) => {
    const t = text(hostile);
    // A name on the wire may be anything but __proto__; a template or a type on the wire must be a token of a subject.
    const wire = hostile === "__proto__" ? '"other"' : t;
    const source = `
      event e from ${text(`e ${hostile}`)} { s: string from ${wire}  u: "plain" | ${text(`u${hostile}`)}  list: { a: string from ${wire} }[] = []  n: number = 1 }
      profile { timezone: string = ${t}  name: string = ${t}  rec: { a: string = ${t} }  many: string[] = [${t}, "x"] }
      trait joined = profile.name + ${t} + last(e.s)
      trait picked = if profile.name == ${t} then ${t} else "no"
      trait listed = count(e where s in [${t}, "b", "c", "d", "e", "f"] and list.a contains ${t})
      trait liked = count(e where s like ${t})
      trait inside = any(profile.many where profile.name == ${t})
      trait kept = { a: ${t}, constructor: ${t}, toString: [${t}] }
      segment seg ${t} when profile.name == ${t} or count(e where s == ${t}) over 7 days > 0
      channel mail { when profile.name != ${text(`not${hostile}`)} }
      rule r ${t} {
        on e where s == ${t} or s != ${t}
        until e where s == ${text(`never${hostile}`)}
        send mail ${t} { a: ${t}, constructor: event.s, name: profile.rec.a }
        emit ${t} { a: [${t}, event.s], profile: profile.rec }
        set profile.name = ${text(`${hostile}!`)}
        wait 1 hour
        emit "later" { s: event.s }
      }`;
    const { program, diagnostics } = compileProgram([{ file: "hostile.eddy", text: source }]);
    if (program === null) throw new Error(diagnostics.filter(({ severity }) => severity === "error").map(({ code, message }) => `${code} ${message}`).join("\n"));
    const outputs: { subject: string; body: string }[] = [];
    const replay = createReplay(compile(program), (output) => outputs.push(output));
    const data = JSON.parse(`{${wire}:${t},"u":"plain","list":[{${wire}:${t}}]}`) as unknown;
    const send = (id: string, time: string): void => replay.line(JSON.stringify({ id, source: hostile, type: `e ${hostile}`, subject: hostile, time, data }));
    send("1", "2026-03-02T10:00:00Z");
    send(hostile, "2026-03-02T11:30:00Z");
    replay.until(Date.UTC(2026, 3, 2));
    const bodies = outputs.map(({ body }) => JSON.parse(body) as { type: string; subject: string; data: Record<string, unknown> });
    const of = (type: string): Record<string, unknown>[] => bodies.filter((body) => body.type === type).map((body) => body.data);
    expect(bodies.every(({ subject }) => subject === hostile)).toBe(true);
    expect(of(`mail.${hostile}`)[0]).toEqual({ a: hostile, constructor: hostile, name: hostile });
    expect(of(`emit.${hostile}`)[0]).toEqual({ a: [hostile, hostile], profile: { a: hostile } });
    expect(of("emit.later")).toEqual([{ s: hostile }, { s: hostile }]);
    expect(of("segment.entered")).toEqual([{ segment: "seg" }]);
    for (const { subject } of outputs) expect(subject).toMatch(/^[A-Za-z0-9_%.-]+$/);
    const [traits] = replay.traits();
    expect(traits?.values).toMatchObject({
      joined: `${hostile}!${hostile}${hostile}`, picked: "no", listed: 2, inside: false, kept: { a: hostile, constructor: hostile, toString: [hostile] },
    });
    expect(parseEventSubject(`events.${outputs[0]?.subject.split(".").at(-1) ?? ""}.c`)).not.toBeNull();
  });

  test("a template that no subject can hold ends nothing", () => {
    for (const template of ["x".repeat(2000), "漢".repeat(200), "half \ud800"]) {
      const { program } = compileProgram([{ file: "t.eddy", text: `event e\nrule r { on e emit "x" }` }]);
      if (program === null) throw new Error("the program is wrong");
      const rules = JSON.parse(JSON.stringify(program.rules).replace('"name":"x"', `"name":${text(template)}`)) as Program["rules"];
      const outputs: string[] = [];
      const replay = createReplay(compile({ ...program, rules }), ({ subject, body }) => outputs.push(subject, (JSON.parse(body) as { type: string }).type));
      replay.line(JSON.stringify({ id: "1", type: "e", subject: "c", time: "2026-03-02T10:00:00Z" }));
      expect(outputs).toEqual([expect.stringMatching(/^actions\.0\.emit\.[0-9a-f]{32}$/), `emit.${template}`]);
    }
  });

  // The checker would refuse most of these names; the emitter does not rely on it.
  test("names that no checker has seen", () => {
    for (const name of HOSTILE) {
      const fields = [{ name, wire: name, type: STRING, maybe: true }, { name: "rec", wire: "rec", type: { k: "record" as const, fields: [{ name, wire: name, type: NUMBER, maybe: false, default: 3 }] }, maybe: false, default: {} }];
      const profile = tree.node({ k: "input", of: "profile" }, { k: "record", fields }, false);
      const row = tree.node({ k: "input", of: "row" }, { k: "record", fields }, false);
      const field = (of: Expr): Expr => tree.node({ k: "field", of, name }, STRING, true);
      const rec = (of: Expr): Expr => tree.node({ k: "field", of: tree.node({ k: "field", of, name: "rec" }, fields[1]?.type ?? NUMBER, false), name }, NUMBER, false);
      const list = tree.node({ k: "list", items: [row, row] }, { k: "list", of: row.type, maybe: false }, false);
      const exprs: Expr[] = [
        field(profile), field(row), rec(profile), rec(row), tree.record([{ name, value: tree.text(name) }]),
        tree.node({ k: "pluck", of: list, name }, { k: "list", of: STRING, maybe: true }, false),
        tree.node({ k: "in", value: field(row), items: HOSTILE.map(tree.text) }, BOOLEAN, false), tree.compare("==", field(row), tree.text(name)),
      ];
      const program: Program = {
        events: [{ name: "e", wire: name, fields }], profile: fields, aggregates: [], channels: [], rules: [], segments: [], order: [], ...NOTHING_ELSE, hash: name,
        traits: exprs.map((value, i) => ({ name: `t${i}`, value })),
      };
      const compiled = compile(program);
      for (const data of [{}, JSON.parse(`{${text(name)}:${text(name)},"rec":{${text(name)}:7}}`) as object]) {
        const x = newContext();
        x.customer = { ...x.customer, profile: data as never };
        x.row = { rec: {}, ...data };
        exprs.forEach((expr, i) => expect(compiled.traits[i]?.value(x) ?? null).toEqual(interpret(program, x, expr)));
      }
    }
  });

  test("numbers of every size stand for themselves", () => {
    for (const n of [0, -0, -1, 1e21, 5e-324, -1.7976931348623157e308, Number.MAX_VALUE, 0.1 + 0.2, 2 ** 53]) {
      const minus = tree.node({ k: "negate", of: tree.number(n) }, NUMBER, false);
      const program: Program = { events: [], profile: [], aggregates: [], channels: [], rules: [], segments: [], order: [], ...NOTHING_ELSE, hash: "", traits: [{ name: "a", value: tree.number(n) }, { name: "b", value: minus }] };
      const { traits } = compile(program);
      expect(traits[0]?.value(newContext())).toBe(n === 0 ? 0 : n);
      expect((traits[1]?.value(newContext()) as number) + 0).toBe(-n + 0);
    }
  });
});

describe("programs that are large or strange", () => {
  const built = (source: string): ReturnType<typeof compile> => {
    const { program, diagnostics } = compileProgram([{ file: "large.eddy", text: source }]);
    if (program === null) throw new Error(diagnostics.map(({ code, message }) => `${code} ${message}`).join("\n"));
    return compile(program);
  };
  const nested = (depth: number): string => (depth === 0 ? "n >= 1" : depth % 2 === 0 ? `(n >= ${depth} and ${nested(depth - 1)})` : `(hour(now) > ${depth % 24} or ${nested(depth - 1)})`);

  test("conditions that nest, and traits that refer to one trait twice, compile in no time", () => {
    const chain = Array.from({ length: 10 }, (_, i) => `trait c${i + 1} = (c${i} or count(e) over ${i + 2} days > 3) and not c${i}`).join("\n");
    const before = process.cpuUsage().user;
    const { segments } = built(`event e\ntrait n = count(e) over 7 days\nsegment deep when ${nested(80)}\ntrait c0 = count(e) over 1 day > 1\n${chain}\nsegment chained when c10`);
    expect((process.cpuUsage().user - before) / 1e6).toBeLessThan(5);
    const x = newContext();
    x.now = Date.UTC(2026, 2, 2, 10);
    const deep = segments.find(({ name }) => name === "deep");
    expect(deep?.enter.next?.(x)).toBeGreaterThan(x.now);
  });

  test("lists under names that every object has something under", () => {
    const compiled = built(`
      event e { valueOf: number[]?  constructor: { toString: { n: number }[]? }? }
      trait a = sum(e.valueOf)
      trait b = sum(e.constructor.toString.n)
      rule r { on e emit "x" { a: a, b: b } }`);
    const bodies: unknown[] = [];
    const replay = createReplay(compiled, ({ body }) => bodies.push((JSON.parse(body) as { data: unknown }).data));
    for (const [i, data] of [{}, { valueOf: [1, 2] }, { constructor: {} }, { constructor: { toString: [{ n: 5 }] } }].entries()) {
      replay.line(JSON.stringify({ id: `${i}`, type: "e", subject: "c", time: "2026-03-02T10:00:00Z", data }));
    }
    expect(bodies).toEqual([{ a: 0, b: 0 }, { a: 3, b: 0 }, { a: 3, b: 0 }, { a: 3, b: 5 }]);
  });

  test("records are what is declared: undeclared fields neither distinguish them nor leave", () => {
    const compiled = built(`
      event e { place: { city: string }  items: { sku: string }[]  at: time? }
      profile { homes: { city: string }[] = [] }
      rule same { on e where place == { city: "Oslo" } emit "same" { items: last(e.items), place: event.place, homes: profile.homes, known: [{ sku: "s" }] contains event.items[0] } }`);
    const bodies: unknown[] = [];
    const replay = createReplay(compiled, ({ body }) => bodies.push((JSON.parse(body) as { data: unknown }).data));
    const line = (id: string, type: string, data: unknown): void => replay.line(JSON.stringify({ id, type, subject: "c", time: "2026-03-02T10:00:00Z", data }));
    line("1", "profile_updated", { homes: [{ city: "Rome", secret: 1 }] });
    line("2", "e", { place: { city: "Oslo", secret: 1 }, items: [{ sku: "s", secret: { deep: 1 } }], secret: 2 });
    expect(bodies).toEqual([{ items: [{ sku: "s" }], place: { city: "Oslo" }, homes: [{ city: "Rome" }], known: true }]);
  });

  test("numbers that lead beyond every calendar end nothing", () => {
    const compiled = built(`
      event e { n: number  at: time }
      profile { until: time? }
      trait far = last(e.at) + 1 day * last(e.n)
      trait age_then = age(date(last(e.at)) + 1 day * last(e.n))
      segment later when last(e.at) + 1 day * last(e.n) > now
      segment by_hour when hour(last(e.at) + 1 day * last(e.n)) > 3
      segment by_age when age(date(last(e.at)) + 1 day * last(e.n)) > 3
      rule r {
        on e
        emit "now" { far: event.at + 1 day * event.n, day: date(event.at) + 1 day * event.n, month: event.at + 1 day * event.n + 6 months, n: event.n * event.n }
        set profile.until = event.at + 1 day * event.n
        wait 1 day * event.n
        emit "waited"
      }`);
    const outputs: string[] = [];
    const replay = createReplay(compiled, ({ subject, body }) => outputs.push(`${subject} ${JSON.stringify((JSON.parse(body) as { data: unknown }).data)}`));
    for (const n of [1, 1e6, 1e9, 1e13, 1e20, 1e300, -1e9, -1e300, 0]) {
      replay.line(JSON.stringify({ id: `${n}`, type: "e", subject: `c${n}`, time: "2026-03-02T10:00:00Z", data: { n, at: "2026-03-02T10:00:00Z" } }));
    }
    replay.until(Date.UTC(2100, 0, 1));
    expect(outputs.filter((line) => line.startsWith("actions.0.emit.now"))).toHaveLength(9);
    expect(outputs.filter((line) => line.startsWith("actions.0.emit.waited"))).toHaveLength(4);
    expect(outputs.find((line) => line.includes('"n":1e+40'))).toContain('"far":null,"day":null,"month":null');
    expect(replay.traits()).toHaveLength(9);
  });
});

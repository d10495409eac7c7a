/** What operators are told of a partition's work: counters by name, and lines of the log. */
import { describe, expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { compile, type Compiled } from "../../engine/compile/compiled.js";
import { decodeLine, type Work } from "../../engine/decode.js";
import type { Environment } from "../../engine/environment.js";
import { createPartition, take, type Partition } from "../../engine/partition.js";
import { supplyWakes } from "../../engine/supplying.js";
import type { Piece } from "../../engine/population/piece.js";
import { summarise } from "../../engine/population/summary.js";
import { tellOf } from "../../engine/reporting.js";
import { engineStats } from "../../engine/stats.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

function compiled(text: string): Compiled {
  const { program, diagnostics } = compileProgram([{ file: "p.eddy", text }]);
  if (program === null) throw new Error(diagnostics.map(({ code, message }) => `${code} ${message}`).join("\n"));
  return compile(program);
}

const start = (text: string): Partition => createPartition(compiled(text), { index: 0, clock: "event", cacheCustomers: Infinity }, engineStats());

let sequence = 0;
function line(p: Partition, text: string): void {
  expect(take(p, decodeLine(p.compiled, text, ++sequence))).toBe("done");
}
const event = (type: string, subject: string, atMs: number, data: object = {}): string =>
  JSON.stringify({ specversion: "1.0", id: `e${sequence + 1}`, source: "t", type, subject, time: new Date(atMs).toISOString(), data });

interface Told {
  readonly environment: Environment;
  readonly said: (readonly [level: string, message: string, fields: unknown])[];
  seconds: number;
}

function told(): Told {
  const self: Told = {
    said: [], seconds: 0,
    environment: {
      now: () => 0, seconds: () => self.seconds, token: () => "t", pause: () => Promise.resolve(),
      log: (level, message, fields) => void self.said.push([level, message, fields]),
    },
  };
  return self;
}

describe("dead letters in the log", () => {
  test("one line of each reason in ten seconds, with how many there were since; nothing of what they held", () => {
    const p = start("event a { n: number }\nrule r { on a  emit \"x\" }");
    const t = told();
    const bad = (): void => line(p, event("a", "c1", HOUR, { n: "secret-street 5" }));
    bad();
    line(p, "{ secret-name");
    tellOf(p, t.environment);
    expect(t.said).toEqual([
      ["warn", "an event could not be processed and became a dead letter", { reason: "schema", detail: expect.stringContaining("data.n"), subject: expect.any(String), sequence: sequence - 1, partition: 0, count: 1 }],
      ["warn", "an event could not be processed and became a dead letter", { reason: "not_json", detail: expect.any(String), subject: `line ${sequence}`, sequence, partition: 0, count: 1 }],
    ]);
    expect(JSON.stringify(t.said)).not.toContain("secret");
    t.seconds = 9.9;
    bad();
    bad();
    tellOf(p, t.environment);
    expect(t.said).toHaveLength(2);
    t.seconds = 10;
    bad();
    tellOf(p, t.environment);
    expect(t.said[2]?.[2]).toMatchObject({ reason: "schema", sequence, count: 3 });
    tellOf(p, t.environment);
    expect(t.said).toHaveLength(3);
  });

  test("an action that is too large is one, too", () => {
    const p = start("event a { s: string }\nrule r { on a  emit \"x\" { s: event.s, t: event.s } }");
    const t = told();
    line(p, event("a", "c1", HOUR, { s: "x".repeat(600_000) }));
    tellOf(p, t.environment);
    expect(t.said.map(([, , fields]) => fields)).toEqual([expect.objectContaining({ reason: "too_large", sequence, count: 1 })]);
  });
});

test("percentiles of a new day are told once; those of before are no news", () => {
  const p = createPartition(
    compiled("event a { n: number }\ntrait best = percentile(sum(a.n) among count(a) >= 1) >= 50\nrule r { on a  when best  emit \"x\" }"),
    { index: 2, partitions: 3, clock: "event", cacheCustomers: 100 }, engineStats(),
  );
  supplyWakes(p, [], true);
  const t = told();
  tellOf(p, t.environment);
  expect([t.said, p.stats.figuresDrawnUp.get(2)]).toEqual([[], 0]);
  const { population } = p;
  if (population === null) throw new Error("the rules rank");
  const key = p.compiled.program.rankings[0]?.key ?? "";
  const say = (source: number, day: number): void => {
    const piece: Piece = { day, source, part: 1, parts: 1, rankings: new Map([[key, summarise([])]]) };
    const work: Work = { k: "population", sequence: ++sequence, arrived: 0, stamp: NaN, piece };
    expect(take(p, work)).toBe("done");
    tellOf(p, t.environment);
  };
  say(0, 5);
  say(1, 5);
  expect(t.said).toEqual([]);
  say(2, 5);
  expect(t.said).toEqual([["info", "percentiles of a new day are in force", { partition: 2, drawnUpFor: "1970-01-06T00:00:00.000Z" }]]);
  expect(p.stats.figuresDrawnUp.get(2)).toBe(5 * DAY);
  say(0, 6);
  expect(t.said).toHaveLength(1);
});

describe("counters", () => {
  test("an event with a name on the wire is counted under the name that the rules give it", () => {
    const p = start("event bought from \"Order Completed\" { n: number }\nrule r { on bought  emit \"x\" }");
    const once = event("Order Completed", "c1", HOUR, { n: 1 });
    line(p, once);
    line(p, once);
    line(p, event("Order Completed", "c1", HOUR, { n: "one" }));
    expect([...p.stats.events]).toEqual([["bought", { processed: 1, unmentioned: 0, duplicate: 1, dead: 1, erased: 0 }]]);
  });

  test("only events that come with an earlier stamp than one before have gone back", () => {
    const p = start("event a {}\nrule r { on a  emit \"x\" }");
    line(p, event("a", "c1", 2 * DAY));
    line(p, event("a", "c2", 2 * DAY));
    expect(p.stats.stampsBackwards).toBe(0);
    line(p, event("a", "c2", 2 * DAY - 1));
    line(p, event("unheard_of", "c2", 2 * DAY - 1));
    expect(p.stats.stampsBackwards).toBe(2);
    line(p, event("a", "c1", 3 * DAY));
    expect(p.stats.stampsBackwards).toBe(2);
  });

  test("ticks, and what is said of customers, may be behind the clock", () => {
    const p = start("event a { n: number }\ntrait best = percentile(sum(a.n) among count(a) >= 1) >= 50\nrule r { on a  when best  emit \"x\" }");
    line(p, event("a", "c1", 10 * DAY, { n: 1 }));
    const piece = { day: 4, source: 0, part: 1, parts: 1, rankings: new Map() } satisfies Piece;
    for (const work of [{ k: "tick" }, { k: "population", piece }] as const) take(p, { ...work, sequence: ++sequence, arrived: 0, stamp: 4 * DAY } as Work);
    // The clock was moved by a tick; the event behind it follows its own kind.
    take(p, { k: "tick", sequence: ++sequence, arrived: 0, stamp: 12 * DAY });
    line(p, event("a", "c1", 11 * DAY, { n: 1 }));
    expect(p.stats.stampsBackwards).toBe(0);
  });

  test("runs end by their steps, by until, crowded out, and with their customer; starts less ends are under way", () => {
    const p = start(`
event a { n: number }
event b {}

profile { ok: boolean = true }
channel mail { quiet 00:00 to 06:00 }
rule done  { on a  wait 1 hour  emit "x" }
rule stopped { on a  until b  wait 30 days }
rule many { on a  per event.n  wait 30 days }
rule again { on a  repeat restart  wait 30 days }
rule night { on b  send mail "m" }
`);
    for (let n = 0; n < 33; n++) line(p, event("a", "c1", DAY + 8 * HOUR, { n }));
    line(p, event("a", "c2", DAY + 8 * HOUR, { n: 0 }));
    line(p, event("b", "c1", 2 * DAY + HOUR));
    const ended = (rule: string): unknown => p.stats.runsEnded.get(rule);
    const none = { done: 0, until: 0, crowded_out: 0, erased: 0, merged: 0 };
    expect(ended("done")).toEqual({ ...none, done: 2 });
    expect(ended("stopped")).toEqual({ ...none, until: 1 });
    expect(ended("many")).toEqual({ ...none, crowded_out: 1 });
    expect(ended("again")).toBeUndefined();
    expect([...p.stats.runsCrowdedOut]).toEqual([["many", 1]]);
    expect([...p.stats.messagesHeld]).toEqual([["mail", 1]]);
    line(p, event("customer_erased", "c1", 2 * DAY + 2 * HOUR));
    expect(ended("night")).toEqual({ ...none, erased: 1 });
    const customers = ["c1", "c2"].map((id) => p.cache.get(id));
    for (const rule of p.compiled.rules) {
      const under = customers.flatMap((customer) => customer?.runs ?? []).filter((run) => run.rule === rule.index).length;
      const ends = Object.values(p.stats.runsEnded.get(rule.name) ?? none).reduce((a, b) => a + b, 0);
      expect([rule.name, (p.stats.ruleStarted.get(rule.name) ?? 0) - ends]).toEqual([rule.name, under]);
    }
    expect(p.stats.suppressed.get("mail")?.get("night")?.ended).toBe(1);
  });
});

/** Two engines over one log, compared as they go: the same differences as side by side over a file, and nothing outside. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { compileProgram } from "../../dsl/compile.js";
import { compile, type Compiled } from "../../engine/compile/compiled.js";
import { startEngine, type Engine } from "../../engine/engine.js";
import { replayAgainst } from "../../engine/shadow/history.js";
import { startShadow, type Shadow, type ShadowReport } from "../../engine/shadow/shadow.js";
import { engineStats } from "../../engine/stats.js";
import { eventSubject, parseEventSubject, partition } from "../../engine/subjects.js";
import { appendTo, newWorld, opened, quiet, simulatedEnvironment, type World } from "../engine/simulated-ports.js";
import { lives, programText, type RuleData } from "../engine/random-rules.js";

const PARTITIONS = 2;

function compiled(text: string): Compiled {
  const { program } = compileProgram([{ file: "a.eddy", text }]);
  if (program === null) throw new Error(`does not compile:\n${text}`);
  return compile(program);
}

interface Happened { readonly customer: string; readonly at: number; readonly type: string; readonly data: object }

const lineOf = ({ customer, at, type, data }: Happened, n: number): string =>
  JSON.stringify({ specversion: "1.0", id: `e${n}`, source: "s", type, subject: customer, time: new Date(at).toISOString(), data });

interface Stage {
  readonly world: World;
  readonly scope: World;
  readonly said: string[];
  append(happened: readonly Happened[]): void;
  /** The live engine ends, and another one begins. */
  restart(): Promise<void>;
  /** So does the shadow, with the same program or another. */
  shadowAgain(compiled: Compiled): Promise<void>;
  settled(): Promise<void>;
  report(): ShadowReport;
  end(forget?: boolean): Promise<void>;
}

/** A live engine with a shadow beside it, behind a history. */
async function stage(old: Compiled, now: Compiled, history: readonly Happened[]): Promise<Stage> {
  const [world, scope] = [newWorld(PARTITIONS), newWorld(PARTITIONS)];
  const said: string[] = [];
  let events = 0;
  const append = (happened: readonly Happened[]): void => appendTo(world, happened.map((one) => ({ subject: eventSubject(one.type, one.customer), body: lineOf(one, ++events) })));
  const environment = { ...simulatedEnvironment(world), log: (_: string, message: string) => void said.push(message) };
  let shadow: Shadow;
  let shadowed = now;
  const stats = engineStats();
  let live: Engine | null = null;
  const startShadowNow = (): void => {
    const ports = opened(scope, () => "none", () => 10);
    const { log, store } = opened(world, () => "none", () => 10);
    const empty = (): Promise<void> => {
      scope.shared.clear();
      scope.stores.splice(0, PARTITIONS, ...newWorld(PARTITIONS).stores);
      return Promise.resolve();
    };
    shadow = startShadow({ compiled: shadowed, live: old, log, store, scope: ports.store, empty, drop: empty, environment, stats, rate: Infinity, cacheCustomers: 100 });
  };
  const startLive = (): void => {
    const ports = opened(world, () => "none", () => 10);
    live = startEngine(old, { ...ports, store: { ...shadow.store } }, { cacheCustomers: 100, limits: { maxOutbox: 100, keepPublished: 100 }, watch: (of) => shadow.watch(of) }, environment, stats);
  };
  const settled = async (): Promise<void> => {
    for (const each of [world, scope, world, scope]) await quiet(each, () => false);
  };
  // At first the live engine is alone.
  append(history);
  const alone = startEngine(old, opened(world, () => "none", () => 10), { cacheCustomers: 100, limits: { maxOutbox: 100, keepPublished: 100 } }, environment, stats);
  await settled();
  await alone.stop();
  startShadowNow();
  startLive();
  return {
    world, scope, said, append, settled,
    report: () => shadow.report(),
    async restart() {
      await live?.stop();
      startLive();
    },
    async shadowAgain(compiled) {
      shadowed = compiled;
      await live?.stop();
      await shadow.stop(false);
      startShadowNow();
      startLive();
    },
    async end(forget = true) {
      await live?.stop();
      await shadow.stop(forget);
    },
  };
}

const RULES = (least: number, hours: number): string => `
event bought { total: number }
event visited
segment vip when sum(bought.total) >= ${least}
segment around when count(visited) over 2 days > 0
rule hello { on enter vip emit "hello" }
rule later { on visited wait ${hours} hours emit "later" }
rule same { on visited emit "same" }
`;
const DAY = Date.parse("2026-03-02T00:00:00Z");
const bought = (customer: string, hour: number, total: number): Happened => ({ customer, at: DAY + hour * 3_600_000, type: "bought", data: { total } });
const visited = (customer: string, hour: number): Happened => ({ customer, at: DAY + hour * 3_600_000, type: "visited", data: {} });

describe("a shadow", () => {
  test("counts who differs in the stores once, follows it from there, and says what each alone would do", async () => {
    const s = await stage(compiled(RULES(100, 1)), compiled(RULES(50, 2)), [bought("a", 1, 60), bought("b", 2, 120), bought("c", 3, 10), visited("c", 3)]);
    await s.settled();
    const before = s.report();
    expect(before.partitions).toEqual({ all: 2, compared: 2 });
    expect(before.segments.get("vip")).toMatchObject({ members: { old: 1, new: 2 }, entered: { count: 1, examples: ["a"] }, left: { count: 0 }, turns: { alone: { old: 0, new: 0 } } });
    expect(before.segments.get("around")).toMatchObject({ entered: { count: 0 }, left: { count: 0 } });
    const outputs = JSON.stringify(s.world.outputs);
    s.append([bought("a", 4, 50), bought("c", 5, 45), visited("a", 6), visited("a", 20)]);
    await s.settled();
    const report = s.report();
    expect(report.segments.get("vip")).toMatchObject({ members: { old: 2, new: 3 }, entered: { count: 1, examples: ["c"] }, left: { count: 0 }, turns: { entered: { old: 1, new: 1 }, alone: { old: 1, new: 1 } } });
    expect(report.rules.get("hello")).toMatchObject({ sent: { old: 1, new: 1 }, more: { nothing: 1 }, fewer: { nothing: 1 } });
    expect(report.rules.get("later")).toMatchObject({ instant: 2, more: { nothing: 0 } });
    expect(report.rules.get("same")).toMatchObject({ sent: { old: 2, new: 2 }, same: 2 });
    expect(report.records).toBeGreaterThan(0);
    expect([report.failure, report.programs.old === report.programs.new]).toEqual([null, false]);
    // Nothing of the shadow has gone out: all there is are the live engine's own.
    expect(outputs).not.toBe(JSON.stringify(s.world.outputs));
    expect([s.scope.outputs, s.scope.records]).toEqual([[[], []], []]);
    expect(s.scope.stores.map(({ outbox }) => outbox.size)).toEqual([0, 0]);
    expect(s.world.records).toHaveLength(8);
    await s.end();
    expect(s.scope.stores.map(({ states }) => states.size)).toEqual([0, 0]);
  });

  test("goes on where it was with the same program, and from the beginning with another", async () => {
    const s = await stage(compiled(RULES(100, 1)), compiled(RULES(50, 2)), [bought("a", 1, 60)]);
    await s.settled();
    await s.shadowAgain(compiled(RULES(50, 2)));
    await s.settled();
    expect(s.report().segments.get("vip")?.entered).toEqual({ count: 1, examples: ["a"] });
    await s.shadowAgain(compiled(RULES(10, 2)));
    s.append([bought("b", 2, 20)]);
    await s.settled();
    expect(s.report().segments.get("vip")?.entered).toMatchObject({ count: 2 });
    expect(s.said.filter((line) => line.startsWith("the shadow "))).toEqual([
      "the shadow begins with the oldest event", "the shadow has caught up: comparing",
      "the shadow goes on where it was", "the shadow has caught up: comparing",
      "the shadow begins with the oldest event", "the shadow has caught up: comparing",
    ]);
    await s.end();
  });
});

test("over random programs and histories, with engines that end and begin again: members as side by side over a file, counts that add up", async () => {
  let differing = 0;
  await fc.assert(fc.asyncProperty(lives, fc.integer({ min: 0, max: 14 }), fc.constantFrom("none", "live", "shadow"), fc.boolean(), async ({ rules, history }, split, again, busier) => {
    const changed = rules.slice(1).map((rule): RuleData => ({ ...rule, cap: { count: 1, hours: 24 } }));
    const texts = [programText(rules), programText(changed)] as const;
    const [old, now] = [compiled(texts[0]), compiled(busier ? texts[1].replace("any(b) over 2 hours", "any(b) over 300 hours") : texts[1])];
    const happened = history.map(({ at, event, key, n, flag, zone, day }, i): Happened => ({
      customer: `c${i % 3}`, at, type: event,
      data: event !== "profile_updated" ? { key, n } : { ...(flag === undefined ? {} : { flag }), ...(zone === undefined ? {} : { timezone: zone }), ...(day === undefined ? {} : { day: day === null ? null : new Date(day * 86_400_000).toISOString().slice(0, 10) }) },
    }));
    const s = await stage(old, now, happened.slice(0, split));
    try {
      for (let i = split; i < happened.length; i += 2) {
        s.append(happened.slice(i, i + 2));
        if (i % 4 === 0) await s.settled();
        if (i === split + 4 && again === "live") await s.restart();
        if (i === split + 4 && again === "shadow") await s.shadowAgain(now);
      }
      await s.settled();
      const found = s.report();
      expect([found.partitions, found.failure]).toEqual([{ all: 2, compared: 2 }, null]);
      // Each partition has a clock of its own: what a file says is asked of each alone.
      const expected = { entered: new Map<string, number>(), left: new Map<string, number>() };
      for (const partition of [0, 1]) {
        const own = s.world.records.filter(({ subject }) => partitionOf(subject) === partition);
        const replay = replayAgainst(old, now);
        own.forEach(({ body }, i) => replay.line(Buffer.from(body).toString(), i + 1));
        for (const [name, { entered, left }] of replay.end(false).segments) {
          expected.entered.set(name, (expected.entered.get(name) ?? 0) + entered.count);
          expected.left.set(name, (expected.left.get(name) ?? 0) + left.count);
        }
      }
      for (const [name, { entered, left }] of found.segments) {
        expect([name, entered.count, left.count]).toEqual([name, expected.entered.get(name), expected.left.get(name)]);
        differing += entered.count + left.count;
      }
      for (const rule of found.rules.values()) {
        const total = (by: Readonly<Record<string, number>>): number => Object.values(by).reduce((sum, n) => sum + n, 0);
        expect(rule.same + rule.payload + rule.instant + total(rule.fewer)).toBe(rule.sent.old);
        expect(rule.same + rule.payload + rule.instant + total(rule.more)).toBe(rule.sent.new);
      }
    } finally {
      await s.end();
    }
  }), { numRuns: 15 });
  expect(differing).toBeGreaterThan(0);
}, 60_000);

const partitionOf = (subject: string): number => {
  const address = parseEventSubject(subject);
  return address === null ? -1 : partition(address.token, PARTITIONS);
};

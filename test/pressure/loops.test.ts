/**
 * Rules that would go round for ever: within an instant, through conditions, profile, tiers and points; and through time,
 * a second after a second, over a day during which nobody looked. Each comes to an end, is counted, and holds nobody up.
 */
import { expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { compile } from "../../engine/compile/compiled.js";
import { decodeLine, type Work } from "../../engine/decode.js";
import { createPartition, take, takePending } from "../../engine/partition.js";
import { createReplay, type Replay } from "../../engine/replay.js";
import { SIZES } from "../../engine/sizes.js";
import { engineStats } from "../../engine/stats.js";

const COMMON = `
event poked
event called
profile { n: number = 0  other: number = 0 }
rule calls { on called  emit "called" { n: count(called) } }
`;

const compiledOf = (rules: string): ReturnType<typeof compile> => {
  const { program, diagnostics } = compileProgram([{ file: "loop.eddy", text: COMMON + rules }]);
  if (program === null) throw new Error(diagnostics.map(({ message }) => message).join("; "));
  return compile(program);
};

const line = (type: string, customer: string, id: string, at: string): string => JSON.stringify({ id, type, subject: customer, time: at, data: {} });

interface Told {
  readonly type: string;
  readonly subject: string;
  readonly time: string;
  readonly data: { readonly n?: number };
}

function replayed(rules: string): { replay: Replay; told: Told[] } {
  const told: Told[] = [];
  return { told, replay: createReplay(compiledOf(rules), ({ body }) => told.push(JSON.parse(body) as Told)) };
}

const WITHIN_AN_INSTANT: readonly (readonly [what: string, rules: string])[] = [
  ["a change that changes itself", "rule loop { on change profile.n  set profile.n = profile.n + 1 }  rule begin { on poked  set profile.n = profile.n + 1 }"],
  ["two rules that undo each other", `
    segment left_side when profile.n == 1
    rule begin { on poked  set profile.n = 1 }
    rule out { on enter left_side  set profile.n = 2 }
    rule back { on leave left_side  set profile.n = 1 }`],
  ["points that move a tier that moves points", `
    points stars { earn 1 on called }
    tier status by stars { low at 0  high at 10 }
    rule begin { on poked  award 10 stars }
    rule rich { on status up  take 10 stars }
    rule poor { on status down  award 10 stars }`],
  ["a ring of three", `
    rule begin { on poked  set profile.n = profile.n + 1 }
    rule one { on change profile.n  set profile.other = profile.other + 1 }
    rule two { on change profile.other  set profile.n = profile.n + 1 }`],
];

test.each(WITHIN_AN_INSTANT)("within an instant: %s is cut, counted, and others go on", (_, rules) => {
  const { replay, told } = replayed(rules);
  const since = performance.now();
  for (let n = 1; n <= 200; n++) {
    const at = new Date(Date.UTC(2026, 2, 2, 10, n)).toISOString();
    replay.line(line("poked", "looping", `p${n}`, at));
    replay.line(line("called", "other", `c${n}`, at));
  }
  expect(performance.now() - since).toBeLessThan(30_000);
  expect(replay.stats.chainsCut).toBeGreaterThan(0);
  expect(replay.stats.chainsCut).toBeLessThanOrEqual(200);
  expect(told.filter(({ type, subject }) => type === "emit.called" && subject === "other").map(({ data }) => data.n)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
});

const SECONDS = `
rule begin { on poked  set profile.n = 1 }
rule again { on change profile.n  wait 1 second  set profile.n = profile.n + 1 }
rule later { on called  wait 6 hours  emit "later" }
`;

test("through time: a day of seconds of one customer is done in parts, in order with everybody else's timers", () => {
  const compiled = compiledOf(SECONDS);
  const p = createPartition(compiled, { index: 0, clock: "event", cacheCustomers: Infinity }, engineStats());
  const sizes: number[] = [];
  const later: string[] = [];
  let longestMs = 0;
  let commits = 0;
  const process = (work: Work): void => {
    for (;;) {
      const since = performance.now();
      const progress = take(p, work);
      longestMs = Math.max(longestMs, performance.now() - since);
      sizes.push(p.pending.wakes);
      if (progress === "done") return;
      expect(progress).toBe("full");
      for (const { message } of takePending(p, ++commits).messages) if (message.subject.endsWith(".later")) later.push((JSON.parse(message.body) as Told).time);
      p.cache.acknowledged(commits);
    }
  };
  process(decodeLine(compiled, line("poked", "looping", "p", "2026-03-02T00:00:00Z"), 1));
  process(decodeLine(compiled, line("called", "other", "c", "2026-03-02T00:00:00Z"), 2));
  process({ k: "tick", sequence: 3, arrived: 0, stamp: Date.parse("2026-03-03T00:00:00Z") });
  expect(p.lateWakes.length).toBe(86_400 + 1);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(SIZES.commitWakes);
  expect(later).toEqual(["2026-03-02T06:00:00Z"]);
  console.info(`86,400 wakes of one customer: ${commits} commits, ${longestMs.toFixed(1)} ms at a time at most`);
  expect(longestMs).toBeLessThan(10_000);
});

/** Random programs, changed at random, over random histories: what is told of them against what each says when it runs alone. */
import fc from "fast-check";
import { expect, test } from "vitest";

import { compileProgram } from "../../dsl/compile.js";
import { compile, type Compiled } from "../../engine/compile/compiled.js";
import { createReplay } from "../../engine/replay.js";
import { replayAgainst, type HistoryDifference } from "../../engine/shadow/history.js";
import { lives, programText, type Happening, type RuleData } from "../engine/random-rules.js";

function compiled(text: string): Compiled {
  const { program } = compileProgram([{ file: "a.eddy", text }]);
  if (program === null) throw new Error(`does not compile:\n${text}`);
  return compile(program);
}

const lineOf = ({ at, event, key, n, flag, zone, day }: Happening, i: number): string => {
  const profile = { ...(flag === undefined ? {} : { flag }), ...(zone === undefined ? {} : { timezone: zone }), ...(day === undefined ? {} : { day: day === null ? null : new Date(day * 86_400_000).toISOString().slice(0, 10) }) };
  // Two customers take turns; who they are makes no difference.
  return JSON.stringify({ specversion: "1.0", id: `e${i}`, source: "s", type: event, subject: `c${i % 2}`, time: new Date(at).toISOString(), data: event === "profile_updated" ? profile : { key, n } });
};

interface Alone {
  /** By rule, then by all that tells a message but its payload: the payloads. */
  readonly sent: ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;
  readonly members: readonly string[];
}

function alone(program: Compiled, lines: readonly string[], end: number): Alone {
  const sent = new Map<string, Map<string, string[]>>();
  const replay = createReplay(program, ({ subject, body }) => {
    if (!subject.startsWith("actions.")) return;
    const { rule, data, id: _, ...rest } = JSON.parse(body) as { rule: string; data: unknown; id: string };
    const places = sent.get(rule) ?? new Map<string, string[]>();
    sent.set(rule, places);
    const place = JSON.stringify(rest);
    places.set(place, [...(places.get(place) ?? []), JSON.stringify(data)]);
  });
  for (const line of lines) replay.line(line);
  replay.until(end);
  return { sent, members: replay.members().map(({ segment, customer }) => `${segment} ${customer}`) };
}

const against = (old: Compiled, now: Compiled, lines: readonly string[], end: number): HistoryDifference => {
  const replay = replayAgainst(old, now);
  lines.forEach((line, i) => replay.line(line, i + 1));
  replay.until(end);
  return replay.end(false);
};

const total = (by: Readonly<Record<string, number>>): number => Object.values(by).reduce((sum, n) => sum + n, 0);

/** Another program out of one: rules fall away, get other steps or caps, or are those of another program. */
const changes = fc.record({ dropped: fc.integer({ min: 0, max: 4 }), capped: fc.boolean(), emptied: fc.boolean(), busier: fc.boolean() });

test("counts add up, match what each program says alone, and are mirrored when the two change places", () => {
  let differing = 0;
  let moved = 0;
  let same = 0;
  fc.assert(fc.property(lives, lives, changes, ({ rules, history, end }, other, change) => {
    const changed = rules.filter((_, i) => i !== change.dropped).map((rule, i): RuleData => ({
      ...rule, ...(change.capped ? { cap: { count: 1, hours: 24 } } : {}),
      ...(change.emptied && i === 0 ? { steps: [{ k: "wait", minutes: 60 }, ...rule.steps] } : {}),
    }));
    const [old, now] = [programText(rules), programText([...changed, ...other.rules.slice(0, 1).map((rule) => ({ ...rule, name: "r9" }))])];
    const programs = [compiled(old), compiled(change.busier ? now.replace("any(b) over 2 hours", "any(b) over 3 hours") : now)] as const;
    const lines = history.map(lineOf);
    const found = against(...programs, lines, end);
    const mirrored = against(programs[1], programs[0], lines, end);
    const [before, after] = [alone(programs[0], lines, end), alone(programs[1], lines, end)];
    for (const [name, rule] of found.rules) {
      const [a, b] = [before.sent.get(name) ?? new Map<string, string[]>(), after.sent.get(name) ?? new Map<string, string[]>()];
      const count = (of: ReadonlyMap<string, readonly string[]>): number => [...of.values()].reduce((sum, list) => sum + list.length, 0);
      const matched = [...a].reduce((sum, [place, list]) => sum + Math.min(list.length, b.get(place)?.length ?? 0), 0);
      expect([rule.sent.old, rule.sent.new, rule.same + rule.payload]).toEqual([count(a), count(b), matched]);
      expect(rule.same + rule.payload + rule.instant + total(rule.fewer)).toBe(rule.sent.old);
      expect(rule.same + rule.payload + rule.instant + total(rule.more)).toBe(rule.sent.new);
      for (const by of [rule.more, rule.fewer]) for (const n of Object.values(by)) expect(n).toBeGreaterThanOrEqual(0);
      const back = mirrored.rules.get(name);
      expect([back?.same, back?.payload, back?.instant, back?.more, back?.fewer]).toEqual([rule.same, rule.payload, rule.instant, rule.fewer, rule.more]);
      differing += total(rule.more) + total(rule.fewer);
      moved += rule.instant;
      same += rule.same;
    }
    const isIn = ({ members }: Alone, segment: string): Set<string> => new Set(members.filter((member) => member.startsWith(`${segment} `)));
    for (const [name, segment] of found.segments) {
      const [was, is] = [isIn(before, name), isIn(after, name)];
      expect([segment.members.old, segment.members.new]).toEqual([was.size, is.size]);
      expect([segment.entered.count, segment.left.count]).toEqual([[...is].filter((one) => !was.has(one)).length, [...was].filter((one) => !is.has(one)).length]);
    }
  }), { numRuns: 50 });
  // All kinds have come up.
  expect(Math.min(differing, moved, same)).toBeGreaterThan(10);
}, 60_000);

test("a program against itself: no difference", () => {
  fc.assert(fc.property(lives, ({ rules, history, end }) => {
    const [old, now] = [compiled(programText(rules)), compiled(programText(rules))];
    const { segments, rules: differences } = against(old, now, history.map(lineOf), end);
    for (const rule of differences.values()) expect([rule.same, rule.payload, rule.instant, total(rule.more), total(rule.fewer), rule.started.new]).toEqual([rule.sent.new, 0, 0, 0, 0, rule.started.old]);
    for (const { entered, left, turns } of segments.values()) expect([entered.count, left.count, turns.alone]).toEqual([0, 0, { old: 0, new: 0 }]);
  }), { numRuns: 30 });
}, 60_000);

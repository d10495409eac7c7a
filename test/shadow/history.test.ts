/** Two programs over the same history: what differs, told apart by what it is, and nothing where they do the same. */
import { describe, expect, test } from "vitest";

import { compileProgram } from "../../dsl/compile.js";
import { renderAll } from "../../dsl/diagnostics/render.js";
import { compile, type Compiled } from "../../engine/compile/compiled.js";
import type { Differing } from "../../engine/shadow/difference.js";
import { replayAgainst, type HistoryDifference } from "../../engine/shadow/history.js";

const COMMON = `
event visited
event bought { total: number }
profile { consent: { email: boolean = false } }
channel email { when profile.consent.email  quiet 21:00 to 08:00  at most 2 per day }
trait spent = sum(bought.total)
`;

function compiled(rules: string, common = COMMON): Compiled {
  const text = common + rules;
  const { program, diagnostics } = compileProgram([{ file: "a.eddy", text }]);
  if (program === null) throw new Error(renderAll(diagnostics, new Map([["a.eddy", text]]), { color: false }));
  return compile(program);
}

type Line = readonly [customer: string, time: string, type: string, data?: object];
const line = ([customer, time, type, data = {}]: Line, n: number): string => JSON.stringify({ specversion: "1.0", id: `e${n + 1}`, source: "s", type, subject: customer, time: `${time}:00Z`, data });

interface Found extends HistoryDifference {
  readonly told: string[];
}

function found(old: Compiled, now: Compiled, history: readonly Line[], until = "2026-03-10T00:00:00Z"): Found {
  const told: string[] = [];
  const minute = (at: number): string => new Date(at).toISOString().slice(5, 16);
  const said = ({ k, message, ...more }: Differing): string =>
    `${k} ${message.customer} ${minute(message.at)} ${message.channel ?? "emit"} ${message.template}${"by" in more ? ` ${more.by}` : ""}${k === "payload" ? ` ${JSON.stringify((more as { before: unknown }).before)} ${JSON.stringify(message.payload)}` : ""}${k === "instant" ? ` ${minute((more as { before: number }).before)}` : ""}`;
  const replay = replayAgainst(old, now, {
    message: (rule, differing) => told.push(`${rule}: ${said(differing)}`),
    turn: (side, { segment, customer, entered, at }) => told.push(`${side} ${segment} ${entered ? "+" : "-"}${customer} ${minute(at)}`),
    member: (segment, customer, side) => told.push(`end ${side} ${segment} ${customer}`),
    dead: (side) => told.push(`dead ${side}`),
  });
  history.forEach((each, i) => replay.line(line(each, i), i + 1));
  replay.until(Date.parse(until));
  return { ...replay.end(true), told };
}

const CONSENT: readonly Line[] = [["ann", "2026-03-02T09:00", "profile_updated", { consent: { email: true } }], ["bob", "2026-03-02T09:00", "profile_updated", { consent: { email: true } }]];

describe("segments", () => {
  const rules = (least: number): string => `segment vip when spent >= ${least}\nsegment seen when count(visited) > 0`;
  test("who would be in or out at the end, what turns on the way, and how many there are", () => {
    const { segments, told, traits } = found(compiled(rules(100)), compiled(rules(50)), [["ann", "2026-03-02T10:00", "bought", { total: 60 }], ["bob", "2026-03-02T10:00", "bought", { total: 100 }], ["bob", "2026-03-02T11:00", "visited"]]);
    expect(told).toEqual(["new vip +ann 03-02T10:00", "end new vip ann"]);
    expect(segments.get("vip")).toMatchObject({ whose: "both", members: { old: 1, new: 2 }, entered: { count: 1, examples: ["ann"] }, left: { count: 0 }, turns: { entered: { old: 1, new: 2 }, alone: { old: 0, new: 1 } } });
    expect(segments.get("seen")).toMatchObject({ members: { old: 1, new: 1 }, entered: { count: 0 }, turns: { alone: { old: 0, new: 0 } } });
    expect(traits?.get("spent")).toMatchObject({ count: 0 });
  });

  test("new and dropped ones", () => {
    const { segments } = found(compiled("segment rich when spent > 10"), compiled("segment poor when spent <= 10"), [["ann", "2026-03-02T10:00", "bought", { total: 60 }]]);
    expect([...segments].map(([name, { whose, members }]) => [name, whose, members])).toEqual([["poor", "new", { old: 0, new: 0 }], ["rich", "old", { old: 1, new: 0 }]]);
    expect(segments.get("rich")?.left).toEqual({ count: 1, examples: ["ann"] });
  });
});

describe("messages", () => {
  test("a payload that says something else is told as such", () => {
    const rule = (n: number): string => `rule thanks { on bought emit "thanks" { total: event.total, code: ${n} } }`;
    const { rules, told } = found(compiled(rule(1)), compiled(rule(2)), [["ann", "2026-03-02T10:00", "bought", { total: 1 }]]);
    expect(told).toEqual(['thanks: payload ann 03-02T10:00 emit thanks {"total":1,"code":1} {"total":1,"code":2}']);
    expect(rules.get("thanks")).toMatchObject({ started: { old: 1, new: 1 }, sent: { old: 1, new: 1 }, same: 0, payload: 1 });
  });

  test("fields in another order say the same", () => {
    const { told, rules } = found(compiled('rule r { on bought emit "x" { a: 1, b: event.total } }'), compiled('rule r { on bought emit "x" { b: event.total, a: 1 } }'), [["ann", "2026-03-02T10:00", "bought", { total: 1 }]]);
    expect(told).toEqual([]);
    expect(rules.get("r")?.same).toBe(1);
  });

  test("a longer wait sends at another instant, and no more where the run ends before", () => {
    const rule = (hours: number): string => `rule later { on visited until bought wait ${hours} hours emit "x" }`;
    const { rules, told } = found(compiled(rule(2)), compiled(rule(4)), [["ann", "2026-03-02T10:00", "visited"], ["bob", "2026-03-02T10:00", "visited"], ["bob", "2026-03-02T13:00", "bought", { total: 1 }]]);
    expect(told).toEqual(["later: instant ann 03-02T14:00 emit x 03-02T12:00", "later: fewer bob 03-02T12:00 emit x nothing"]);
    expect(rules.get("later")).toMatchObject({ sent: { old: 2, new: 1 }, same: 0, instant: 1, fewer: { nothing: 1 }, more: { nothing: 0 } });
  });

  test("what the channel does instead: consent, cap, quiet hours", () => {
    const channel = (policy: string): string => COMMON.replace(/channel.*\n/, `channel email { ${policy} }\n`);
    const rule = 'rule r { on bought send email "x" }';
    const free = compiled(rule, channel("when true"));
    const buys: readonly Line[] = [["ann", "2026-03-02T10:00", "bought", { total: 1 }], ["ann", "2026-03-02T11:00", "bought", { total: 1 }]];
    expect(found(free, compiled(rule, channel("when profile.consent.email")), buys).rules.get("r")).toMatchObject({ fewer: { consent: 2, cap: 0 }, unsent: { new: { consent: 2 } }, sent: { old: 2, new: 0 } });
    const capped = found(compiled(rule, channel("when true  at most 1 per day")), free, buys);
    expect(capped.rules.get("r")).toMatchObject({ more: { cap: 1, nothing: 0 }, same: 1 });
    expect(capped.told).toEqual(["r: more ann 03-02T11:00 email x cap"]);
    const quiet = compiled(rule, channel("when true  quiet 10:30 to 12:00"));
    expect(found(free, quiet, buys).rules.get("r")).toMatchObject({ same: 1, instant: 1, fewer: { held: 0 }, unsent: { new: { held: 1 } } });
    // At the end of what was replayed it is still held.
    expect(found(free, quiet, buys, "2026-03-02T11:30:00Z").rules.get("r")).toMatchObject({ same: 1, instant: 0, fewer: { held: 1 } });
  });

  test("held under one program and dropped when its run ends", () => {
    const rule = (more: string): string => `rule r { on visited until bought send email "x" ${more} wait 3 days }`;
    const day = compiled(rule(""), COMMON.replace("quiet 21:00 to 08:00  ", ""));
    const { told, rules } = found(day, compiled(rule("")), [...CONSENT, ["ann", "2026-03-02T22:00", "visited"], ["ann", "2026-03-02T23:00", "bought", { total: 1 }]]);
    expect(told).toEqual(["r: fewer ann 03-02T22:00 email x ended"]);
    expect(rules.get("r")).toMatchObject({ fewer: { held: 0, ended: 1 } });
  });

  test("a new rule sends, a dropped one does not", () => {
    const { rules, told } = found(compiled('rule a { on visited emit "a" }'), compiled('rule b { on visited emit "b" }'), [["ann", "2026-03-02T10:00", "visited"]]);
    expect([...rules].map(([name, { whose, sent, more, fewer }]) => [name, whose, sent, more.nothing, fewer.nothing])).toEqual([["a", "old", { old: 1, new: 0 }, 0, 1], ["b", "new", { old: 0, new: 1 }, 1, 0]]);
    expect(told).toHaveLength(2);
  });

  test("an event that one program declares otherwise is a dead letter there alone, and its values are its own", () => {
    const strict = COMMON.replace("total: number", "total: number, shop: string");
    const rule = 'rule r { on bought emit "x" { total: event.total } }';
    expect(found(compiled(rule), compiled(rule, strict), [["ann", "2026-03-02T10:00", "bought", { total: 1 }]]).told).toEqual(["dead new", "r: fewer ann 03-02T10:00 emit x nothing"]);
    const dated = COMMON.replace("total: number", "total: number, on: date?");
    const dates = 'rule r { on bought emit "x" { total: event.total } }\nsegment s when last(bought.on) == 2026-03-01';
    expect(found(compiled(rule), compiled(dates, dated), [["ann", "2026-03-02T10:00", "bought", { total: 1, on: "2026-03-01" }]]).told).toEqual(["new s +ann 03-02T10:00", "end new s ann"]);
  });

  test("traits with other values", () => {
    const { traits } = found(compiled(""), compiled("", COMMON.replace("sum(bought.total)", "count(bought)")), [["ann", "2026-03-02T10:00", "bought", { total: 5 }], ["bob", "2026-03-02T10:00", "bought", { total: 1 }]]);
    expect(traits?.get("spent")).toEqual({ whose: "both", count: 1, examples: [{ customer: "ann", old: 5, new: 1 }] });
  });
});

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";

import { eddyHere } from "./eddy-here.js";
import { folderWith, type Ran } from "./eddy.js";

const rules = (least: number, code: string, hours: number): string => `event bought { total: number }
profile { sms: boolean = false }
channel sms { when profile.sms }
trait spent = sum(bought.total)
segment vip when spent >= ${least}
rule thanks { on bought  emit "thanks" { code: "${code}" } }
rule nudge { on enter vip  wait ${hours} hours  send sms "nudge" }
rule welcome { on enter vip  emit "welcome" }
`;
const event = (id: number, subject: string, hour: number, total: unknown): string =>
  JSON.stringify({ id: `e${id}`, source: "s", type: "bought", subject, time: `2026-03-02T${String(hour).padStart(2, "0")}:00:00Z`, data: { total } });
const HISTORY = [event(1, "ann", 10, 60), event(2, "bob", 11, 120), event(3, "cy", 12, 5)].join("\n");

const folder = folderWith({
  "old.eddy": rules(100, "A", 1), "new.eddy": rules(50, "B", 2).replace("when profile.sms }", "when true }"), "same.eddy": rules(100, "A", 1), "faulty.eddy": "segment s when nothing_known",
  "history.ndjson": HISTORY, "bad.ndjson": `${HISTORY}\n{}\n${event(4, "ann", 13, "much")}`,
});
afterAll(() => folder.remove());
const replay = (args: readonly string[], input = ""): Promise<Ran> => eddyHere(["replay", ...args], { folder: folder.path, input });
const lines = (name: string): unknown[] => readFileSync(join(folder.path, name), "utf8").split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as unknown);

describe("replay --against", () => {
  test("says what differs, for people", async () => {
    const { code, stdout, stderr } = await replay(["new.eddy", "--against", "old.eddy", "--events", "history.ndjson", "--until", "2026-03-03", "--traits", "traits.ndjson"]);
    expect([code, stderr]).toEqual([0, "3 events of 3 customers under both programs\n"]);
    expect(stdout).toBe(`1 segment with a difference
  vip: 1 → 2 members
    would be in: 1  (ann)
    other changes on the way: 1  (1 more, 0 fewer)
3 rules with a difference
  nudge: starts 1 → 2, sends 0 → 2
    would send: 2  (under the old rules: 1 not reached, 1 suppressed by consent)
      ann 2026-03-02T12:00:00Z send sms "nudge"
      bob 2026-03-02T13:00:00Z send sms "nudge"  (suppressed by consent)
  thanks: starts 3, sends 3
    would say something else: 3
      ann 2026-03-02T10:00:00Z emit "thanks" { code: "A" } → { code: "B" }
      bob 2026-03-02T11:00:00Z emit "thanks" { code: "A" } → { code: "B" }
      cy 2026-03-02T12:00:00Z emit "thanks" { code: "A" } → { code: "B" }
  welcome: starts 1 → 2, sends 1 → 2
    would send: 1  (under the old rules: 1 not reached)
      ann 2026-03-02T10:00:00Z emit "welcome"
1 trait: no difference
`);
    expect(lines("traits.ndjson")).toEqual([]);
  });

  test("as JSON, and each difference in files", async () => {
    const { code, stdout } = await replay(["new.eddy", "--against", "old.eddy", "--events", "-", "--json", "--actions", "actions.ndjson", "--changes", "changes.ndjson", "--members", "members.ndjson"], HISTORY);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      events: 3, clock: "2026-03-02T12:00:00Z", customers: { old: 3, new: 3 }, dead: { old: 0, new: 0 },
      segments: { vip: { in: "both", members: { old: 1, new: 2 }, entered: { count: 1, examples: ["ann"] }, left: { count: 0 } } },
      rules: { thanks: { payload: 3, same: 0, more: { count: 0 }, examples: { payload: [{ customer: "ann", data: { code: "B" }, before: { code: "A" } }, {}, {}] } }, welcome: { more: { count: 1, by: { nothing: 1 } } } },
    });
    expect(lines("changes.ndjson")).toEqual([{ program: "new", segment: "vip", customer: "ann", time: "2026-03-02T10:00:00Z", change: "entered" }]);
    expect(lines("members.ndjson")).toEqual([{ program: "new", segment: "vip", customer: "ann" }]);
    expect(lines("actions.ndjson")).toHaveLength(5);
    expect(lines("actions.ndjson")).toContainEqual({ difference: "more", rule: "welcome", customer: "ann", time: "2026-03-02T10:00:00Z", channel: "emit", template: "welcome", cause: "e1", data: {}, instead: "nothing" });
  });

  test("programs that do the same", async () => {
    const { code, stdout } = await replay(["same.eddy", "--against", "old.eddy", "--events", "history.ndjson"]);
    expect([code, stdout]).toEqual([0, "1 segment: no difference\n3 rules: no difference\n"]);
  });

  test("bad lines: said once, or for the program that refuses them; exit 1. Faulty rules: exit 1; standard input for two things: exit 2", async () => {
    const bad = await replay(["same.eddy", "--against", "old.eddy", "--events", "bad.ndjson"]);
    expect(bad.code).toBe(1);
    expect(bad.stderr).toContain("dead letters: 2 old, 2 new");
    const faulty = await replay(["faulty.eddy", "--against", "old.eddy", "--events", "history.ndjson"]);
    expect([faulty.code, faulty.stdout]).toEqual([1, ""]);
    expect(faulty.stderr).toContain("error[");
    const twice = await replay(["-", "--against", "old.eddy", "--events", "-"]);
    expect([twice.code, twice.stderr]).toEqual([2, "eddy: standard input can be only one of RULES, --against and --events\n"]);
  });
});

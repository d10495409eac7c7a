/** Reports on segments, traits, points, tiers and channels, and the shape of the JSON, which others rely on. */
import { expect, test } from "vitest";
import { NO_FIGURES } from "../../engine/customer.js";
import { expectGolden } from "./goldens.js";
import { life, type Life } from "./life.js";

const PROGRAM = `
event bought { total: number  category: string = "x" }
event seen { sku: string }
profile { timezone: string = "Europe/Warsaw"  club_until: time?  mail: boolean = true }
trait spend = sum(bought.total) over 30 days
trait last_buy = last(bought).time
trait bought_lately = since(last_buy) < 10 days
trait share = spend / count(bought)
points stars { earn floor(total) on bought  expire after 45 days }
tier status by stars { basic at 10  gold at 500 }
segment vip "Spends a hundred" when spend >= 100
segment loyal when count(bought) >= 2 and (vip or status >= "gold") and not seen_lately
segment seen_lately when any(seen) over 7 days
segment steady when spend >= 50 for at least 3 days until spend < 20 or no bought for 20 days for at least 2 days
segment club when profile.club_until > now
segment nobody when count(bought) > 1000
segment active when not no seen for 30 days and weekday(now) != "sunday"
channel email { when profile.mail  quiet 21:00 to 08:00  at most 2 per day }
rule thanks { on enter vip  send email "thanks" }
`;

function lived(): Life {
  const of = life(PROGRAM);
  of.event("2026-03-02 10:00", "bought", { total: 60 });
  of.event("2026-03-03 10:00", "bought", { total: 60, category: "y" });
  of.event("2026-03-04 22:30", "seen", { sku: "a" });
  of.event("2026-03-04 22:31", "profile_updated", { club_until: "2026-05-01T00:00:00Z" });
  return of;
}

test.each(["vip", "loyal", "seen_lately", "steady", "club", "nobody", "active"])("the segment %s", (name) => {
  expectGolden(`segment-${name}.txt`, `${lived().segment(name).text}\n`);
});

test.each(["spend", "last_buy", "bought_lately", "share", "stars", "status", "email"])("%s, which is no segment and no rule", (name) => {
  expectGolden(`value-${name}.txt`, `${lived().other(name).text}\n`);
});

test.each<[string, (of: Life) => string]>([
  ["segment", (of) => of.segment("steady").json], ["rule", (of) => of.rule("thanks").json], ["trait", (of) => of.other("bought_lately").json], ["tier", (of) => of.other("status").json], ["channel", (of) => of.other("email").json],
])("the JSON of a %s", (kind, json) => {
  const text = json(lived());
  expectGolden(`${kind}.json`, text);
  expect(JSON.parse(text)).toMatchObject({ customer: "ola", at: "2026-03-04T22:31:00.000Z", timezone: "Europe/Warsaw" });
});

test("where customers stand may change at a midnight", () => {
  const of = life(`${PROGRAM}\ntrait rank = percentile(spend among count(bought) >= 1)\nsegment best when rank >= 90\n`, "event", { ...NO_FIGURES, percentile: () => 50 });
  of.event("2026-03-02 10:00", "bought", { total: 60 });
  expectGolden("segment-best.txt", `${of.segment("best").text}\n`);
  expectGolden("value-rank.txt", `${of.other("rank").text}\n`);
  expect(of.segment("best").text).toContain("\nstays out: time alone changes nothing; but where customers stand among all is drawn up each midnight UTC, and may change it\n");
  expect(of.segment("vip").text).not.toContain("midnight");
});

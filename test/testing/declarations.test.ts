// Declarations end to end: what the checker makes of them, as the engine runs it.

import { expect, test } from "vitest";
import { ran } from "./suites.js";

const told = (text: string): string => ran({ file: "rules.eddy", text }).told;

const SHOP = `
event order_placed { total: number, rank: "insider" | "vib" | "rouge" = "vib" }
event seen
profile { level: "insider" | "vib" = "insider" }
points stars { earn total * (if status == "insider" then 1 else 0) on order_placed }
tier status by stars.earned over 12 months { insider at 0  vib at 350  rouge at 1000 }
tier metal by sum(order_placed.total) over 12 months { silver at 500  gold at 2000 }
`;

test("earning looks at the tier as before the event, rules as after it", () => {
  expect(told(`${SHOP}
    trait shout = status + "!"
    segment loud when shout == "vib!"
    segment best when status >= "vib"
    rule bought { on order_placed  when status == "vib"  emit "bought" { shout: shout, missing: status.missing, next: status.next } }
    rule risen  { on status up  emit "risen" { level: status } }
    test "t" {
      at 2026-03-02 10:00 order_placed { total: 400 }
      expect stars == 400
      expect loud and best
      expect emit "bought" { shout: "vib!", missing: 600, next: "rouge" }
      expect emit "risen" { level: "vib" }
      expect nothing else
      after 1 hour order_placed { total: 400 }
      expect stars == 400
    }`)).toBe("");
});

test("levels compare by rank, whatever leads to them", () => {
  expect(told(`${SHOP}
    trait same = metal
    trait known = metal ?? "silver"
    segment any_metal when metal >= "silver"
    segment no_metal when not (metal >= "silver")
    rule compared { on order_placed  emit "compared" { above: event.rank > status, below: event.rank < status, mine: profile.level < status } }
    test "t" {
      at 2026-03-02 10:00 order_placed { total: 0 }
      expect status == "insider" and status <= "insider" and not (status > "insider") and status.missing == 350
      expect "vib" > status and status.next >= "vib" and status < status.next
      expect metal == null and not (metal < "gold") and not (same < "gold") and known < "gold" and no_metal and not any_metal
      expect emit "compared" { above: true, below: false, mine: false }
      after 1 hour order_placed { total: 2500, rank: "insider" }
      expect status == "rouge" and status.next == null and status.missing == null and not (status < status.next)
      expect metal == "gold" and same >= "gold" and known > "silver" and any_metal
      expect emit "compared" { above: false, below: true, mine: true }
    }`)).toBe("");
});

test("an event is counted no further back than it is kept", () => {
  expect(told(`
    event kept_long { n: number }
    event kept retain 30 days { n: number }
    trait long_first = first(kept_long.n)
    trait short_first = first(kept.n)
    segment quiet_month when no kept for 30 days
    test "t" {
      at 2026-01-05 10:00 kept_long { n: 1 }
      at 2026-01-05 10:00 kept { n: 1 }
      at 2026-01-20 10:00 kept { n: 2 }
      expect short_first == 1 and sum(kept.n) == 3
      at 2026-02-04 10:00
      expect short_first == 2 and sum(kept.n) == 2 and long_first == 1
      at 2026-02-19 10:00
      expect short_first == null and quiet_month and long_first == 1
    }`)).toBe("");
});

test("metrics of metrics' parts: what is shared is counted once", () => {
  expect(told(`${SHOP}
    trait orders = count(order_placed)
    metric rate = customers(orders >= 2) / customers(orders >= 1)
    metric share = 100 * customers(orders >= 2) / customers(true)
    metric high = customers(status >= "vib")
    test "t" {
      customer "a"
      at 2026-03-02 10:00 order_placed { total: 400 }
      at 2026-03-02 11:00 order_placed { total: 1 }
      customer "b"
      after 1 hour order_placed { total: 1 }
      customer "c"
      after 1 hour seen
      after 1 hour seen
      expect rate == 0.5 and round(share) == 33 and high == 1
      customer "b"
      after 1 hour order_placed { total: 400 }
      expect rate == 1 and round(share) == 67 and high == 2
    }`)).toBe("");
});

test("a channel passes its own policy and those of its groups", () => {
  expect(told(`${SHOP}
    profile { consent: boolean = true, loud: boolean = true }
    channel email { when profile.consent }
    channel push { when true  quiet 22:00 to 06:00 }
    channels loudly = push, email { when profile.loud  quiet when weekend(now) }
    channels seldom = email { at most 1 per 30 days }
    rule r { on seen  send email "e"  send push "p" }
    test "groups" {
      at 2026-03-03 10:00 seen
      expect send email "e"
      expect send push "p"
      after 1 day seen
      expect suppressed email by cap
      expect send push "p"
      at 2026-03-07 12:00 seen
      expect held email "e"
      expect nothing
    }
    test "consent of the group" {
      profile { loud: false }
      at 2026-03-03 10:00 seen
      expect suppressed email by consent
      expect suppressed push by consent
    }`)).toBe("");
});

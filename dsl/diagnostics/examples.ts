// For every code, what is written wrongly and the same written rightly.
//
// The wrong one gives exactly that code, the right one nothing; both lean on PRELUDE. Tests hold that, the page
// (page.ts) shows them. A new code without an example does not compile.

import type { ReportedCode } from "./codes.js";

/** What the examples take for granted. */
export const PRELUDE = `event order_placed {
  order_id: string
  total: number
  coupon: string?
  state: "open" | "paid"
  items: { sku: string, category: string, price: number }[]
}
event session_started

profile {
  first_name: string?
  birthday: date?
  level: "basic" | "gold" = "basic"
  consent: { email: boolean = false }
}

channel email { when profile.consent.email }
`;

export interface Example {
  readonly wrong: string | Abridged;
  readonly right: string;
}

/** A text too long to be shown. */
export interface Abridged {
  readonly shown: string;
  readonly text: string;
}

const example = (wrong: string | Abridged, right: string): Example => ({ wrong, right });

const table: Readonly<Record<ReportedCode, Example>> = {
  // ---- E00xx: syntax ----
  E0001: example(
    `segment keen when count(order_placed) > 3 && any(session_started)`,
    `segment keen when count(order_placed) > 3 and any(session_started)`,
  ),
  E0002: example(
    `rule thanks {\n  on order_placed\n  send email "thanks\n}`,
    `rule thanks {\n  on order_placed\n  send email "thanks"\n}`,
  ),
  E0003: example(
    `segment savers "Pay 50\\% less" when any(order_placed where coupon != null)`,
    `segment savers "Pay 50% less" when any(order_placed where coupon != null)`,
  ),
  E0004: example(
    `segment rich when sum(order_placed.total) > 99999999999999999999`,
    `segment rich when sum(order_placed.total) > 100000`,
  ),
  E0005: example(
    `segment old_hand when first(order_placed).time < 2026-02-29 00:00`,
    `segment old_hand when first(order_placed).time < 2026-03-01 00:00`,
  ),
  E0006: example(
    `test "nothing at midnight" {\n  at 2026-03-02 24:00 order_placed\n  expect nothing\n}`,
    `test "nothing at midnight" {\n  at 2026-03-03 00:00 order_placed\n  expect nothing\n}`,
  ),
  E0007: example(
    `segment third when count(order_placed) = 3`,
    `segment third when count(order_placed) == 3`,
  ),
  E0008: example(
    `segment keen when (count(order_placed) > 3 or any(session_started)`,
    `segment keen when (count(order_placed) > 3 or any(session_started))`,
  ),
  E0009: example(
    `trait value = sum(order_placed.total)`,
    `trait order_value = sum(order_placed.total)`,
  ),
  E0010: example(
    `segmnt buyer when any(order_placed)`,
    `segment buyer when any(order_placed)`,
  ),
  E0011: example(
    { shown: `trait deep = ((((…))))   # 201 brackets within each other`, text: `trait deep = ${"(".repeat(201)}1${")".repeat(201)}` },
    `trait deep = ((((1))))`,
  ),
  E0012: example(
    { shown: `trait long = length([1, 1, 1, …])   # 60,000 words and marks`, text: `trait long = length([${"1, ".repeat(30_000)}1])` },
    `trait long = length([1, 1, 1])`,
  ),
  E0013: example(
    `segment buyer when any(order_placed))`,
    `segment buyer when any(order_placed)`,
  ),

  // ---- E01xx: names ----
  E0101: example(
    `trait orders = count(order_placed)\nsegment orders when count(order_placed) > 3`,
    `trait orders = count(order_placed)\nsegment keen when orders > 3`,
  ),
  E0102: example(
    `trait round = count(order_placed)`,
    `trait rounds = count(order_placed)`,
  ),
  E0103: example(
    `rule thanks {\n  on order_place\n  send email "thanks"\n}`,
    `rule thanks {\n  on order_placed\n  send email "thanks"\n}`,
  ),
  E0104: example(
    `segment vip when count(order_placed) >= 10\nrule welcome {\n  on enter vipp\n  send email "welcome"\n}`,
    `segment vip when count(order_placed) >= 10\nrule welcome {\n  on enter vip\n  send email "welcome"\n}`,
  ),
  E0105: example(
    `rule thanks {\n  on order_placed\n  send sms "thanks"\n}`,
    `rule thanks {\n  on order_placed\n  send email "thanks"\n}`,
  ),
  E0106: example(
    `trait orders = count(order_placed)\nsegment vip when order >= 10`,
    `trait orders = count(order_placed)\nsegment vip when orders >= 10`,
  ),
  E0107: example(
    `rule thanks {\n  on order_placed\n  send email "thanks" { sum: event.totl }\n}`,
    `rule thanks {\n  on order_placed\n  send email "thanks" { sum: event.total }\n}`,
  ),
  E0108: example(
    `segment vip when cuont(order_placed) >= 10`,
    `segment vip when count(order_placed) >= 10`,
  ),
  E0109: example(
    `event parcel_sent { time: time }`,
    `event parcel_sent { sent_at: time from "time" }`,
  ),
  E0110: example(
    `event order_placed { total: string }`,
    `event order_placed { total: number  gift: boolean = false }`,
  ),
  E0111: example(
    `event parcel_sent from "Parcel"\nevent parcel_lost from "Parcel"`,
    `event parcel_sent from "Parcel"\nevent parcel_lost from "Parcel lost"`,
  ),
  E0112: example(
    `segment buyer when order_placed`,
    `segment buyer when any(order_placed)`,
  ),
  E0113: example(
    `segment known when any(order_placed where profile.birthday != null)`,
    `segment known when any(order_placed) and profile.birthday != null`,
  ),
  E0114: example(
    `segment big when event.total > 100`,
    `segment big when last(order_placed.total) > 100`,
  ),
  E0115: example(
    `rule thanks { on order_placed  emit "thanks" }\ntest "thanks" with thank {\n  at 2026-03-02 10:00 order_placed\n  expect emit "thanks"\n}`,
    `rule thanks { on order_placed  emit "thanks" }\ntest "thanks" with thanks {\n  at 2026-03-02 10:00 order_placed\n  expect emit "thanks"\n}`,
  ),
  E0116: example(
    `tier status by sum(order_placed.total) over 365 days { basic at 0  gold at 500 }\nrule risen { on statuses up  emit "risen" }`,
    `tier status by sum(order_placed.total) over 365 days { basic at 0  gold at 500 }\nrule risen { on status up  emit "risen" }`,
  ),
  E0117: example(
    `points stars { earn 10 on order_placed }\nrule gift { on session_started  award 5 star }`,
    `points stars { earn 10 on order_placed }\nrule gift { on session_started  award 5 stars }`,
  ),
  E0118: example(
    `experiment offer { holdout 50%  code 50% }\nsegment with_code when variant(ofer) == "code"`,
    `experiment offer { holdout 50%  code 50% }\nsegment with_code when variant(offer) == "code"`,
  ),
  E0119: example(
    `experiment offer { holdout 50%  code 50% }\ntest "nobody yet" {\n  at 2026-03-02 10:00 order_placed\n  expect exposed(offer, "coupon") == 0\n}`,
    `experiment offer { holdout 50%  code 50% }\ntest "nobody yet" {\n  at 2026-03-02 10:00 order_placed\n  expect exposed(offer, "code") == 0\n}`,
  ),
  E0120: example(
    `segment keen when count(order_placed) > 3\nrule greet {\n  on session_started\n  wait for enter keen up to 7 days as order\n  emit "keen"\n}`,
    `segment keen when count(order_placed) > 3\nrule greet {\n  on session_started\n  wait for order_placed up to 7 days as order\n  emit "keen" { total: order.total }\n}`,
  ),

  // ---- E02xx: types and values ----
  E0201: example(
    `segment first_customer when first(order_placed.order_id) == 1`,
    `segment first_customer when first(order_placed.order_id) == "1"`,
  ),
  E0202: example(
    `trait net = sum(order_placed.total) - "5"`,
    `trait net = sum(order_placed.total) - 5`,
  ),
  E0203: example(
    `segment buyer when count(order_placed)`,
    `segment buyer when count(order_placed) > 0`,
  ),
  E0204: example(
    `segment payer when any(order_placed where state == "payed")`,
    `segment payer when any(order_placed where state == "paid")`,
  ),
  E0205: example(
    `rule reminder {\n  on order_placed\n  wait 3\n  send email "reminder"\n}`,
    `rule reminder {\n  on order_placed\n  wait 3 days\n  send email "reminder"\n}`,
  ),
  E0206: example(
    `trait seen = recent(order_placed.order_id)`,
    `trait seen = recent(order_placed.order_id, 5)`,
  ),
  E0207: example(
    `segment slow when gap(order_placed) > 3 months`,
    `segment slow when gap(order_placed) > 90 days`,
  ),
  E0208: example(
    `segment asleep when any(order_placed) and no order_placed for 0 days`,
    `segment asleep when any(order_placed) and no order_placed for 30 days`,
  ),
  E0209: example(
    `trait called = profile.first_name ?? 0`,
    `trait called = profile.first_name ?? "friend"`,
  ),
  E0210: example(
    `event page_viewed { pages: number = "1" }`,
    `event page_viewed { pages: number = 1 }`,
  ),
  E0211: example(
    `profile { city: string }`,
    `profile { city: string? }`,
  ),
  E0212: example(
    `segment named when profile.first_name in profile.tags`,
    `segment named when profile.tags contains profile.first_name`,
  ),
  E0213: example(
    `rule own_code {\n  on order_placed\n  when event.coupon like profile.first_name\n  emit "own_code"\n}`,
    `rule own_code {\n  on order_placed\n  when event.coupon like "WELCOME-*"\n  emit "own_code"\n}`,
  ),
  E0214: example(
    `segment short_name when profile.first_name.size < 4`,
    `segment short_name when length(profile.first_name) < 4`,
  ),
  E0215: example(
    `rule thanks {\n  on order_placed\n  at most 0 per 7 days\n  send email "thanks"\n}`,
    `rule thanks {\n  on order_placed\n  at most 1 per 7 days\n  send email "thanks"\n}`,
  ),
  E0216: example(
    `segment resting when floor(since(last(order_placed).time) / 1 day) > 30`,
    `segment resting when since(last(order_placed).time) > 30 days`,
  ),
  E0217: example(
    `trait spent = sum(order_placed)`,
    `trait spent = sum(order_placed.total)`,
  ),
  E0218: example(
    `trait orders = count(order_placed)\nsegment keen when orders over 30 days > 3`,
    `trait orders = count(order_placed) over 30 days\nsegment keen when orders > 3`,
  ),
  E0219: example(
    `rule thanks { on order_placed  send email "thanks" }\ntest "no consent, no mail" {\n  at 2026-03-02 10:00 order_placed\n  expect suppressed email by policy\n}`,
    `rule thanks { on order_placed  send email "thanks" }\ntest "no consent, no mail" {\n  at 2026-03-02 10:00 order_placed\n  expect suppressed email by consent\n}`,
  ),
  E0220: example(
    `event page_seen retain 90 days { url: string }\ntrait pages = count(page_seen) over 180 days`,
    `event page_seen retain 90 days { url: string }\ntrait pages = count(page_seen) over 90 days`,
  ),
  E0221: example(
    `points stars { earn total on order_placed  expire after 1 year }\nsegment hurry when stars.expiring > 0`,
    `points stars { earn total on order_placed  expire after 1 year }\nsegment hurry when stars.expiring within 30 days > 0`,
  ),
  E0222: example(
    `points stars { earn total on order_placed }\ntier status by stars.earned over 12 months { silver at 0  gold at 500 }\nsegment risen when status > profile.level`,
    `points stars { earn total on order_placed }\ntier status by stars.earned over 12 months { silver at 0  gold at 500 }\nsegment risen when status != profile.level`,
  ),
  E0223: example(
    `rule again {\n  on order_placed\n  when count(order_placed where total > event.total) >= 1\n  emit "less"\n}`,
    `rule again {\n  on order_placed\n  when count(order_placed where state == event.state) >= 2\n  emit "again"\n}`,
  ),
  E0224: example(
    `rule greet {\n  on session_started\n  when count(order_placed) this run == 0\n  emit "hello"\n}`,
    `rule greet {\n  on session_started\n  wait 1 day\n  if count(order_placed) this run == 0 { emit "hello" }\n}`,
  ),
  E0225: example(
    `event box { parts: { screws: { price: number }[] }[] }\nsegment heavy when sum(box.parts.screws.price) > 100`,
    `event box { parts: { screws: { price: number }[] }[] }\nsegment heavy when sum(sum(screws.price) of box.parts) > 100`,
  ),

  // ---- E03xx: structure ----
  E0301: example(
    `trait score = if keen then 10 else count(order_placed)\nsegment keen when score > 5`,
    `trait orders = count(order_placed)\nsegment keen when orders > 5\ntrait score = if keen then 10 else orders`,
  ),
  E0303: example(
    `rule thanks {\n  send email "thanks"\n}`,
    `rule thanks {\n  on order_placed\n  send email "thanks"\n}`,
  ),
  E0304: example(
    `rule thanks {\n  on order_placed\n  priority 1\n  priority 2\n  send email "thanks"\n}`,
    `rule thanks {\n  on order_placed\n  priority 2\n  send email "thanks"\n}`,
  ),
  E0305: example(
    `trait age_0 = since(last(order_placed).time)
trait age_1 = age_0 + age_0
trait age_2 = age_1 + age_1
trait age_3 = age_2 + age_2
trait age_4 = age_3 + age_3
trait age_5 = age_4 + age_4
trait age_6 = age_5 + age_5
trait age_7 = age_6 + age_6
trait age_8 = age_7 + age_7`,
    `trait age_0 = since(last(order_placed).time)\ntrait age_8 = 256 * age_0`,
  ),
  E0306: example(
    `rule thanks {\n  on order_placed\n  send email ""\n}`,
    `rule thanks {\n  on order_placed\n  send email "thanks"\n}`,
  ),
  E0307: example(
    `rule rename {\n  on order_placed\n  set profile.first_name.short = "A."\n}`,
    `rule rename {\n  on order_placed\n  set profile.first_name = "A."\n}`,
  ),
  E0308: example(
    `rule thanks { on order_placed  emit "thanks" }\ntest "thanks" {\n  after 1 day order_placed\n  expect emit "thanks"\n}`,
    `rule thanks { on order_placed  emit "thanks" }\ntest "thanks" {\n  at 2026-03-02 10:00 order_placed\n  expect emit "thanks"\n}`,
  ),
  E0309: example(
    `rule thanks { on order_placed  send email "thanks" }
test "thanks" {
  at 2026-03-02 10:00 order_placed
  expect nothing
  profile { consent: { email: true } }
  after 1 day order_placed
  expect send email "thanks"
}`,
    `rule thanks { on order_placed  send email "thanks" }
test "thanks" {
  at 2026-03-02 10:00 order_placed
  expect nothing
  after 1 hour profile_updated { consent: { email: true } }
  after 1 day order_placed
  expect send email "thanks"
}`,
  ),
  E0310: example(
    `channel sms {\n  when true\n  quiet 21:00 to 21:00\n}`,
    `channel sms {\n  when true\n  quiet 21:00 to 08:00\n}`,
  ),
  E0311: example(
    `trait orders = count(order_placed)\nmetric repeat_rate = orders / customers(orders >= 1)`,
    `trait orders = count(order_placed)\nmetric repeat_rate = customers(orders >= 2) / customers(orders >= 1)`,
  ),
  E0312: example(
    `experiment offer { code 45%  gift 45% }`,
    `experiment offer { holdout 10%  code 45%  gift 45% }`,
  ),
  E0313: example(
    `tier metal by count(order_placed) { gold at 10  silver at 3 }`,
    `tier metal by count(order_placed) { silver at 3  gold at 10 }`,
  ),
  E0314: example(
    `trait spend = sum(order_placed.total)\ntrait tenth = percentile(spend among true)\ntrait odd = percentile(tenth among true)`,
    `trait spend = sum(order_placed.total)\ntrait tenth = percentile(spend among true)`,
  ),
  E0315: example(
    `segment keen when count(order_placed) > mean(count(order_placed))`,
    `segment keen when percentile(count(order_placed) among true) > 50`,
  ),
  E0320: example(
    `rule away { on change since(last(session_started).time)  emit "away" }`,
    `rule away { on change since(last(session_started).time) > 7 days  emit "away" }`,
  ),
  E0321: example(
    `experiment offer { holdout 10%  gift 90% }\nrule gift {\n  on session_started\n  split offer { holdout { emit "none" }  gift { emit "gift" } }\n}`,
    `experiment offer { holdout 10%  gift 90% }\nrule gift {\n  on session_started\n  split offer { gift { emit "gift" } }\n}`,
  ),

  // ---- W0xxx: lints ----
  W0001: example(
    `trait orders = count(order_placed)`,
    `trait orders = count(order_placed)\nsegment keen when orders > 3`,
  ),
  W0002: example(
    `event parcel_sent`,
    `event parcel_sent\nrule on_its_way { on parcel_sent  send email "on_its_way" }`,
  ),
  W0003: example(
    `channel sms { when profile.consent.email }`,
    `channel sms { when profile.consent.email }\nrule thanks { on order_placed  send sms "thanks" }`,
  ),
  W0004: example(
    `rule thanks {\n  on order_placed\n  when count(order_placed) >= 0\n  send email "thanks"\n}`,
    `rule thanks {\n  on order_placed\n  when count(order_placed) >= 2\n  send email "thanks"\n}`,
  ),
  W0005: example(
    `rule thanks {\n  on order_placed\n  when count(order_placed) < 0\n  send email "thanks"\n}`,
    `rule thanks {\n  on order_placed\n  when count(order_placed) < 3\n  send email "thanks"\n}`,
  ),
  W0006: example(
    `rule thanks {\n  on order_placed\n  stop\n  send email "thanks"\n}`,
    `rule thanks {\n  on order_placed\n  if event.total < 10 { stop }\n  send email "thanks"\n}`,
  ),
  W0007: example(
    `channel sms { }\nrule thanks { on order_placed  send sms "thanks" }`,
    `channel sms { when profile.consent.email }\nrule thanks { on order_placed  send sms "thanks" }`,
  ),
  W0008: example(
    `segment buyer when any(order_placed) until any(order_placed)`,
    `segment buyer when any(order_placed) until no order_placed for 1 year`,
  ),
  W0009: example(
    `segment everyone when true`,
    `segment everyone when any(session_started) over 1 year`,
  ),
  W0010: example(
    `trait coupon = last(order_placed.coupon)
rule second_coupon {
  on order_placed
  until order_placed where coupon != null
  wait 1 day
  emit "second_coupon" { code: coupon }
}`,
    `trait last_coupon = last(order_placed.coupon)
rule second_coupon {
  on order_placed
  until order_placed where coupon != null
  wait 1 day
  emit "second_coupon" { code: last_coupon }
}`,
  ),
  W0011: example(
    `trait orders = count(order_placed) ?? 0`,
    `trait orders = count(order_placed)`,
  ),
  W0012: example(
    `rule thanks { on order_placed }`,
    `rule thanks { on order_placed  send email "thanks" }`,
  ),
  W0013: example(
    `rule thanks { on order_placed  send email "thanks" }\ntest "thanks" {\n  at 2026-03-02 10:00 order_placed\n}`,
    `rule thanks { on order_placed  send email "thanks" }\ntest "thanks" {\n  profile { consent: { email: true } }\n  at 2026-03-02 10:00 order_placed\n  expect send email "thanks"\n}`,
  ),
  W0014: example(
    `rule thanks { on order_placed  send email "thanks" }
test "thanks" {
  profile { consent: { email: true } }
  at 2026-03-02 10:00 order_placed
  expect send email "thank_you"
}`,
    `rule thanks { on order_placed  send email "thanks" }
test "thanks" {
  profile { consent: { email: true } }
  at 2026-03-02 10:00 order_placed
  expect send email "thanks"
}`,
  ),
  W0015: example(
    `rule thanks {\n  on order_placed\n  at most 1 per 1 day\n  send email "thanks"\n}`,
    `rule thanks {\n  on order_placed\n  at most 1 per day\n  send email "thanks"\n}`,
  ),
  W0016: example(
    `segment asleep when no order_placed for 90 days`,
    `segment asleep when any(order_placed) and no order_placed for 90 days`,
  ),
  W0017: example(
    `rule ask {
  on session_started
  until order_placed
  wait for order_placed up to 3 days {
    send email "thanks"
  } else {
    send email "still_there"
  }
}`,
    `rule ask {
  on session_started
  wait for order_placed up to 3 days {
    send email "thanks"
  } else {
    send email "still_there"
  }
}`,
  ),
  W0018: example(
    `trait spent = sum(order_placed.total)\nsegment upper_tenth when percentile(spent among any(order_placed)) >= 0.9`,
    `trait spent = sum(order_placed.total)\nsegment upper_tenth when percentile(spent among any(order_placed)) >= 90`,
  ),
  W0019: example(
    `rule thanks {\n  on order_placed\n  send email "thanks" { text: "Thank you, {profile.first_name}" }\n}`,
    `rule thanks {\n  on order_placed\n  send email "thanks" { name: profile.first_name }\n}`,
  ),
};

/** By code. None for codes that are no longer reported. */
export const examples: ReadonlyMap<string, Example> = new Map(Object.entries(table));

export const textOf = (wrong: Example["wrong"]): string => `${typeof wrong === "string" ? wrong : wrong.text}\n`;

/** What `eddy explain` says of a rule: each answer that there is, by a customer to whom just that has happened. */
import { describe, expect, test } from "vitest";
import { NO_FIGURES } from "../../engine/customer.js";
import type { ClockKind } from "../../engine/ports.js";
import { expectGolden } from "./goldens.js";
import { CUSTOMER, life, type Life } from "./life.js";

const SHOP = `
event bought { total: number }
event seen { sku: string  price: number = 0 }
event cart_updated { cart_id: string  total: number = 0 }
event returned
profile {
  timezone: string = "UTC"
  birthday: date?
  vacation: boolean = false
  blocked: boolean = false
  city: string?
  tags: string[] = []
  consent: { email: boolean = true, sms: boolean = false }
}
trait spend = sum(bought.total) over 90 days
segment vip "Spends much" when spend >= 100
segment regular when count(bought) >= 2 for at least 1 day
channel email {
  when profile.consent.email
  quiet 21:00 to 08:00
  quiet when profile.vacation
  at most 1 per day
}
channel sms { when profile.consent.sms }
channel push { when true }
channels marketing = email, push {
  when not profile.blocked
  at most 3 per 7 days
}
points stars { earn floor(total) on bought  expire after 30 days }
tier status by stars { basic at 10  gold at 100 }
experiment offer { holdout 50%  gift 50% }
`;

const lifeOf = (rule: string, clock: ClockKind = "event"): Life => life(`${SHOP}\n${rule}`, clock);

interface Case {
  readonly rule: string;
  readonly story: (of: Life) => void;
  /** What must stand in the report, in this order. */
  readonly says: readonly string[];
}

const CASES: Readonly<Record<string, Case>> = {
  "under way at a wait": {
    rule: 'rule r { on seen  wait 2 days  send email "x" }',
    story: (of) => of.event("2026-03-02 10:00", "seen", { sku: "mug" }),
    says: ["r is under way for ola, as of 2026-03-02 10:00 (UTC)", "run since 2026-03-02 10:00, started by shop/e1", "stands at `wait 2 days`, until 2026-03-04 10:00", "✗ a start would be ignored now"],
  },
  "under way at a wait until": {
    rule: 'rule r { on seen  repeat restart  wait until monday 09:00  send email "x" }',
    story: (of) => of.event("2026-03-03 10:00", "seen", { sku: "mug" }),
    says: ["stands at `wait until monday 09:00`, until 2026-03-09 09:00"],
  },
  "under way at a wait for": {
    rule: 'rule r { on seen  until returned  wait for bought where total > event.price, cart_updated up to 7 days as it_came { emit "yes" } else { emit "no" } }',
    story: (of) => of.event("2026-03-03 10:00", "seen", { sku: "mug", price: 5 }),
    says: ["stands at `wait for bought where total > event.price, cart_updated up to 7 days as it_came`, until 2026-03-10 10:00", "ends by returned"],
  },
  "held in quiet hours": {
    rule: 'rule r { on seen  until spend > 500  send email "x" }',
    story: (of) => of.event("2026-03-03 22:00", "seen", { sku: "mug" }),
    says: [
      'its channel holds `send email "x"` since 2026-03-03 22:00, until 2026-03-04 08:00 at least', "✗ quiet 21:00 to 08:00: quiet now, until 2026-03-04 08:00  (of email)",
      "ends when", "✗ spend > 500", "channel email: a message would be held until 2026-03-04 08:00 at least", "✗ quiet 21:00 to 08:00: quiet now, until 2026-03-04 08:00", "✓ quiet when profile.vacation", "held by email until 2026-03-04 08:00 (quiet 21:00 to 08:00)  (e1)",
    ],
  },
  "held by a condition": {
    rule: 'rule r { on seen  send email "x" }',
    story: (of) => { of.event("2026-03-03 11:00", "profile_updated", { vacation: true }); of.event("2026-03-03 12:00", "seen", { sku: "mug" }); },
    says: ['its channel holds `send email "x"` since 2026-03-03 12:00\n', "✗ quiet when profile.vacation: quiet now  (of email)", "channel email: a message would be held\n", 'held by email (quiet when profile.vacation)  (e2)'],
  },
  "one run per value": {
    rule: 'rule r { on cart_updated  per event.cart_id  until cart_updated where total == 0 and cart_id == event.cart_id  wait 1 hour  send push "x" { cart: event.cart_id } }',
    story: (of) => {
      of.event("2026-03-03 10:00", "cart_updated", { cart_id: "a", total: 1 });
      of.event("2026-03-03 10:10", "cart_updated", { cart_id: "b", total: 1 });
      of.event("2026-03-03 10:20", "cart_updated", { cart_id: "c", total: 1 });
      of.event("2026-03-03 10:30", "cart_updated", { cart_id: "b", total: 0 });
    },
    says: ["r is under way 3 times for ola", 'run for "a" since', 'run for "c" since', 'started for "a"  (e1)', 'wait 1 hour: waits until 2026-03-03 11:10 for "b"  (e2)', 'ended by `until cart_updated where total == 0 and cart_id == event.cart_id` for "b"  (e4)'],
  },
  "not started: where": {
    rule: 'rule r { on seen where price > 100 and sku != "x"  send email "x" }',
    story: (of) => { of.event("2026-03-03 10:00", "seen", { sku: "a", price: 5 }); of.event("2026-03-03 11:00", "seen", { sku: "b", price: 6 }); },
    says: ["r is not under way", "on seen where price > 100 and sku != \"x\"", "2026-03-03 11:00  not started: not price > 100 and sku != \"x\", 2 times in a row  (e2)"],
  },
  "not started: when, with the values of then": {
    rule: 'rule r { on seen  when vip and spend > event.price  send email "x" }',
    story: (of) => { of.event("2026-03-03 10:00", "bought", { total: 60 }); of.event("2026-03-03 11:00", "seen", { sku: "a" }); of.event("2026-03-03 12:00", "bought", { total: 60 }); },
    says: [
      "only when", "? vip and spend > event.price  (depends on the event)", "✓ vip  until 2026-06-01 10:00 by itself", "spend = 120", "? spend > event.price  (depends on the event)", "event.price  (of the event)",
      "2026-03-03 11:00  not started: when vip and spend > event.price  (e2)", "✗ vip", "spend = 60", "event.price = 0",
    ],
  },
  "not started: until holds": {
    rule: 'rule r { on seen  until count(bought) >= 3  until vip  wait 1 day }',
    story: (of) => { of.event("2026-03-03 10:00", "bought", { total: 160 }); of.event("2026-03-03 11:00", "seen", { sku: "a" }); },
    says: ["not while", "✗ count(bought) >= 3  (may change by bought)", "✓ vip", "not started: until vip  (e2)", "✓ vip", "spend = 160"],
  },
  "not started: the cap": {
    rule: 'rule r { on seen  at most 5 per month  at most 1 per 7 days  emit "x" }',
    story: (of) => { of.event("2026-03-03 10:00", "seen", { sku: "a" }); of.event("2026-03-04 11:00", "seen", { sku: "a" }); },
    says: ["starts are capped", "✓ at most 5 per month: 1 of 5 used", "✗ at most 1 per 7 days: 1 of 1 used, room again on 2026-03-10 10:00", "2026-03-04 11:00  not started: at most 1 per 7 days, room again on 2026-03-10 10:00  (e2)"],
  },
  "not started: going": {
    rule: 'rule r { on seen  wait 1 day }',
    story: (of) => { of.event("2026-03-03 10:00", "seen", { sku: "a" }); of.event("2026-03-03 11:00", "seen", { sku: "a" }); of.event("2026-03-03 12:00", "seen", { sku: "a" }); },
    says: ["not started: a run is under way, and the rule does not say `repeat restart`, 2 times in a row  (e3)"],
  },
  "restarted": {
    rule: 'rule r { on seen  repeat restart  wait 1 day }',
    story: (of) => { of.event("2026-03-03 10:00", "seen", { sku: "a" }); of.event("2026-03-03 11:00", "seen", { sku: "a" }); },
    says: ["run since 2026-03-03 11:00, started by shop/e2", "ended: the next start takes its place  (e2)", "started anew  (e2)"],
  },
  "not sent: no consent of its own": {
    rule: 'rule r { on seen  send sms "x" }',
    story: (of) => of.event("2026-03-03 10:00", "seen", { sku: "a" }),
    says: ["channel sms: a message would be suppressed: no consent", "✗ profile.consent.sms  (may change by profile_updated)", 'send sms "x": suppressed by consent of sms (when profile.consent.sms)  (e1)', "done  (e1)"],
  },
  "not sent: no consent of the group": {
    rule: 'rule r { on seen  send email "x" urgent }',
    story: (of) => { of.event("2026-03-03 09:00", "profile_updated", { blocked: true }); of.event("2026-03-03 10:00", "seen", { sku: "a" }); },
    says: ["channel email: a message would be suppressed by marketing: no consent", "✗ not profile.blocked", "(of marketing)", "urgent messages of the rule pass quiet hours and caps", 'suppressed by consent of marketing (when not profile.blocked)'],
  },
  "not sent: the cap of the channel": {
    rule: 'rule r { on seen  send email "x" }',
    story: (of) => { of.event("2026-03-03 10:00", "seen", { sku: "a" }); of.event("2026-03-03 11:00", "seen", { sku: "a" }); },
    says: ["channel email: a message would be suppressed: the cap is reached", "✗ at most 1 per day: 1 of 1 used, room again on 2026-03-04 00:00", "✓ at most 3 per 7 days: 1 of 3 used  (of marketing)", 'send email "x": suppressed by cap of email (at most 1 per day), room again on 2026-03-04 00:00  (e2)'],
  },
  "not sent: the cap of the group": {
    rule: 'rule r { on seen  send push "x" }',
    story: (of) => { for (let hour = 10; hour < 14; hour++) of.event(`2026-03-03 ${hour}:00`, "seen", { sku: "a" }); },
    says: ["channel push: a message would be suppressed by marketing: the cap is reached", "✗ at most 3 per 7 days: 3 of 3 used, room again on 2026-03-10 10:00  (of marketing)", "suppressed by cap of marketing (at most 3 per 7 days), room again on 2026-03-10 10:00  (e4)"],
  },
  "not sent: ended while held": {
    rule: 'rule r { on seen  until bought  send email "x" }',
    story: (of) => { of.event("2026-03-03 22:00", "seen", { sku: "a" }); of.event("2026-03-03 23:00", "bought", { total: 1 }); of.until("2026-03-04 12:00"); },
    says: ["held by email until 2026-03-04 08:00", 'send email "x": dropped while held: its run ended  (e2)', "ended by `until bought`  (e2)"],
  },
  "held, then sent": {
    rule: 'rule r { on seen  send email "x" }',
    story: (of) => { of.event("2026-03-03 22:00", "seen", { sku: "a" }); of.until("2026-03-04 12:00"); },
    says: ["held by email", '2026-03-04 08:00  send email "x"\n', "2026-03-04 08:00  done"],
  },
  "a schedule": {
    rule: 'rule r { on every month on 1 at 09:00  on every year on profile.birthday at 10:00  on every monday at 08:30  when vip  emit "x" }',
    story: (of) => { of.event("2026-03-03 10:00", "profile_updated", { birthday: "1990-05-06", timezone: "Europe/Warsaw" }); of.until("2026-03-10 10:00"); },
    says: [
      "as of 2026-03-10 11:00 (Europe/Warsaw)", "on every month on 1 at 09:00  next on 2026-04-01 09:00", "on every year on profile.birthday at 10:00  next on 2026-05-06 10:00", "on every monday at 08:30  next on 2026-03-16 08:30",
      "2026-03-09 08:30  not started: when vip\n", "✗ vip",
    ],
  },
  "a yearly schedule without a date": {
    rule: 'rule r { on every year on profile.birthday at 10:00  emit "x" }',
    story: (of) => of.event("2026-03-03 10:00", "seen", { sku: "a" }),
    says: ["on every year on profile.birthday at 10:00\n", "nothing that the events of the log tell of"],
  },
  "starts that time brings": {
    rule: 'rule r { on enter regular  on leave vip  on status up, returned  on change spend  emit "x" }'.replace("status up, returned", "status up"),
    story: (of) => { of.event("2026-03-03 10:00", "bought", { total: 160 }); of.event("2026-03-03 11:00", "bought", { total: 1 }); },
    says: ["on enter regular  next on 2026-03-04 11:00", "on leave vip  next on 2026-06-01 10:00", "on status up\n", "on change spend  next on 2026-06-01 10:00", "started  (e1)"],
  },
  "started by entering": {
    rule: 'rule r { on enter vip  wait 1 day }',
    story: (of) => of.event("2026-03-03 10:00", "bought", { total: 160 }),
    says: ["on enter vip\n", "2026-03-03 10:00  started  (e1)"],
  },
  "the way through its steps": {
    rule: 'rule r { on seen  if vip { emit "vip" } else if event.price > 3 { take 50 stars { emit "taken" } else { emit "poor" } }  wait for bought up to 1 day { emit "came" } else { emit "not" } }',
    story: (of) => { of.event("2026-03-03 10:00", "bought", { total: 20 }); of.event("2026-03-03 11:00", "seen", { sku: "a", price: 5 }); of.until("2026-03-05 12:00"); },
    says: ["if vip: no  (e2)", "✗ vip", "spend = 20", "if event.price > 3: yes  (e2)", "event.price = 5", "take 50 stars: not enough  (e2)", 'emit "poor"', "wait for bought up to 1 day: waits until 2026-03-04 11:00", "2026-03-04 11:00  wait for bought up to 1 day: it did not come", 'emit "not"', "done"],
  },
  "an experiment": {
    rule: 'rule r { on seen  split offer { gift { send push "gift" } }  emit "after" }',
    story: (of) => of.event("2026-03-03 10:00", "seen", { sku: "a" }),
    says: ["splits", "offer: ", "split offer: ", "done  (e1)"],
  },
  "a late event and one that came twice": {
    rule: 'rule r { on bought where total > 100  when spend > 200  emit "x" }',
    story: (of) => {
      of.event("2026-03-03 10:00", "bought", { total: 150 }, { own: "2026-02-20 10:00", id: "late" });
      of.event("2026-03-03 11:00", "bought", { total: 150 }, { id: "twice" });
      of.event("2026-03-03 12:00", "bought", { total: 150 }, { id: "twice" });
      of.event("2026-03-03 13:00", "bought", { total: 50 }, { id: "small" });
      of.event("2026-03-03 13:01", "bought", { total: 50 }, { id: "small" });
    },
    says: ["✓ spend > 200  until 2026-05-21 10:00 by itself, or by bought", "2026-03-03 10:00  not started: when spend > 200  (late)", "2026-03-03 11:00  started  (twice)", 'emit "x"  (twice)', "2026-03-03 13:00  not started: not total > 100  (small)"],
  },
  "events that did not fit": {
    rule: 'rule r { on bought  emit "x" }',
    story: (of) => { of.event("2026-03-03 10:00", "seen", { sku: "a" }); of.event("2026-03-03 11:00", "bought", { total: "much" }); },
    says: ["1 event of the customer did not fit the program and changed nothing; the last: bought: schema: ", "nothing that the events of the log tell of"],
  },
};

/** Each of the texts behind the one before. */
function expectInOrder(report: string, says: readonly string[]): void {
  let from = 0;
  for (const text of says) {
    const at = `${report}\n`.indexOf(text, from);
    expect(at, `${JSON.stringify(text)} in\n${report}`).toBeGreaterThanOrEqual(0);
    from = at + text.length;
  }
}

// What is told is the same whoever moves the clock.
describe.each<[ClockKind]>([["event"], ["broker"]])("a rule, by the clock of the %s", (clock) => {
  test.each(Object.entries(CASES))("%s", (name, { rule, story, says }) => {
    const of = lifeOf(rule, clock);
    story(of);
    const { text, history } = of.rule("r");
    expectGolden(`${name.replace(/[^a-z]+/g, "-")}.txt`, `${text}\n`);
    expectInOrder(text, says);
    expect(history).toMatchObject({ agrees: true, isWhole: true });
  });
});

describe("several runs of one rule", () => {
  const values = ["a", "b", "c"];
  const PER = 'rule r { on seen  per event.sku  until returned  wait for bought up to 1 day { emit "came" { sku: event.sku } } else { emit "no" { sku: event.sku }  send email "x" } }';

  /** In any order of starts, what is told of a step and what the run then does have the same `per`. */
  function expectOwn(of: Life, order: readonly string[], way: string, action: string): void {
    const { history: { told } } = of.rule("r", 100);
    const ways = told.filter((one) => one.k === "went");
    expect(ways.map(({ per }) => per)).toEqual(order);
    for (const [i, one] of told.entries()) {
      if (one.k !== "went") continue;
      expect(one.way).toBe(way);
      expect(told[i + 1]).toMatchObject({ k: "acted", step: `emit "${action}"`, per: one.per });
    }
  }
  const orders = values.flatMap((first) => values.filter((each) => each !== first).map((second) => [first, second, ...values.filter((each) => each !== first && each !== second)]));

  test.each(orders)("what did not come, and what came: %s, %s, %s", (...order) => {
    const late = lifeOf(PER);
    const early = lifeOf(PER);
    for (const sku of order) for (const of of [late, early]) of.event("2026-03-03 10:00", "seen", { sku });
    late.until("2026-03-05 10:00");
    expectOwn(late, order, "else", "no");
    early.event("2026-03-03 11:00", "bought", { total: 1 });
    expectOwn(early, order, "then", "came");
  });

  test("what is dropped and what is ended say of which, and by what", () => {
    const of = lifeOf('rule r { on seen  per event.sku  until spend > 5  until returned where true  send email "x" }'.replace(" where true", ""));
    for (const sku of ["a", "b"]) of.event("2026-03-03 22:00", "seen", { sku });
    of.event("2026-03-03 23:00", "returned");
    expectInOrder(of.rule("r").text, values.slice(0, 2).flatMap((sku) => [
      `send email "x": dropped while held: its run ended for "${sku}"  (e3)`, `ended by \`until returned\` for "${sku}"  (e3)`,
    ]));
    for (const sku of ["a", "b"]) of.event("2026-03-03 23:10", "seen", { sku });
    of.event("2026-03-03 23:20", "bought", { total: 6 });
    expectInOrder(of.rule("r").text, ['ended by `until spend > 5` for "a"  (e6)', 'ended by `until spend > 5` for "b"  (e6)']);
  });

  test.each<[string, (of: Life) => void]>([
    ["enter vip", (of) => of.event("2026-03-03 11:00", "bought", { total: 160 })],
    ["leave vip", (of) => { of.event("2026-03-03 11:00", "bought", { total: 160 }); of.until("2026-06-02 11:00"); }],
    ["status up", (of) => of.event("2026-03-03 11:00", "bought", { total: 60 })],
    ["change profile.city", (of) => of.event("2026-03-03 11:00", "profile_updated", { city: "x" })],
    ["bought where total > 5", (of) => of.event("2026-03-03 11:00", "bought", { total: 6 })],
  ])("ended by until %s", (until, story) => {
    const of = lifeOf(`rule r { on seen  until count(bought) > 99  until bought where total > 1000  until ${until}  wait 200 days }`);
    of.event("2026-03-03 10:00", "seen", { sku: "a" });
    story(of);
    expectInOrder(of.rule("r").text, [`ended by \`until ${until}\``]);
  });

  test("a run whose place is taken, and one whose customer is forgotten, drop what is held for them", () => {
    const of = lifeOf('rule r { on seen  per event.sku  repeat restart  send email "x" }');
    for (const sku of ["a", "b", "b"]) of.event("2026-03-03 22:00", "seen", { sku });
    expectInOrder(of.rule("r").text, ['send email "x": dropped while held: its run ended for "b"  (e3)', 'ended: the next start takes its place for "b"  (e3)']);
    of.event("2026-03-03 23:00", "customer_erased");
    expectInOrder(of.rule("r").text, ['dropped while held: its run ended for "a"  (e4)', 'dropped while held: its run ended for "b"  (e4)']);
  });
});

describe("what went out", () => {
  const RULE = 'rule r { on seen  emit "x" }';

  test("sent as it is or by an edited step; not sent; before what the outputs tell; not yet", () => {
    const of = lifeOf(RULE);
    for (let day = 1; day <= 5; day++) of.event(`2026-03-0${day} 10:00`, "seen", { sku: "a" });
    const day = (n: number): number => Date.parse(`2026-03-0${n}T10:00:00Z`);
    const action = { id: "of an edited step", at: day(3), type: "emit.x", rule: "r", cause: "e3", data: {} };
    const { told } = of.rule("r", 100, {
      published: { actions: [action, { ...action, id: "another rule", at: day(2), rule: "q" }], after: day(1), upTo: day(4) },
      reign: { runs: true, began: { offset: 2, clock: day(2) } },
    }).history;
    expect(told.flatMap((one) => (one.k === "acted" ? [[one.cause, one.sent, one.wouldHave]] : []))).toEqual([
      ["e1", "unknown", true], ["e2", "not sent", true], ["e3", "sent", false], ["e4", "not sent", false], ["e5", "not yet", false],
    ]);
    expect(told.some(({ k }) => k === "sent")).toBe(false);
  });

  test("what other rules did under its name stands at its time", () => {
    const of = lifeOf(RULE);
    for (let day = 1; day <= 3; day++) of.event(`2026-03-0${day} 10:00`, "seen", { sku: "a" });
    const { text } = of.rule("r", 4, { published: { actions: [{ id: "1", at: Date.parse("2026-03-02T12:00:00Z"), type: "email.a.b", rule: "r", cause: "time", data: {} }], after: -Infinity, upTo: Infinity } });
    expectInOrder(text, ["what happened\n  ! not all of this happened", '2026-03-02 12:00  send email "a.b": sent; by today\'s rules', "2026-03-03 10:00  started"]);
  });
});

test("a rule that is being finished: what it has said, before the change and since, and nothing of what its successor says", () => {
  const declared = "event seen { sku: string }\nevent bought { total: number }\nchannel email { }\n";
  const young = `${declared}rule r { on seen  emit "new"  emit "both" }`;
  const of = life(young, "event", NO_FIGURES, { text: `${declared}rule r { on seen where sku == "b"  wait 2 days  send email "old"  wait 1 day  emit "last"  emit "both" }`, rule: "r", from: "0123456789abcdef" });
  for (let day = 1; day <= 4; day++) of.event(`2026-03-0${day} 10:00`, "seen", { sku: "a" });
  const at = (day: number): number => Date.parse(`2026-03-0${day}T10:00:00Z`);
  const sent = (day: number, type: string, cause: string, rule = "r") => ({ id: `${day} ${type} ${rule}`, at: at(day), type, rule, cause, data: {} });
  const known = {
    published: { actions: [
      sent(1, "email.old", "time"), sent(2, "emit.older", "e2"), sent(2, "emit.both", "time"), sent(3, "emit.new", "e3"), sent(3, "emit.both", "e3"), sent(3, "email.old", "time"), sent(4, "emit.last", "time"), sent(4, "emit.last", "e4", "another"),
    ], after: -Infinity, upTo: at(4) },
    reign: { runs: true, began: { offset: 2, clock: at(2) } },
  };
  const { history, text } = of.rule("r@01234567", 100, known);
  expect(text.slice(text.indexOf("what happened"))).toBe(`what happened
  2026-03-01 10:00  send email "old"
  2026-03-02 10:00  emit "both"
  2026-03-03 10:00  send email "old"
  2026-03-04 10:00  emit "last"`);
  expect(history.agrees).toBe(true);
});

describe("records that do not tell all", () => {
  const RULE = 'rule r { on bought  when count(bought) >= 2  wait 1 day  emit "x" }';

  function bought(times: number): Life {
    const of = lifeOf(RULE);
    for (let day = 1; day <= times; day++) of.event(`2026-03-0${day} 10:00`, "bought", { total: 1 });
    return of;
  }

  test("the log forgot the beginning: from when on it tells, and that the rule stands elsewhere", () => {
    const of = bought(2);
    of.works.shift();
    const { history, text } = of.rule("r");
    expect(history).toMatchObject({ isWhole: false, agrees: false, events: 1 });
    expectInOrder(text, [
      "r is under way for ola", "the log holds the customer's events from 2026-03-02 10:00 on: what was before counts for nothing here",
      "by these events and the present rules the rule would stand elsewhere than it does", "not started: when count(bought) >= 2",
    ]);
  });

  test("the log forgot everything", () => {
    const of = bought(2);
    of.works.length = 0;
    expectInOrder(of.rule("r").text, ["the log holds no events of the customer any more", "nothing that the events of the log tell of"]);
  });

  test("more has happened than is shown", () => {
    const { history, text } = bought(9).rule("r", 3);
    expect([history.more, history.told.length]).toEqual([true, 3]);
    expectInOrder(text, ["what happened\n  …\n  2026-03-0"]);
  });

  test("percentiles are those of today, for what happened before too", () => {
    const rule = "rule r { on seen  when percentile(spend among count(bought) >= 1) >= 80  emit \"x\" }";
    const at = (percent: number): string => {
      const of = life(`${SHOP}\n${rule}`, "event", { ...NO_FIGURES, percentile: () => percent });
      of.event("2026-03-01 10:00", "bought", { total: 5 });
      of.event("2026-03-09 10:00", "seen", { sku: "a" });
      return of.rule("r").text;
    };
    expectInOrder(at(90), ["✓ percentile(spend among count(bought) >= 1) >= 80", "percentile(spend among count(bought) >= 1) = 90", "2026-03-09 10:00  started"]);
    expectInOrder(at(10), ["✗ percentile(", "2026-03-09 10:00  not started: when percentile("]);
  });

  test("explaining leaves the customer as they are", () => {
    const of = bought(3);
    const { zone, ...before } = structuredClone({ ...of.customer(), zone: null });
    of.rule("r");
    of.other("email");
    of.other("spend");
    const { zone: _, ...after } = of.customer();
    expect([after, zone]).toEqual([before, null]);
    expect(after.id).toBe(CUSTOMER);
  });
});

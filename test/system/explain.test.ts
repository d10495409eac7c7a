/** `eddy explain` and `eddy inspect` beside an engine that runs, and after it: on real servers, and embedded. */
import { PassThrough, Readable } from "node:stream";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { main } from "../../cli/main.js";
import { eddyHere } from "../cli/eddy-here.js";
import { eddy, folderWith, type Ran } from "../cli/eddy.js";
import { changeUnderWay } from "../../engine/change/change.js";
import { readMeta } from "../../engine/meta.js";
import { eventSubject } from "../../engine/subjects.js";
import { startEngineProcess, type EngineProcess } from "./engine-process.js";
import { embeddedPlace, serversPlace, type Place, type PlaceOptions } from "./places.js";
import { until } from "./progress.js";

const RULES = `event order_placed { total: number }
event cart_updated { cart_id: string }
event session_started
profile {
  timezone: string = "Europe/Warsaw"
  consent: { email: boolean = false }
}
trait spend = sum(order_placed.total) over 30 days
segment vip "Spends a hundred" when spend >= 100
segment silent when no session_started for 30 days
channel email {
  when profile.consent.email
  quiet 21:00 to 08:00
}
points stars { earn floor(total) on order_placed  expire after 1 year }
tier status by stars { basic at 10  gold at 500 }
experiment offer { plain 50%  gift 50% }
rule recovery "Abandoned cart" {
  on cart_updated
  when vip
  until order_placed
  wait 1 hour
  send email "cart" { cart: event.cart_id }
}
`;
const PLAIN = 'event seen\nsegment once when count(seen) >= 1\n';

const folder = folderWith({ "rules/shop.eddy": RULES, "plain/plain.eddy": PLAIN });
afterAll(() => folder.remove());

let place: Place | null = null;
let engine: EngineProcess | null = null;
afterEach(async () => {
  await engine?.kill();
  await place?.dispose();
  engine = place = null;
});

const PLACES: readonly (readonly [string, (options: PlaceOptions) => Promise<Place>])[] = [["NATS and Redis", serversPlace], ["embedded", embeddedPlace]];

/** What came last is in the store; a partition without work does not say how far it has come. A command that asks is started when this is so, not again and again. */
async function isCaughtUp({ ports, partitions }: Place): Promise<boolean> {
  const { last } = await ports.log.info();
  const metas = await Promise.all(Array.from({ length: partitions }, (_, p) => ports.store.meta(p)));
  return metas.some(({ meta }) => readMeta(meta).offset >= last);
}

describe.each(PLACES)("%s", (_title, open) => {
  const program = open === serversPlace ? eddyHere : eddy;
  test("why ola is in a segment, and why she did not get the mail", async () => {
    const where = (place = await open({ partitions: 2, clock: "event" }));
    engine = startEngineProcess({ rules: `${folder.path}/rules`, place: where.flags, folder: folder.path });
    await engine.said("running");
    let number = 0;
    const append = (type: string, time: string, data: object): Promise<unknown> =>
      where.ports.log.append([{ subject: eventSubject(type, "ola"), body: JSON.stringify({ id: `e${++number}`, source: "shop", type, subject: "ola", time, data }) }]);
    const ask = (...args: readonly string[]): Promise<Ran> => program([...args, ...where.flags, "--rules", `${folder.path}/rules`], { folder: folder.path });
    await append("cart_updated", "2026-03-02T09:00:00Z", { cart_id: "a" });
    await append("order_placed", "2026-03-02T10:00:00Z", { total: 120 });
    await append("cart_updated", "2026-03-02T20:30:00Z", { cart_id: "b" });
    await append("profile_updated", "2026-03-02T20:40:00Z", { consent: { email: true } });
    await append("session_started", "2026-03-02T21:45:00Z", {});

    // While it runs.
    await until("the last event is in the store", async () => await isCaughtUp(where) && (await ask("explain", "ola", "recovery")).stdout.includes("as of 2026-03-02 22:45 (Europe/Warsaw)"), 60_000, 300);
    expect((await ask("explain", "ola", "vip")).stdout).toBe(`ola is in vip "Spends a hundred", as of 2026-03-02 22:45 (Europe/Warsaw)
leaves on 2026-04-01 12:00 unless order_placed

in while
  ✓ spend >= 100  until 2026-04-01 12:00 by itself, or by order_placed
      spend = 120
        sum(order_placed.total) over 30 days = 120
`);
    const rule = await ask("explain", "ola", "recovery");
    expect([rule.code, rule.stderr]).toEqual([0, ""]);
    expect(rule.stdout).toBe(`recovery "Abandoned cart" is under way for ola, as of 2026-03-02 22:45 (Europe/Warsaw)

run since 2026-03-02 21:30, started by shop/e3
  its channel holds \`send email "cart"\` since 2026-03-02 22:30, until 2026-03-03 08:00 at least
    ✗ quiet 21:00 to 08:00: quiet now, until 2026-03-03 08:00  (of email)
  ends by order_placed

starts
  on cart_updated
  ✗ a start would be ignored now: a run is under way, and the rule does not say \`repeat restart\`

only when
  ✓ vip  until 2026-04-01 12:00 by itself
    ✓ spend >= 100  until 2026-04-01 12:00 by itself, or by order_placed
        spend = 120
          sum(order_placed.total) over 30 days = 120

channel email: a message would be held until 2026-03-03 08:00 at least
  ✓ profile.consent.email  (may change by profile_updated)
  ✗ quiet 21:00 to 08:00: quiet now, until 2026-03-03 08:00

what happened
  2026-03-02 10:00  not started: when vip  (e1)
      ✗ vip
        ✗ spend >= 100
            spend = 0
              sum(order_placed.total) over 30 days = 0
  2026-03-02 21:30  started  (e3)
  2026-03-02 21:30  wait 1 hour: waits until 2026-03-02 22:30  (e3)
  2026-03-02 22:30  send email "cart": held by email until 2026-03-03 08:00 (quiet 21:00 to 08:00)
`);
    // After it.
    expect((await engine.terminate()).code).toBe(0);
    const data = JSON.parse((await ask("explain", "ola", "silent", "--json")).stdout) as Record<string, unknown>;
    expect(data).toMatchObject({
      customer: "ola", at: "2026-03-02T21:45:00.000Z", timezone: "Europe/Warsaw", segment: "silent", member: false, turns: { at: "2026-04-01T21:45:00.000Z", to: true },
      touchedBy: ["session_started"], behindSince: null,
      enter: { condition: { text: "no session_started for 30 days", holds: false, value: false, changesAt: "2026-04-01T21:45:00.000Z", changedBy: ["session_started"], parts: [] }, forAtLeast: null },
    });
    expect((await ask("explain", "ola", "status")).stdout).toBe(`status = "basic", as of 2026-03-02 22:45 (Europe/Warsaw)
changes by itself on 2027-03-02 11:00, or may change by order_placed

  stars = 120
  status.next = "gold"
  status.missing = 380
`);
    expect((await ask("explain", "ola", "email")).stdout).toContain("channel email: a message would be held until 2026-03-03 08:00 at least");
    expect((await ask("explain", "ola", "stars")).stdout).toBe("stars = 120, as of 2026-03-02 22:45 (Europe/Warsaw)\nthe next expire on 2027-03-02 11:00, or may change by order_placed\n");

    const inspected = (await ask("inspect", "ola")).stdout;
    expect(inspected).toMatch(/\npoints\n  stars  120, the next expire on 2027-03-02 11:00\n\ntiers\n  status  basic\n\nexperiments\n  offer  (plain|gift), not exposed\n/);
    const plain = await program(["inspect", "ola", ...where.flags, "--rules", `${folder.path}/plain`], { folder: folder.path });
    expect(plain.stdout).toContain("\nrules under way\n  none\n");
    expect(plain.stdout).not.toMatch(/^(points|tiers|experiments)$/m);

    const nobody = await ask("explain", "nobody", "vip");
    expect([nobody.code, nobody.stdout]).toEqual([1, ""]);
    expect(nobody.stderr).toMatch(/^nothing is known about a customer "nobody" in /);
  }, 180_000);
});

test("a log that forgot, and an engine that stands still", async () => {
  const where = (place = await serversPlace({ partitions: 1, clock: "broker" }));
  engine = startEngineProcess({ rules: `${folder.path}/rules`, place: where.flags, folder: folder.path });
  await engine.said("running");
  const ask = (...args: readonly string[]): Promise<Ran> => eddyHere([...args, ...where.flags, "--rules", `${folder.path}/rules`], { folder: folder.path });
  await where.ports.log.append([{ subject: eventSubject("cart_updated", "jan"), body: JSON.stringify({ id: "e1", source: "shop", type: "cart_updated", subject: "jan", time: new Date().toISOString(), data: { cart_id: "a" } }) }]);
  await until("it is in the store", async () => await isCaughtUp(where) && (await ask("explain", "jan", "recovery")).stdout.includes("not started: when vip  (e1)"), 60_000, 300);
  expect((await engine.terminate()).code).toBe(0);
  await (await where.link.nc.jetstreamManager()).streams.purge("EVENTS");
  expect((await ask("explain", "jan", "recovery")).stdout).toContain("the log holds no events of the customer any more");

  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const later = Date.now() + 40 * 86_400_000;
  const code = await main(["explain", "jan", "silent", ...where.flags, "--rules", `${folder.path}/rules`], {
    stdin: Readable.from([]), stdout, stderr, environment: {}, folder: folder.path, terminal: false, now: () => later, interrupted: () => new Promise(() => undefined),
  });
  const text = String(stdout.read());
  expect([code, text]).toEqual([0, expect.stringMatching(/^jan is not in silent, as of [^]*✓ no session_started for 30 days[^]*\n\nno engine has run since \d{4}-\d\d-\d\d \d\d:\d\d[^]*: what time brings about from then on comes when one does\n$/)]);
}, 180_000);

test("rules that are younger than the events: what they would have done, and what was really sent", async () => {
  const where = (place = await serversPlace({ partitions: 1, clock: "event" }));
  const old = folderWith({ "rules/shop.eddy": 'event seen\nrule hello { on seen  emit "hello" }\nrule daily { on seen  emit "old" }\nsegment big when count(seen) >= 1\nsegment huge when count(seen) >= 3\n' });
  const young = folderWith({ "rules/shop.eddy": 'event seen\nrule hello { on seen  emit "hello" }\nrule daily { on every month on 1 at 09:00  emit "monthly" }\nsegment big when count(seen) >= 4\nsegment huge when count(seen) >= 2\n' });
  const append = (id: string, time: string, who = "ola"): Promise<unknown> =>
    where.ports.log.append([{ subject: eventSubject("seen", who), body: JSON.stringify({ id, source: "shop", type: "seen", subject: who, time, data: {} }) }]);
  const ask = async (rules: { readonly path: string }, name: string): Promise<string> => (await eddyHere(["explain", "ola", name, ...where.flags, "--rules", `${rules.path}/rules`], { folder: rules.path })).stdout;
  const run = async (rules: { readonly path: string }, upTo: string): Promise<void> => {
    engine = startEngineProcess({ rules: `${rules.path}/rules`, place: where.flags, folder: rules.path });
    await until("the events are in the store, and the engine has come to everybody under these rules", async () => await isCaughtUp(where) && !await isChanging() && isUnder(await ask(rules, "hello"), upTo), 60_000, 100);
    expect((await engine.terminate()).code).toBe(0);
  };
  const isUnder = (text: string, upTo: string): boolean => text.includes(`as of ${upTo} (UTC)`) && !text.includes("no engine runs these rules yet");
  // An engine that ends before whoever carries the change through has ended it leaves that to the next one, which then takes no rules of its own.
  const isChanging = async (): Promise<boolean> => await changeUnderWay(where.ports.store) !== null || (await where.ports.store.meta(0)).meta["joining"] !== undefined;
  try {
    await append("e1", "2026-01-15T10:00:00Z");
    await append("e2", "2026-02-15T10:00:00Z");
    await run(old, "2026-02-15 10:00");
    expect(await ask(young, "daily")).toContain(`
what happened
  ! no engine runs these rules yet: this is what they would do with the customer's events, and only what is called \`sent\` has happened
  2026-01-15 10:00  emit "old": sent; by today's rules and the events that are left it would not have been  (e1)
  2026-02-01 09:00  would have been: started
  2026-02-01 09:00  emit "monthly": would have been sent by today's rules; it was not
  2026-02-01 09:00  would have been: done
  2026-02-15 10:00  emit "old": sent; by today's rules and the events that are left it would not have been  (e2)
`);
    // The engine runs them, and nothing has come of ola: they are where the rules have them all the same.
    await append("j1", "2026-02-15T12:00:00Z", "jan");
    await run(young, "2026-02-15 12:00");
    expect(await ask(young, "big")).toMatch(/^ola is not in big, as of 2026-02-15 12:00 \(UTC\)\n[^!]*$/);
    expect(await ask(young, "huge")).toMatch(/^ola is in huge, as of 2026-02-15 12:00 \(UTC\)\n[^!]*$/);
    // Rules that are kept otherwise in states.
    const other = folderWith({ "rules/shop.eddy": 'event seen\nrule later { on seen  wait 1 day }\nsegment big when count(seen) >= 1\n' });
    expect(await ask(other, "big")).toContain("\n! no engine runs these rules yet: ");
    await append("j2", "2026-02-15T13:00:00Z", "jan");
    engine = startEngineProcess({ rules: `${other.path}/rules`, place: where.flags, folder: other.path });
    await until("the events are in the store", async () => await isCaughtUp(where) && !await isChanging() && isUnder(await ask(other, "big"), "2026-02-15 13:00"), 60_000, 100);
    expect((await engine.terminate()).code).toBe(0);
    expect(await ask(other, "big")).toMatch(/^ola is in big, as of 2026-02-15 13:00 \(UTC\)\n[^!]*$/);
    other.remove();
    // What is in the log when rules are put into force is still the old ones' affair.
    await run(young, "2026-02-15 13:00");
    await append("e3", "2026-02-16T10:00:00Z");
    await append("e4", "2026-03-15T10:00:00Z");
    await run(young, "2026-03-15 10:00");
    expect(await ask(young, "daily")).toContain(`
what happened
  ! these rules are younger than the events: until 2026-02-15 13:00 others ran, and what is told of that time is what these would have done
  2026-01-15 10:00  emit "old": sent; by today's rules and the events that are left it would not have been  (e1)
  2026-02-01 09:00  would have been: started
  2026-02-01 09:00  emit "monthly": would have been sent by today's rules; it was not
  2026-02-01 09:00  would have been: done
  2026-02-15 10:00  emit "old": sent; by today's rules and the events that are left it would not have been  (e2)
  from here on it happened under these rules
  2026-03-01 09:00  started
  2026-03-01 09:00  emit "monthly"
  2026-03-01 09:00  done
`);
    expect(await ask(young, "big")).toMatch(/^ola is in big, as of .*\nstays in until seen: /);
    // What both did: the same action.
    expect(await ask(young, "hello")).toContain(`  2026-02-15 10:00  emit "hello": sent  (e2)\n  2026-02-15 10:00  would have been: done  (e2)\n  from here on it happened under these rules\n  2026-02-16 10:00  started  (e3)\n`);
  } finally {
    old.remove();
    young.remove();
  }
}, 300_000);

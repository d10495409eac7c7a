/** `eddy inspect`: runs with what tells them apart, held messages by name, and instants on the customer's wall clock; JSON in UTC. */
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eddyHere } from "../cli/eddy-here.js";
import { folderWith, type Ran } from "../cli/eddy.js";
import { startEngineProcess } from "./engine-process.js";
import { until } from "./progress.js";

const folder = folderWith({
  "rules/shop.eddy": `
event cart_updated { cart_id: string }
profile { timezone: string = "Europe/Warsaw"  member_since: time?  consent: { email: boolean = true } }
trait newest = last(cart_updated.time)
channel email { when profile.consent.email  quiet 21:00 to 08:00 }
points stars { earn 5 on cart_updated  expire after 1 year }
rule cold { on cart_updated  per event.cart_id  wait 30 days  emit "cold" }
rule recovery "Abandoned cart" { on cart_updated  wait 1 hour  send email "cart" }
`,
  "events.ndjson": [
    ["1", "profile_updated", "2026-03-02T08:00:00Z", { member_since: "2020-07-01T10:00:00Z" }],
    ["v", "cart_updated", "2026-03-02T09:00:00Z", { cart_id: "v" }, "visitor 9"],
    ["i", "customer_identified", "2026-03-02T09:10:00Z", { anonymous_id: "visitor 9" }, "zoe"],
    ["2", "cart_updated", "2026-03-02T20:30:00Z", { cart_id: "a" }],
    ["3", "cart_updated", "2026-03-02T21:45:00Z", { cart_id: "b" }],
  ].map(([id, type, time, data, subject = "ola"]) => JSON.stringify({ specversion: "1.0", id, source: "shop", type, subject, time, data })).join("\n"),
});
const ask = (...args: string[]): Promise<Ran> => eddyHere([...args, "--embedded", "store"], { folder: folder.path });

beforeAll(async () => {
  await ask("setup", "--clock", "event", "--partitions", "1");
  const engine = startEngineProcess({ rules: "rules", place: ["--embedded", "store"], folder: folder.path });
  await engine.said("running");
  expect((await ask("send", "events.ndjson")).code).toBe(0);
  await until("the last event is in the store", async () => (await ask("inspect", "ola", "--json")).stdout.includes('"at": "2026-03-02T21:45:00Z"'), 60_000, 100);
  // A join is a record of its own, which the engine puts behind the events: it may come after all of them.
  await until("the visitor is joined", async () => (await ask("inspect", "zoe", "--json")).stdout.includes('"visitor 9"'), 60_000, 100);
  await engine.terminate();
});
afterAll(() => folder.remove());

test("on a terminal", async () => {
  const { stdout, code } = await ask("inspect", "ola");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^ola, first seen 2026-03-02 09:00\n/);
  expect(stdout).toContain("\n  member_since  2020-07-01 12:00\n");
  expect(stdout).toContain("\ntraits, as of 2026-03-02 22:45 (Europe/Warsaw)\n  newest  2026-03-02 22:45\n");
  expect(stdout).toContain("\n  stars  10, the next expire on 2027-03-02 21:30\n");
  expect(stdout).toContain(`
rules under way
  cold for "a": since 2026-03-02 21:30 (shop/2), waits until 2026-04-01 22:30
  recovery  Abandoned cart: since 2026-03-02 21:30 (shop/2), its message email "cart" is held until 2026-03-03 08:00
  cold for "b": since 2026-03-02 22:45 (shop/3), waits until 2026-04-01 23:45
`);
  expect(stdout).not.toMatch(/\dT\d\d:/);
});

test("by the rules in force, where none are named and none lie in the folder", async () => {
  const elsewhere = folderWith({});
  const place = ["--embedded", join(folder.path, "store")];
  const [there, here] = [await eddyHere(["inspect", "ola", ...place], { folder: elsewhere.path }), await ask("inspect", "ola")];
  elsewhere.remove();
  expect(there).toEqual(here);
});

test("as JSON", async () => {
  const known = JSON.parse((await ask("inspect", "ola", "--json")).stdout) as { readonly runs: readonly unknown[] };
  expect(known).toMatchObject({
    timezone: "Europe/Warsaw", at: "2026-03-02T21:45:00Z", firstSeen: "2026-03-02T08:00:00Z",
    profile: { member_since: "2020-07-01T10:00:00Z" }, traits: { newest: "2026-03-02T21:45:00Z" },
  });
  expect(known.runs.slice(0, 2)).toEqual([
    { rule: "cold", label: null, per: "a", since: "2026-03-02T20:30:00Z", cause: "shop/2", holds: false, message: null, waitsUntil: "2026-04-01T20:30:00Z" },
    { rule: "recovery", label: "Abandoned cart", per: null, since: "2026-03-02T20:30:00Z", cause: "shop/2", holds: true, message: { channel: "email", template: "cart" }, waitsUntil: "2026-03-03T07:00:00Z" },
  ]);
});

test("who was joined into another is told of as the other", async () => {
  const { stdout, stderr, code } = await ask("inspect", "visitor 9");
  expect(code).toBe(0);
  expect(stderr).toContain('"visitor 9" was joined into "zoe", of whom this is');
  expect(stdout).toMatch(/^zoe, first seen 2026-03-02 10:00\njoined into them: visitor 9\n/);
  expect(stdout).toContain('cold for "v": since 2026-03-02 10:00 (visitor 9>shop/v)');
  const explained = await ask("explain", "visitor 9", "stars");
  expect([explained.code, explained.stderr.includes("was joined into"), explained.stdout.includes("5")]).toEqual([0, true, true]);
});

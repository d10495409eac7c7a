/** What the README of the desk shows is what the program says: the same customer, lived through on an embedded engine. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { eddyHere } from "../cli/eddy-here.js";
import { folderWith, PROJECT, type Ran } from "../cli/eddy.js";
import { startEngineProcess } from "../system/engine-process.js";
import { until } from "../system/progress.js";
import { text } from "./library.js";

const OLA = "c0042";
const LIFE: readonly (readonly [at: string, type: string, data: object])[] = [
  ["2026-03-02T08:50:00Z", "profile_updated", { first_name: "Ola", consent: { email: true, push: true } }],
  ["2026-03-02T09:00:00Z", "order_placed", { order_id: "o1", total: 335, items: [{ sku: "tent", category: "camping", quantity: 1, price: 335 }] }],
  ["2026-03-05T10:00:00Z", "contact_opened", { topic: "delivery" }],
  ["2026-03-06T10:00:00Z", "contact_opened", { topic: "invoice" }],
  ["2026-03-06T15:00:00Z", "contact_closed", { topic: "invoice" }],
];
const LOOKED_AT = "2026-03-07T10:00:01Z";

const events = LIFE.map(([time, type, data], i) => JSON.stringify({ specversion: "1.0", id: String(i), source: "shop", type, subject: OLA, time, data }));
const folder = folderWith({ "events.ndjson": `${events.join("\n")}\n` });
const rules = `${PROJECT}/rules`;
const run = (...args: string[]): Promise<Ran> => eddyHere([...args, "--embedded", "store"], { folder: folder.path });

beforeAll(async () => {
  await run("setup", "--clock", "event", "--partitions", "1");
  const engine = startEngineProcess({ rules, place: ["--embedded", "store"], folder: folder.path });
  await engine.said("running");
  expect((await run("send", "events.ndjson")).code).toBe(0);
  expect((await run("send", "--clock", LOOKED_AT)).code).toBe(0);
  await until("the engine has come to the instant", async () => (await run("inspect", OLA, "--rules", rules, "--json")).stdout.includes(`"at": "${LOOKED_AT}"`), 60_000, 100);
  await engine.terminate();
}, 90_000);
afterAll(() => folder.remove());

/** The command and the lines below it, of each block. */
const blocks = [...text("service/README.md").matchAll(/```text\n\$ eddy ([^\n]+)\n([\s\S]*?)```/g)].map(([, command = "", lines = ""]) => [command, lines.trimEnd().split("\n")] as const);

test("the README shows three commands", () => {
  expect(blocks.map(([command]) => command)).toEqual([`inspect ${OLA}`, `explain ${OLA} parcel_overdue`, `explain ${OLA} almost_there_mail`]);
});

test.each(blocks)("$ eddy %s", async (command, lines) => {
  const { stdout, code } = await run(...command.split(" "), "--rules", rules);
  expect(code).toBe(0);
  const said = stdout.trimEnd().split("\n");
  // Every line shown is said, in this order; what is left out is marked.
  let from = 0;
  for (const line of lines) {
    if (line.trim() === "…") continue;
    const at = said.indexOf(line, from);
    expect(at, `"${line}" in\n${stdout}`).toBeGreaterThanOrEqual(0);
    from = at + 1;
  }
  if (!lines.some((line) => line.trim() === "…")) expect(lines.join("\n")).toBe(stdout.trimEnd());
});

/**
 * `eddy recover` as a person meets it, on an embedded folder whose log has let go of events that were not processed: what it
 * says, that looking changes nothing, and that the engine goes on after either decision.
 */
import { PassThrough } from "node:stream";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { main } from "../../cli/main.js";
import { openEmbedded } from "../../connectors/embedded/open.js";
import { encodeToken, eventSubject, partition } from "../../engine/subjects.js";
import { startInside } from "./engine-inside.js";
import { until } from "./progress.js";

const RULES = 'event order_placed { total: number }\ntrait orders = count(order_placed)\nrule thanks { on order_placed  emit "thanks" { n: orders } }\n';
const PARTITIONS = 2;
const ANN = ["c0", "c1", "c2", "c3", "c4", "c5"].find((customer) => partition(encodeToken(customer), PARTITIONS) === 0) ?? "";

let folder: string;
beforeEach(async () => {
  folder = join(mkdtempSync(join(tmpdir(), "eddy-recover-")), "shop");
  await within(() => undefined);
});
afterEach(() => rmSync(join(folder, ".."), { recursive: true, force: true }));

async function within<T>(use: (opened: Awaited<ReturnType<typeof openEmbedded>>) => T): Promise<T> {
  const opened = await openEmbedded(folder, { create: true, now: Date.now, partitions: PARTITIONS, clock: "broker" });
  try {
    return await use(opened);
  } finally {
    await opened.close();
  }
}

const order = (n: number) => ({ subject: eventSubject("order_placed", ANN), body: JSON.stringify({ id: `o-${n}`, type: "order_placed", subject: ANN, data: { total: 5 } }), id: `o-${n}` });

/** Orders with these numbers, appended. */
const ordered = (...numbers: readonly number[]) => within(({ log }) => log.append(numbers.map(order)));

const said = () => within(async ({ outputs }) => (await outputs.read(0, 1, 100)).map(({ body }) => {
  const { cause, data } = JSON.parse(body) as { cause: string; data: { n: number } };
  return `${cause}:${data.n}`;
}));

/** Lets an engine work until all its outputs are there, or its partition stands still. */
async function works(outputs: number): Promise<string | null> {
  const engine = await startInside({ k: "embedded", folder }, { rules: RULES });
  try {
    await until("it has worked, or stands still", async () => engine.stopped(0) !== null || (engine.stats.partitions.get(0)?.outboxPending === 0 && (await said()).length >= outputs));
    return engine.stopped(0);
  } finally {
    await engine.stop();
  }
}

async function eddy(...args: readonly string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await main([...args, "--embedded", folder], {
    stdin: new PassThrough(), stdout, stderr, environment: {}, folder: join(folder, ".."), terminal: false, now: Date.now, interrupted: () => new Promise(() => undefined),
  });
  return { code, out: String(stdout.read() ?? ""), err: String(stderr.read() ?? "") };
}

/** Five orders, of which two were processed and the next two are gone. */
async function gap(): Promise<void> {
  await ordered(1, 2);
  expect(await works(2)).toBe(null);
  await ordered(3);
  await ordered(4);
  await ordered(5);
  // Blocks hold what one append brought.
  const { last } = await within(({ log }) => log.info());
  await within(({ log }) => log.trim(last));
}

test("all is well: said so, exit 0, nothing to decide", async () => {
  await ordered(1, 2);
  await works(2);
  const shown = await eddy("recover");
  expect(shown).toMatchObject({ code: 0, err: expect.stringMatching(/every partition can go on/) });
  expect(shown.out).toMatch(/^partition 0: can go on behind event \d+, with 2 outputs published$/m);
  expect(await eddy("recover", "--accept-data-loss")).toMatchObject({ code: 0, out: "", err: expect.stringMatching(/every partition can go on; nothing was changed/) });
});

describe("events are gone that were not processed", () => {
  test("it says what happened and what each choice costs, exit 1, and changes nothing", async () => {
    await gap();
    expect(await works(5)).toMatch(/no longer holds events 3 to 4, which had not been processed.*eddy recover/);
    const before = await within(({ store }) => store.meta(0));
    const shown = await eddy("recover", "0");
    expect(shown).toMatchObject({ code: 1, err: expect.stringMatching(/1 of 1 cannot go on; nothing was changed/) });
    expect(shown.out).toBe([
      "partition 0: the event log no longer holds events 3 to 4, which had not been processed (its limits were reached, or it was purged)",
      "  eddy recover 0 --accept-data-loss",
      "    keeps the state and goes on with event 5; events 3 to 4 are never processed.",
      "  eddy recover 0 --rebuild",
      "    drops all state and begins anew with event 5; what events 1 to 4 had brought about is lost; nothing that events up to 2 bring about is published again.",
      "",
    ].join("\n"));
    expect(JSON.parse((await eddy("recover", "0", "--json")).out)).toMatchObject([{ partition: 0, offset: 2, faults: [{ kind: "log gap" }], choices: { rebuild: expect.stringMatching(/^drops/) }, decided: [] }]);
    expect(await within(({ store }) => store.meta(0))).toEqual(before);
  });

  test.each([["--accept-data-loss", "o-5:3"], ["--rebuild", "o-5:1"]])("%s: it goes on, and the decision is on record", async (choice, next) => {
    await gap();
    expect(await eddy("recover", choice)).toMatchObject({ code: 0, out: expect.stringMatching(/^partition 0: .* event 5/), err: expect.stringMatching(/start the engine again/) });
    expect(await works(3)).toBe(null);
    expect(await said()).toEqual(["o-1:1", "o-2:2", next]);
    expect((await eddy("recover", "0")).out).toMatch(new RegExp(`decided 20\\d\\d-.*: ${choice.slice(2)}, at event 2 \\(log gap\\)`));
  });
});

test("a partition without a fault is rebuilt where it is named, and says nothing again", async () => {
  await ordered(1, 2);
  await works(2);
  expect(await eddy("recover", "0", "--rebuild")).toMatchObject({ code: 0, out: expect.stringMatching(/drops all state and begins anew with event 1; nothing that events up to 2 bring about is published again/) });
  await ordered(3);
  expect(await works(3)).toBe(null);
  expect(await said()).toEqual(["o-1:1", "o-2:2", "o-3:3"]);
});

test("an engine at work keeps the folder: a decision is refused, looking is not", async () => {
  await ordered(1);
  const held = await openEmbedded(folder, { create: false, now: Date.now, engine: true });
  try {
    expect(await eddy("recover", "--rebuild")).toMatchObject({ code: 2, err: expect.stringMatching(/in use by an engine/) });
    expect((await eddy("recover")).code).toBe(0);
  } finally {
    await held.close();
  }
});

test.each([
  [["recover", "--rebuild", "--accept-data-loss"], /different decisions: choose one/],
  [["recover", "7"], /there is no partition 7: they are 0 to 1/],
  [["recover", "x"], /there is no partition x/],
])("%j is refused", async (args, message) => {
  expect(await eddy(...args)).toMatchObject({ code: 2, err: expect.stringMatching(message) });
});

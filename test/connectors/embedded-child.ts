/**
 * A process of its own for embedded.test.ts, which kills it: `embedded-child.js MODE FOLDER [WHO]`. What is acknowledged
 * is told on standard output before anything else happens.
 */
import { spawnSync } from "node:child_process";
import { writeSync } from "node:fs";
import { openEmbedded } from "../../connectors/embedded/open.js";
import { LogFull, StoreRefused, type Commit, type Output, type Writer } from "../../engine/ports.js";

const [mode = "", dir = "", who = ""] = process.argv.slice(2);
const P = 1;
const say = (line: string): void => void writeSync(1, `${line}\n`);

/** The number stands in every table. */
function commitOf(writer: Writer, number: number): Commit {
  const customers = Array.from({ length: 20 }, (_, i) => `c${i}`);
  const state = Buffer.alloc(200, number % 251);
  state.writeDoubleLE(number, 0);
  return {
    partition: P, writer, number,
    states: customers.map((customer) => [customer, state]),
    wakes: customers.map((customer) => [customer, number]),
    segments: customers.map((customer) => number % 2 === 1
      ? { segment: "odd", add: [customer], remove: [] } : { segment: "odd", add: [], remove: [customer] }),
    outputs: [outputOf(number)],
    forget: Math.max(0, number - 50),
    meta: { position: String(number) },
  };
}

function outputOf(number: number): Output {
  return { number, subject: `actions.${P}.email.hello`, id: `id-${number}`, cause: number, body: `{"n":${number}}` };
}

async function commitForEver(): Promise<void> {
  const { log, store, outputs } = await openEmbedded(dir, { create: false, engine: true, now: Date.now, checkpointMs: 10 });
  const claim = await store.claim(P, `writer ${process.pid}`);
  say("ready");
  for (let number = claim.number + 1; ; number++) {
    const answer = await store.commit(commitOf(claim.writer, number));
    if (answer !== "done") throw new Error(answer);
    say(`committed ${number}`);
    const last = await outputs.last(P);
    const due = await store.outbox(P, last + 1, 100);
    say(`published ${await outputs.publish(P, due)}`);
    const [appended] = await log.append([{ subject: "events.seen.c1", body: String(number), id: `n-${number}` }]);
    say(`appended ${appended?.sequence}`);
  }
}

async function appendMany(): Promise<void> {
  const { log, close } = await openEmbedded(dir, { create: false, now: Date.now });
  for (let n = 0; n < 3_000; n += 60) {
    await log.append(Array.from({ length: 60 }, (_, i) => ({ subject: "events.seen.c1", body: `${who} ${n + i}`, id: `${who}-${n + i}` })));
  }
  await close();
}

/** Writes until the limit of a file's size is reached, then has it raised and does the very same again. */
async function fillDisk(): Promise<void> {
  process.on("SIGXFSZ", () => undefined);
  const { log, store, outputs, close } = await openEmbedded(dir, { create: true, now: Date.now, checkpointMs: 10 });
  const { writer } = await store.claim(P, "writer");
  const large = (number: number): Commit => ({
    partition: P, writer, number, states: Array.from({ length: 50 }, (_, i) => [`c${number}-${i}`, Buffer.alloc(3_000, number)]),
    wakes: [], segments: [], outputs: [], forget: 0, meta: { position: String(number) },
  });
  let number = 1;
  const refused: string[] = [];
  const trying = async (what: string, act: () => Promise<unknown>): Promise<boolean> => {
    try {
      await act();
      return true;
    } catch (error) {
      if (!(error instanceof StoreRefused) && !(error instanceof LogFull)) throw error;
      refused.push(`${what}: ${error.name}: ${error.message}`);
      return false;
    }
  };
  while (await trying("commit", () => store.commit(large(number)))) number += 1;
  const records = Array.from({ length: 300 }, (_, i) => ({ subject: "events.seen.c1", body: "x".repeat(1_000), id: `id-${i}` }));
  await trying("append", () => log.append(records));
  await trying("publish", () => outputs.publish(P, Array.from({ length: 300 }, (_, i) => ({ ...outputOf(i + 1), body: "x".repeat(1_000) }))));
  const meanwhile = { number: (await store.meta(P)).number, there: (await store.load(P, [`c${number}-0`]))[0] === null, last: (await log.info()).last };
  spawnSync("prlimit", ["--pid", String(process.pid), "--fsize=unlimited"]);
  const again = await store.commit(large(number));
  const appended = await log.append(records);
  say(JSON.stringify({ number, refused, meanwhile, again, appended: appended.at(-1) }));
  await close();
}

const modes: Readonly<Record<string, () => Promise<void>>> = { commitForEver, appendMany, fillDisk };
await modes[mode]?.();

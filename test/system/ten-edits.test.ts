/**
 * A program edited ten times with the real program, `eddy run` and `eddy apply`, on real servers, while events flow and both are
 * killed in between: what comes of it is what each edit demands (test/change/demanded.ts). The long way through all accidents is
 * test/change/ten-edits.test.ts.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { currentProgram, storedBundle } from "../../engine/change/bundle.js";
import { changeUnderWay } from "../../engine/change/change.js";
import { compileBundle, storedBundles } from "../../engine/change/finishing.js";
import { compile } from "../../engine/compile/compiled.js";
import type { LogRecord } from "../../engine/ports.js";
import { expectAll, expectDemanded, madeUp, recordsOf, type Seen } from "../change/demanded.js";
import { tenEdits, type Edit } from "../change/ten-edits.js";
import { eddyHere } from "../cli/eddy-here.js";
import { randomOf } from "../retail/random.js";
import { startEngineProcess, type EngineProcess } from "./engine-process.js";
import { serversPlace, type Place } from "./places.js";
import { settled, until } from "./progress.js";

const PARTITIONS = 3;

async function recordsIn({ ports: { log } }: Place): Promise<LogRecord[]> {
  const { first, last } = await log.info();
  const reader = await log.read(first);
  const records: LogRecord[] = [];
  try {
    while ((records.at(-1)?.sequence ?? 0) < last) {
      await reader.ready(1000);
      records.push(...reader.take(1000));
    }
  } finally {
    await reader.close();
  }
  return records;
}

async function seenIn(place: Place, segments: readonly string[]): Promise<Seen> {
  const { store } = place.ports;
  const partitions = await Promise.all(Array.from({ length: PARTITIONS }, async (_, index) => {
    const states = new Map<string, Uint8Array>();
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof store.scan>> = await store.scan(index, cursor);
      for (const [id, bytes] of page.states) states.set(id, bytes);
      cursor = page.cursor;
    } while (cursor !== null);
    const members = new Map<string, ReadonlySet<string>>();
    for (const segment of segments) members.set(segment, new Set((await store.members(index, segment, null)).customers));
    return { fields: (await store.meta(index)).meta, states, members };
  }));
  const outputs = await Promise.all(Array.from({ length: PARTITIONS }, (_, index) => place.outputs(index)));
  return { records: await recordsIn(place), outputs: outputs.flat(), partitions };
}

describe("a program edited ten times, on NATS and Redis", () => {
  test("ends with what the edits demand, though engine and edits are killed", async () => {
    const folder = mkdtempSync(join(tmpdir(), "eddy-ten-edits-"));
    const place = await serversPlace({ partitions: PARTITIONS, clock: "event" });
    const { log, store } = place.ports;
    const edits = tenEdits();
    const orders = madeUp(randomOf(4), 600, 25);
    const share = Math.ceil(orders.length / edits.length);
    let engine: EngineProcess | null = null;
    const restart = async (): Promise<void> => {
      await engine?.kill();
      engine = startEngineProcess({ rules: "shop.eddy", place: place.flags, folder });
    };
    const apply = (finish: Edit["finish"]): ReturnType<typeof eddyHere> => eddyHere(["apply", "shop.eddy", ...place.flags, ...(finish.length === 0 ? [] : ["--finish", finish.join(",")])], { folder });
    try {
      for (const [number, edit] of edits.entries()) {
        const now = recordsOf(orders.slice(number * share, (number + 1) * share));
        const half = Math.floor(now.length / 2);
        if (number === 0) {
          writeFileSync(join(folder, "shop.eddy"), edit.text);
          await restart();
          await log.append(now.slice(0, half));
          // Where nothing has run yet, other rules are in force from the first event on.
          await until("all partitions run", async () => settled(place, (await log.info()).last), 60_000);
        } else {
          writeFileSync(join(folder, "shop.eddy"), edit.text);
          const from = await currentProgram(store);
          const applying = number % 3 === 0 ? startEngineProcess({ command: "apply", rules: "shop.eddy", place: place.flags, folder, more: edit.finish.length === 0 ? [] : ["--finish", edit.finish.join(",")] }) : null;
          const applied = applying === null ? apply(edit.finish) : null;
          await log.append(now.slice(0, half));
          if (number % 2 === 0) {
            await until("the change is under way", async () => await changeUnderWay(store) !== null || await currentProgram(store) !== from, 60_000);
            await restart();
          }
          // Who applies is killed, and somebody else goes on.
          if (applying !== null) {
            await until("the change is under way", async () => await changeUnderWay(store) !== null || await currentProgram(store) !== from, 60_000);
            await delay(50 * number);
            await applying.kill();
          }
          const done = applied === null ? await apply(edit.finish) : await applied;
          expect([done.code, done.stderr], done.stderr).toEqual([0, done.stderr]);
          await until(`edit ${number} is in force`, async () => await changeUnderWay(store) === null && await currentProgram(store) !== from, 60_000);
        }
        await log.append(now.slice(half));
      }
      await restart();
      await until("all is done", async () => settled(place, (await log.info()).last), 60_000);
      const hash = await currentProgram(store);
      const bundle = await storedBundle(store, hash ?? "");
      if (bundle === null) throw new Error("the program in force is not in the store");
      const { program } = await compileBundle(bundle, storedBundles(store));
      if (program === null) throw new Error("the program in force does not compile");
      const names = [...new Set(edits.flatMap(({ segments }) => Object.keys(segments)))];
      expectAll(expectDemanded(await seenIn(place, names), edits, compile(program)));
    } finally {
      await (engine as EngineProcess | null)?.kill();
      await place.dispose();
      rmSync(folder, { recursive: true, force: true });
    }
  }, 600_000);
});

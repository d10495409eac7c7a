/**
 * A million timers on NATS and Redis, ten thousand of them due at the same instant, and an engine that was dead over their
 * deadlines: how long it takes to catch up, with how much memory; beside how fast the same engine takes events.
 *
 *   node dist/bench/timers.js [customers=1000000]
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEngineProcess } from "../test/system/engine-process.js";
import { scrape } from "../test/system/metrics.js";
import { serversPlace } from "../test/system/places.js";
import { published, until } from "../test/system/progress.js";
import { untilDone } from "../test/pressure/done.js";
import { look, shown, watch } from "../test/pressure/watch.js";
import { RULES, expectEachInTime, waiting } from "../test/pressure/wakes.js";
import { PARTITIONS } from "./servers.js";

/** Events a second that setting the timers is reckoned with. */
const RECKONED_RATE = 2500;
const LONG_MS = 3_600_000;

export async function timers(customers: number): Promise<object> {
  const folder = mkdtempSync(join(tmpdir(), "eddy-timers-"));
  mkdirSync(join(folder, "rules"));
  writeFileSync(join(folder, "rules/wakes.eddy"), RULES);
  const place = await serversPlace({ partitions: PARTITIONS, clock: "broker" });
  const start = (): ReturnType<typeof startEngineProcess> => startEngineProcess({ rules: join(folder, "rules"), place: place.flags, folder });
  let engine = start();
  try {
    const http = await engine.http();
    const due = Date.now() + 20_000 + (customers / RECKONED_RATE) * 1000;
    const all = waiting(customers, Math.min(10_000, customers), due, 30_000);
    const setting = watch(http, 500);
    const since = performance.now();
    let batch = [];
    for (const event of all.events()) {
      batch.push(event);
      if (batch.length < 2000) continue;
      await place.ports.log.append(batch);
      batch = [];
    }
    if (batch.length > 0) await place.ports.log.append(batch);
    await untilDone(place, LONG_MS);
    const setMs = performance.now() - since;
    const set = await setting.stop();
    await engine.kill();
    if (Date.now() > due) throw new Error(`setting the timers took ${Math.round(setMs / 1000)} s, so long that the first were due before: fewer customers, or an idle machine`);
    console.log(`${customers.toLocaleString("en")} timers set in ${(setMs / 1000).toFixed(1)} s (${Math.round((customers / setMs) * 1000).toLocaleString("en")} events/s); most ${shown(set)}`);
    await delay(Math.max(0, due + 31_000 - Date.now()));
    engine = start();
    const again = await engine.http();
    const before = await look(again);
    const watching = watch(again, 200);
    const begun = performance.now();
    await until("all timers have run", async () => (await published(place)) >= customers, LONG_MS, 100);
    const ms = performance.now() - begun;
    const most = await watching.stop();
    const metrics = await scrape(again);
    const late = { count: metrics.value("eddy_timer_lateness_seconds_count") ?? 0, sum: metrics.value("eddy_timer_lateness_seconds_sum") ?? 0 };
    const came = await expectEachInTime(place, all);
    console.log(`all due while the engine was dead: ${came.toLocaleString("en")} ran once, in order, in ${(ms / 1000).toFixed(1)} s (${Math.round((customers / ms) * 1000).toLocaleString("en")} a second)`);
    console.log(`memory ${Math.round(before.memoryMb)} MB at the start; most ${shown(most)}; lateness counted ${late.count.toLocaleString("en")} times, ${(late.sum / late.count).toFixed(1)} s on average`);
    return { customers, setSeconds: setMs / 1000, runSeconds: ms / 1000, before, most, late };
  } finally {
    await engine.kill();
    await place.dispose();
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === import.meta.filename) {
  await timers(Number(process.argv[2] ?? 1_000_000));
  process.exit(0);
}

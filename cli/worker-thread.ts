/**
 * One worker thread of `eddy run --workers N`: a member like any process, with connections of its own. What it logs and
 * counts goes to the main thread, which has the HTTP port and hears the signals.
 */
import { parentPort, workerData, type MessagePort } from "node:worker_threads";

import { compile } from "../engine/compile/compiled.js";
import { startEngine } from "../engine/engine.js";
import { engineStats } from "../engine/stats.js";
import { engineEnvironment, pause } from "./environment.js";
import { explain } from "./exit.js";
import { processIdentity } from "./identity.js";
import { WORKER_LIMITS } from "./limits.js";
import type { Fields, Log } from "./logging.js";
import { openPatiently, openPorts } from "./open.js";
import { takingChanges } from "./taking-changes.js";
import type { Assignment, Order, Report } from "./worker-messages.js";

const LOOK_EVERY_MS = 200;

async function work(port: MessagePort, { program, place, cacheCustomers }: Assignment): Promise<void> {
  const tell = (report: Report): void => port.postMessage(report);
  const log = logTo(tell, {});
  const stats = engineStats();
  const ending = new AbortController();
  const { now } = Date;
  port.on("message", (order: Order) => {
    if (order.k === "stop") ending.abort();
    else tell({ k: "counted", request: order.request, stats });
  });
  const ports = await openPatiently(() => openPorts(place, { now, engine: true }), log, ending.signal);
  if (ports === null) return;
  try {
    const options = { cacheCustomers, limits: WORKER_LIMITS, partitions: ports.partitions, identity: processIdentity() };
    const compiled = compile(program);
    const taking = takingChanges({ place, store: ports.store, compiled, now, log, signal: ending.signal });
    const engine = startEngine(compiled, { ...ports, ...taking.ports }, { ...options, programs: taking.programs }, engineEnvironment({ now }, log), stats);
    // Settles with the engine, whichever way: what it says of that is awaited below.
    void engine.ended.catch(() => undefined).finally(() => ending.abort());
    for (let told = ""; !ending.signal.aborted; await pause(LOOK_EVERY_MS, ending.signal)) {
      const missing = engine.notReady();
      if (told !== missing.join("\n") || told === "") tell({ k: "missing", missing });
      told = missing.join("\n");
    }
    await engine.stop();
    await taking.close();
  } finally {
    await ports.close();
  }
}

function logTo(tell: (report: Report) => void, always: Fields): Log {
  const write = (level: Extract<Report, { k: "log" }>["level"]) => (message: string, fields: Fields = {}): void => tell({ k: "log", level, message, fields: { ...always, ...fields } });
  return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error"), with: (fields) => logTo(tell, { ...always, ...fields }) };
}

if (parentPort !== null) {
  const port = parentPort;
  const tell = (report: Report): void => port.postMessage(report);
  work(port, workerData as Assignment)
    .then(() => tell({ k: "ended" }), (error: Error) => tell({ k: "failed", reason: explain(error), stack: error.stack ?? error.message }))
    // An attempt to open the ports may still be under way.
    .finally(() => process.exit());
}

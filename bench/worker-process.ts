/**
 * One of several engines that share the partitions, in a process of its own. It takes its share at once, and reads nothing until it
 * is told to begin, so that whoever measures can wait until all have theirs. Ends when told so, or when who started it is gone.
 *
 *   fork("worker-process.js", [NATS_URL, REDIS_URL])     tells `Told`, is told "begin" and "end"
 */
import { connectNats } from "../connectors/nats/connect.js";
import { natsEventLog } from "../connectors/nats/event-log.js";
import { natsOutputLog } from "../connectors/nats/output-log.js";
import { openRedisStore } from "../connectors/redis/store.js";
import { engineEnvironment } from "../cli/environment.js";
import { processIdentity } from "../cli/identity.js";
import { startEngine } from "../engine/engine.js";
import type { EventLog } from "../engine/ports.js";
import { engineStats } from "../engine/stats.js";
import { benchProgram, quiet } from "./throughput.js";

export interface Told {
  /** Partitions. */
  readonly holds: number;
  readonly processed: number;
  /** Nothing is left to read, commit or publish. */
  readonly isSettled: boolean;
}

const TELL_EVERY_MS = 20;

/** A log whose readers have nothing to give until `begun` resolves. */
function waiting(log: EventLog, begun: Promise<void>): EventLog {
  let hasBegun = false;
  void begun.then(() => { hasBegun = true; });
  return {
    ...log,
    async read(from) {
      const reader = await log.read(from);
      return {
        async ready(timeoutMs) {
          if (!hasBegun) await Promise.race([begun, new Promise((resolve) => setTimeout(resolve, timeoutMs))]);
          if (hasBegun) await reader.ready(timeoutMs);
        },
        take: (limit) => (hasBegun ? reader.take(limit) : []),
        get lag() { return reader.lag; },
        close: () => reader.close(),
      };
    },
  };
}

const [nats = "", redis = ""] = process.argv.slice(2);
const link = await connectNats({ servers: [nats] });
const { store } = await openRedisStore({ url: redis });
const log = natsEventLog(link);
const outputs = natsOutputLog(link);
const stats = engineStats();
const begun = new Promise<void>((resolve) => {
  process.on("message", (what) => {
    if (what === "begin") resolve();
    if (what === "end") void end();
  });
});
process.on("disconnect", () => process.exit(1));

const engine = startEngine(
  benchProgram(), { log: waiting(log, begun), store, outputs }, { cacheCustomers: 200_000, limits: { maxOutbox: 50_000, keepPublished: 10_000 }, identity: processIdentity() },
  engineEnvironment({ now: () => Date.now() }, quiet), stats,
);

const telling = setInterval(() => {
  const partitions = [...stats.partitions.values()];
  const told: Told = {
    holds: partitions.length,
    processed: [...stats.events.values()].reduce((sum, counted) => sum + counted.processed + counted.duplicate + counted.dead, 0),
    isSettled: partitions.every(({ outboxPending, lag }) => outboxPending === 0 && lag === 0),
  };
  process.send?.(told);
}, TELL_EVERY_MS);

async function end(): Promise<void> {
  clearInterval(telling);
  await engine.stop();
  for (const port of [log, outputs, store, link]) await port.close();
  process.exit(0);
}

await engine.ended;

/** Looks at an engine's metrics again and again: how much memory it took at most, how far it fell behind, what waits. */
import { setTimeout as delay } from "node:timers/promises";
import { scrape } from "../system/metrics.js";

export interface Seen {
  readonly memoryMb: number;
  readonly lag: number;
  readonly outbox: number;
  /** The longest that the event loop was held, ms. */
  readonly heldMs: number;
}

export interface Watch {
  readonly most: Seen;
  /** As it was looked at last. */
  readonly last: Seen;
  stop(): Promise<Seen>;
}

const NOTHING: Seen = { memoryMb: 0, lag: 0, outbox: 0, heldMs: 0 };

export async function look(http: string): Promise<Seen> {
  const metrics = await scrape(http);
  const lags = metrics.labels("eddy_partition_lag_events", "partition").map((partition) => metrics.value("eddy_partition_lag_events", { partition }) ?? 0);
  return {
    memoryMb: (metrics.value("process_resident_memory_bytes") ?? NaN) / 1024 ** 2,
    lag: Math.max(0, ...lags),
    outbox: metrics.value("eddy_outbox_pending") ?? NaN,
    heldMs: (metrics.value("nodejs_eventloop_lag_max_seconds") ?? NaN) * 1000,
  };
}

export function watch(http: string, everyMs = 100): Watch {
  let most = NOTHING;
  let last = NOTHING;
  let ending = false;
  const looking = (async () => {
    while (!ending) {
      try {
        last = await look(http);
        most = {
          memoryMb: Math.max(most.memoryMb, last.memoryMb), lag: Math.max(most.lag, last.lag), outbox: Math.max(most.outbox, last.outbox), heldMs: Math.max(most.heldMs, last.heldMs),
        };
      } catch {
        // The engine is being started or ended.
      }
      await delay(everyMs);
    }
  })();
  return {
    get most() { return most; },
    get last() { return last; },
    async stop() {
      ending = true;
      await looking;
      return most;
    },
  };
}

export const shown = ({ memoryMb, lag, outbox, heldMs }: Seen): string =>
  `${Math.round(memoryMb)} MB, lag ${lag.toLocaleString("en")}, outbox ${outbox.toLocaleString("en")}, event loop held ${Math.round(heldMs)} ms at most`;

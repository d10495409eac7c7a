/** The three ports on one folder. */
import type { ClockKind, StateStore } from "../../engine/ports.js";
import { lockForEngine } from "./engine-lock.js";
import type { EmbeddedEventLog } from "./event-log.js";
import { embeddedEventLog } from "./event-log.js";
import { openFolder } from "./folder.js";
import type { EmbeddedOutputLog } from "./output-log.js";
import { embeddedOutputLog } from "./output-log.js";
import { embeddedStateStore } from "./state-store.js";
import type { Timer } from "./timer.js";
import { systemTimer } from "./timer.js";

export interface EmbeddedOptions {
  readonly create: boolean;
  readonly partitions?: number;
  readonly clock?: ClockKind;
  readonly now: () => number;
  readonly engine?: boolean;
  readonly takeOver?: boolean;
  readonly timer?: Timer;
  readonly pollMs?: number;
  readonly maxBytes?: number;
  readonly keepOutputs?: number;
}

export interface Embedded {
  readonly log: EmbeddedEventLog;
  readonly store: StateStore;
  readonly outputs: EmbeddedOutputLog;
  close(): Promise<void>;
}

export async function openEmbedded(dir: string, options: EmbeddedOptions): Promise<Embedded> {
  const folder = openFolder(dir, options);
  const unlock = options.engine === true ? lockForEngine(folder, options.takeOver ?? false) : () => undefined;
  const settled = async (): Promise<void> => undefined;
  const { maxBytes } = options;
  const log = embeddedEventLog(folder, {
    now: options.now, timer: options.timer ?? systemTimer, pollMs: options.pollMs ?? 5, settled,
    ...(maxBytes === undefined ? {} : { maxBytes }),
  });
  const store = embeddedStateStore(folder, { settled });
  const outputs = embeddedOutputLog(folder, { keep: options.keepOutputs ?? 100_000, settled });
  return {
    log, store, outputs,
    async close() {
      await log.close();
      await store.close();
      await outputs.close();
      unlock();
      await folder.close();
    },
  };
}

/**
 * The three ports on one folder, without a server: `openEmbedded`.
 *
 * What is promised when:
 *
 * - A process dies, at whatever instant, by whatever signal: nothing that was acknowledged is lost, and a commit, an
 *   append of up to 5,000 records or a publication is there as a whole or not at all.
 * - The power goes, or the system crashes: the folder is as it was at the last checkpoint, at most `checkpointMs` and
 *   the time of a flush ago, and all of it - log, customers, outputs - as of the same instant. What was acknowledged
 *   since then is lost.
 * - With `acknowledge: "disk"` nothing is acknowledged before it is in a checkpoint on the disk, so a power cut loses
 *   nothing either. It costs a few flushes each time (4 ms to 20 ms on common disks); calls at the same time share them.
 * - The disk is full: LogFull or StoreRefused, nothing of that call has happened, and the same call succeeds once there
 *   is room.
 *
 * One engine at a time; `eddy send`, `eddy inspect` and others open the same folder beside it, to append or to read.
 *
 * Figures (bench/embedded.ts, Node 20, 2 cores and a virtual disk, both shared with other work; more on a quiet
 * machine): `append` of records of 260 bytes with ids 200,000 to 490,000 a second, one at a time some 5,000; `take`
 * 1.2 to 3 million a second; a commit of 400 customers with 100 wakes, 80 changes of membership and 40 outputs 5 to 8 ms,
 * of one customer 0.1 ms; `load` of 400 customers 0.9 ms; `publish` 120,000 to 260,000 a second.
 */
import { StoreRefused, type ClockKind, type StateStore, type Writer } from "../../engine/ports.js";
import { bootId } from "./boot.js";
import { clearPartition } from "./clear.js";
import { isEngineAlive, lockForEngine } from "./engine-lock.js";
import type { EmbeddedEventLog } from "./event-log.js";
import { embeddedEventLog } from "./event-log.js";
import { FolderRefused, logFlushFailure, openFailure, storeFlushFailure } from "./failures.js";
import { openFolder, type Folder } from "./folder.js";
import type { EmbeddedOutputLog } from "./output-log.js";
import { embeddedOutputLog } from "./output-log.js";
import type { Purge } from "../purge.js";
import { embeddedPurge } from "./purge.js";
import { dropFromScopes, openScope } from "./scope.js";
import { embeddedStateStore } from "./state-store.js";
import type { Timer } from "./timer.js";
import { systemTimer } from "./timer.js";

export interface EmbeddedOptions {
  /** Make the folder when it does not exist; else that is LogMissing. */
  readonly create: boolean;
  /** What the folder is set up with when it is made (8, broker), and must have been set up with where it is given. */
  readonly partitions?: number;
  readonly clock?: ClockKind;
  /** The wall clock, ms since 1970 UTC: stamps of records. */
  readonly now: () => number;
  /** This process runs the engine: refused while another one does. */
  readonly engine?: boolean;
  /** Take the folder even though an engine on another host seems to have it. */
  readonly takeOver?: boolean;
  /** `process` unless given: see above. */
  readonly acknowledge?: "process" | "disk";
  /** How often what was written is brought to the disk; 250 unless given. */
  readonly checkpointMs?: number;
  /** How often a waiting reader looks for what other processes have appended; 5 unless given. */
  readonly pollMs?: number;
  /** No more events are taken when those in the log are larger than this; no limit unless given. */
  readonly maxBytes?: number;
  /** How many of the newest outputs of a partition are kept; 100,000 unless given. */
  readonly keepOutputs?: number;
  /** Nothing more is written when the disk has less room than this; 32 MB unless given. */
  readonly leastFreeBytes?: number;
  readonly timer?: Timer;
  /** The store, and what `engine` refuses, is the one of that name beside the main one (scope.ts). */
  readonly scope?: string;
  /** Stands in for what tells this run of the machine from others (tests of power cuts). */
  readonly boot?: string | null;
}

export interface Embedded {
  readonly log: EmbeddedEventLog;
  readonly store: StateStore;
  readonly outputs: EmbeddedOutputLog;
  /** Removes a partition's state (clear.ts). */
  clear(partition: number, writer: Writer): Promise<boolean>;
  /** Whether an engine has the folder. */
  isEngineAtWork(): boolean;
  /** Removes a partition of the scope with all that is known of it, or (null) the scope; refused for the main store. */
  drop(partition: number | null): Promise<void>;
  /** Removes all that the scope holds, but not who works there; refused for the main store. */
  empty(): Promise<void>;
  /** Removes what log and outputs hold of one customer. */
  readonly purge: Purge;
  /** Resolves when all that was written up to now is on the disk and survives a power cut. */
  settled(): Promise<void>;
  /** Closes all three, brings what was written to the disk, lets go of the folder. */
  close(): Promise<void>;
}

const CHECKPOINT_MS = 250;
const POLL_MS = 5;
const KEEP_OUTPUTS = 100_000;
const LEAST_FREE_BYTES = 32_000_000;

/** Throws LogMissing where there is no folder and none is to be made, FolderRefused where it cannot be used. */
export async function openEmbedded(dir: string, options: EmbeddedOptions): Promise<Embedded> {
  const timer = options.timer ?? systemTimer;
  const { partitions, clock, maxBytes } = options;
  const folderOptions = {
    timer, checkpointMs: options.checkpointMs ?? CHECKPOINT_MS, leastFreeBytes: options.leastFreeBytes ?? LEAST_FREE_BYTES,
    boot: options.boot === undefined ? bootId() : options.boot,
  };
  const folder = opened(dir, {
    ...folderOptions, create: options.create,
    ...(partitions === undefined ? {} : { partitions }), ...(clock === undefined ? {} : { clock }),
  });
  try {
    const unlock = options.engine === true && options.scope === undefined ? lockForEngine(folder, options.takeOver ?? false) : null;
    const settled = (failure: (error: unknown, dir: string) => Error, of = folder) => async (): Promise<void> => {
      if (options.acknowledge !== "disk") return;
      await of.settled().catch((error: unknown) => { throw failure(error, dir); });
    };
    const scopeOptions = {
      folder: folderOptions, store: { timer, settled: (of: Folder) => settled(storeFlushFailure, of) }, engine: options.engine ?? false, takeOver: options.takeOver ?? false,
    };
    const log = embeddedEventLog(folder, {
      now: options.now, timer, pollMs: options.pollMs ?? POLL_MS, settled: settled(logFlushFailure),
      ...(maxBytes === undefined ? {} : { maxBytes }),
    });
    const scope = options.scope === undefined ? null : openScope(folder, options.scope, scopeOptions);
    const store = scope?.store ?? embeddedStateStore(folder, { settled: settled(storeFlushFailure), timer });
    const outputs = embeddedOutputLog(folder, { keep: options.keepOutputs ?? KEEP_OUTPUTS, settled: settled(logFlushFailure) });
    let closing: Promise<void> | null = null;
    return {
      log, store, outputs,
      async clear(partition, writer) {
        if (scope !== null) return scope.clear(partition, writer);
        if (!clearPartition(folder, partition, writer)) return false;
        await dropFromScopes(folder, partition, scopeOptions);
        return true;
      },
      isEngineAtWork: () => isEngineAlive(folder),
      async drop(partition) {
        if (scope === null) throw new StoreRefused("the main store is never dropped, only a scope");
        await scope.drop(partition);
      },
      async empty() {
        if (scope === null) throw new StoreRefused("the main store is never emptied, only a scope");
        await scope.empty();
      },
      purge: embeddedPurge(folder),
      settled: () => folder.settled(),
      close: () => (closing ??= (async () => {
        for (const port of [log, store, outputs]) await port.close();
        await scope?.close();
        try {
          unlock?.();
        } finally {
          // All that was acknowledged is written; the last of it is not known to survive a power cut.
          await folder.close().catch((error: unknown) => { throw error instanceof FolderRefused ? error : logFlushFailure(error, dir); });
        }
      })().catch((error: unknown) => { throw openFailure(error, dir); })),
    };
  } catch (error) {
    await folder.close().catch(() => undefined); // on a full disk that goes wrong too
    throw openFailure(error, dir);
  }
}

function opened(dir: string, options: Parameters<typeof openFolder>[1]): ReturnType<typeof openFolder> {
  try {
    return openFolder(dir, options);
  } catch (error) {
    throw openFailure(error, dir);
  }
}

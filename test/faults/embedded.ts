/**
 * Faults of the embedded store: the engine is killed at seeded instants, ended, stopped for a while, and its disk is full
 * (its process may not write beyond a size that the files have passed long ago); events come all along from another
 * process, as `eddy send` is one. What is left must be what one straight run over the log leaves.
 */
import { spawn, spawnSync } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { readMeta } from "../../engine/meta.js";
import { shopLoad } from "../../bench/shop-load.js";
import { folderWith } from "../cli/eddy.js";
import { randomOf } from "../retail/random.js";
import { embeddedPlace, type Place } from "../system/places.js";
import { committed, published, until } from "../system/progress.js";
import { engines as supervise, type Engines } from "./engines.js";
import type { Recovered } from "./marathon.js";
import { RULE_TEXTS, marathonRules } from "./rules.js";
import { allRecords, compareWithTruth, lastOwn, type Truth } from "./truth.js";

export interface EmbeddedOptions {
  readonly seed: number;
  readonly partitions: number;
  readonly faults: number;
  readonly customers: number;
  /** Events per second. */
  readonly perSecond: number;
  /** Only kinds with one of these in their names. */
  readonly only?: readonly string[];
  readonly tell?: (line: string) => void;
}

export interface EmbeddedReport {
  readonly faults: readonly Recovered[];
  readonly sent: number;
  /** How often engines ended since the disk was full. */
  readonly endsForRoom: number;
  readonly truth: Truth | null;
  readonly findings: readonly string[];
}

interface Way { readonly flags: readonly string[] }

const NO_ROOM = /cannot be written: the disk is full/;
const FULL_AT_BYTES = 4_096;
const RECOVERS_WITHIN_MS = 60_000;

/** Whether the disk of a running process can be made full. */
export const canFillDisk = (): boolean => process.platform === "linux" && spawnSync("prlimit", ["--version"]).status === 0;

export async function embeddedMarathon(options: EmbeddedOptions): Promise<EmbeddedReport> {
  const { seed, partitions } = options;
  const random = randomOf(seed);
  const tell = options.tell ?? ((): void => undefined);
  const place = await embeddedPlace({ partitions, clock: "broker" });
  const folder = folderWith(RULE_TEXTS);
  let endsForRoom = 0;
  const engines: Engines<Way> = supervise({
    openLinks: () => Promise.resolve({ flags: place.flags }), rules: folder.path, folder: folder.path, expected: NO_ROOM,
    keepLog: (_seat, { level, message }) => {
      if (level === "error" && NO_ROOM.test(message)) endsForRoom++;
    },
  });
  const kinds = [KILLED, KILLED, ENDED, STOOD_STILL, ...(canFillDisk() ? [DISK_FULL, DISK_FULL] : [])]
    .filter(({ title }) => options.only?.some((part) => title.includes(part)) !== false);
  const happened: Recovered[] = [];
  let sending = true;
  let sent = 0;
  try {
    const seat = await engines.add();
    await seat.engine?.said("running");
    const feeding = feed();
    feeding.catch(() => undefined); // met below
    for (let n = 0; n < options.faults; n++) {
      await delay(100 + random() * 500);
      // The first ones are each of another kind.
      const kind = kinds[n < kinds.length ? n : Math.floor(random() * kinds.length)] ?? KILLED;
      await kind.happen(engines, random);
      if (random() < 0.3) {
        happened.push({ kind: kind.title, ms: null });
        continue;
      }
      const own = await targets(place);
      const since = performance.now();
      await until(`the engine is over "${kind.title}" (fault ${n + 1})`, () => cameTo(place, own), RECOVERS_WITHIN_MS, 20);
      const ms = performance.now() - since;
      happened.push({ kind: kind.title, ms });
      tell(`fault ${n + 1}: ${kind.title}, over after ${Math.round(ms)} ms, ${sent} events sent`);
    }
    sending = false;
    await feeding;
    const truth = await finished(place, engines);
    const lost = truth.events === sent ? [] : [`${sent} events were taken, ${truth.events} are in the log`];
    return { faults: happened, sent, endsForRoom, truth, findings: [...engines.findings, ...truth.differences, ...lost] };
  } catch (error) {
    const finding = `${error instanceof Error ? error.stack ?? error.message : String(error)}\n${engines.lastLines()}`;
    return { faults: happened, sent, endsForRoom, truth: null, findings: [...engines.findings, finding] };
  } finally {
    sending = false;
    await engines.endAll();
    await place.dispose();
    folder.remove();
  }

  async function feed(): Promise<void> {
    const load = shopLoad(seed, options.customers);
    for (const began = performance.now(); sending; await delay(5 + random() * 40)) {
      const due = Math.floor(((performance.now() - began) / 1000) * options.perSecond) - sent;
      if (due < 1) continue;
      await place.ports.log.append(Array.from({ length: due }, () => load()));
      sent += due;
    }
  }
}

const workingOf = (engines: Engines<Way>) => engines.working[0] ?? raise("no engine is wanted");
const raise = (what: string): never => { throw new Error(what); };

interface Kind {
  readonly title: string;
  readonly happen: (engines: Engines<Way>, random: () => number) => Promise<void>;
}

const KILLED: Kind = { title: "engine killed with -9", happen: (engines) => engines.kill(workingOf(engines)) };

const ENDED: Kind = { title: "engine ended with SIGTERM", happen: async (engines) => void (await engines.terminate(workingOf(engines))) };

const STOOD_STILL: Kind = {
  title: "engine stands still",
  async happen(engines, random) {
    const { engine } = workingOf(engines);
    if (engine === null) return;
    // By another process: whoever is stopped in the middle of a write holds up all that write to the folder, this one too.
    const seconds = 0.2 + random();
    spawn("sh", ["-c", `kill -STOP ${engine.pid}; sleep ${seconds}; kill -CONT ${engine.pid}`], { stdio: "ignore" });
    await delay(seconds * 1_000);
  },
};

const DISK_FULL: Kind = {
  title: "disk full",
  async happen(engines, random) {
    const { engine } = workingOf(engines);
    if (engine === null) return;
    limit(engine.pid, String(FULL_AT_BYTES));
    await delay(100 + random() * 700);
    if (engine.running) limit(engine.pid, "unlimited");
  },
};

const limit = (pid: number, bytes: string): void => void spawnSync("prlimit", ["--pid", String(pid), `--fsize=${bytes}:unlimited`]);

/** What each partition has in the log by now: the sequence of its last record. */
async function targets({ ports, partitions }: Place): Promise<number[]> {
  return lastOwn({ clock: "broker", partitions, records: await allRecords(ports.log) });
}

/** Every partition has processed that, and all that was committed is published. */
async function cameTo(place: Place, own: readonly number[]): Promise<boolean> {
  for (const [index, sequence] of own.entries()) {
    if (readMeta((await place.ports.store.meta(index)).meta).offset < sequence) return false;
  }
  return (await published(place)) >= (await committed(place));
}

const QUIET_MS = 4_500;

async function finished(place: Place, engines: Engines<Way>): Promise<Truth> {
  for (let attempt = 1; ; attempt++) {
    let last = 0;
    let since = performance.now();
    await until("everything is processed", async () => {
      const info = await place.ports.log.info();
      if (info.last !== last || (await published(place)) < (await committed(place))) since = performance.now();
      last = info.last;
      return performance.now() - since > QUIET_MS && cameTo(place, await targets(place));
    }, 60_000, 100);
    const seat = workingOf(engines);
    engines.retire(seat);
    await engines.terminate(seat);
    const truth = await compareWithTruth(marathonRules(), place, new Set());
    if (attempt === 3 || !truth.differences.some((each) => each.includes("its last is"))) return truth;
    await (await engines.add()).engine?.said("running");
  }
}

/**
 * Keeps `eddy run` processes alive, as whatever runs a service does: one that ends is started again. Each has a seat with
 * links of its own.
 *
 * What no fault accounts for is a finding: an end for another reason than those that are known, and every line that an
 * engine logs as an error.
 */
import { setTimeout as delay } from "node:timers/promises";
import { shown, startEngineProcess, type EngineProcess, type LogLine } from "../system/engine-process.js";
import type { Links } from "./stage.js";

/** What an engine is told of its place. */
interface Way {
  readonly flags: readonly string[];
}

export interface Seat<Its extends Way = Links> {
  readonly name: string;
  readonly links: Its;
  engine: EngineProcess | null;
  /** To be started again when it ends. */
  wanted: boolean;
  paused: boolean;
  starts: number;
}

export interface Engines<Its extends Way = Links> {
  readonly seats: readonly Seat<Its>[];
  /** Seats whose engine is to run. */
  readonly working: readonly Seat<Its>[];
  /** Why engines ended by themselves, and errors that they logged. */
  readonly findings: readonly string[];
  /** Starts that were made again after an end without fault. */
  readonly restarts: number;
  /** One more engine. */
  add(): Promise<Seat<Its>>;
  kill(seat: Seat<Its>): Promise<void>;
  /** SIGTERM; answers how long it took. */
  terminate(seat: Seat<Its>): Promise<number>;
  /** It is not started again. */
  retire(seat: Seat<Its>): void;
  /** The last lines of all engines. */
  lastLines(): string;
  endAll(): Promise<void>;
}

export interface EnginesOptions<Its extends Way> {
  readonly openLinks: () => Promise<Its>;
  readonly rules: string;
  readonly folder: string;
  readonly more?: readonly string[];
  /** Where what engines log is kept, seat by seat; null: nowhere. */
  readonly keepLog?: ((seat: string, line: LogLine) => void) | null;
  /** Messages of errors that faults account for. */
  readonly expected: RegExp;
}

const AGAIN_AFTER_MS = 100;
/**
 * Not the engine's own words: the build before the first start; LMDB where a write is refused in the middle of a transaction,
 * which it does not always survive (connectors/embedded/folder.ts sees to it that a disk that fills up does not come to that).
 */
const SAID_BY_OTHERS = /building|mdb_|Write error: |^(?:Fatal glibc error: |free|malloc|double free|munmap_chunk|corrupted)\b/;

export function engines<Its extends Way>(options: EnginesOptions<Its>): Engines<Its> {
  const { openLinks, rules, folder } = options;
  const seats: Seat<Its>[] = [];
  const findings: string[] = [];
  let restarts = 0;
  let over = false;

  function start(seat: Seat<Its>): void {
    seat.starts++;
    const engine = startEngineProcess({ rules, place: seat.links.flags, folder, more: options.more ?? [], keepLines: 2_000, onLine: (line) => heard(seat, line) });
    seat.engine = engine;
    void engine.exited.then(async (code) => {
      if (seat.engine === engine) seat.engine = null;
      if (!over && code !== null && code !== 0 && !engine.log.some(({ message }) => options.expected.test(message))) findings.push(`${seat.name} ended with ${code}:\n${shown(engine.log)}`);
      if (over || !seat.wanted || seat.engine !== null) return;
      restarts++;
      await delay(AGAIN_AFTER_MS);
      if (!over && seat.wanted && seat.engine === null) start(seat);
    });
  }

  function heard(seat: Seat<Its>, line: LogLine): void {
    options.keepLog?.(seat.name, line);
    if (line.level === "" && !SAID_BY_OTHERS.test(line.message)) findings.push(`${seat.name} said: ${line.message}`);
    if (line.level === "error" && !options.expected.test(line.message)) findings.push(`${seat.name} logged an error: ${JSON.stringify(line)}`);
  }

  return {
    seats, findings,
    get working() { return seats.filter(({ wanted }) => wanted); },
    get restarts() { return restarts; },
    async add() {
      const free = seats.find(({ wanted, engine }) => !wanted && engine === null);
      const seat: Seat<Its> = free ?? { name: `engine ${seats.length + 1}`, links: await openLinks(), engine: null, wanted: true, paused: false, starts: 0 };
      seat.wanted = true;
      if (free === undefined) seats.push(seat);
      start(seat);
      return seat;
    },
    async kill(seat) {
      const { engine } = seat;
      seat.paused = false;
      await engine?.kill();
    },
    async terminate(seat) {
      const { engine } = seat;
      return engine === null ? 0 : (await engine.terminate()).ms;
    },
    retire(seat) {
      seat.wanted = false;
    },
    lastLines: () => seats.map(({ name, engine }) => `${name}:\n${engine === null ? "(not running)" : shown(engine.log)}`).join("\n"),
    async endAll() {
      over = true;
      await Promise.all(seats.map(({ engine }) => engine?.kill()));
    },
  };
}

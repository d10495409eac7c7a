/**
 * One stretch of work: from finding out which partitions are this process's to the end, or to the moment at which all memory
 * must be dropped.
 *
 * Three things go on: the process says that it lives, and takes and gives up partitions as members come and go (holding.ts);
 * the log is read for all partitions (reading.ts); and time is told to those that wait for it (ticks.ts).
 */
import { insist } from "./environment.js";
import { startHolding, type Holding } from "./holding.js";
import { programOf, type Membership, type View } from "./membership.js";
import { passes, type Shared } from "./open-partition.js";
import { StoreFull, type ConnectionState } from "./ports.js";
import { startReading, type Reading } from "./reading.js";
import { CannotContinue } from "./recovery.js";
import { forgetPartition } from "./stats.js";
import { tick } from "./ticks.js";

export interface Session {
  /** Works until the signal to stop, then finishes what was read. Rejects with what no partition alone can answer for. */
  run(): Promise<void>;
  /** Drops everything at once. */
  abandon(): void;
  notReady(): string[];
}

/** Ready means: no more events than this are waiting. */
const READY_LAG = 10_000;
/** While others are to give something up, it asks so much more often. */
const SOONER = 4;
/** So often a store that takes nothing is told of. */
const SAY_FULL_SECONDS = 60;

interface State {
  readonly shared: Shared;
  readonly membership: Membership;
  readonly reading: Reading;
  readonly holding: Holding;
  view: View | null;
  failure: Error | null;
  /** Aborted when all is done, or dropped. */
  readonly lifetime: AbortController;
  /** Aborted by the order to stop, and by a failure. */
  readonly over: AbortController;
  /** Ends the pause until the next beat. */
  napping: AbortController;
  hasNews: boolean;
}

/** Null: told to stop before anything was known. */
export async function openSession(
  { compiled, ports, options, environment, stats, stopping, running }: Omit<Shared, "info">, membership: Membership,
): Promise<Session | null> {
  try {
    const info = await insist(environment, stopping, "asking the event log how it stands", passes, () => ports.log.info());
    if (options.partitions !== undefined && info.partitions !== options.partitions) {
      throw new CannotContinue(`the event log is one of ${info.partitions} partitions, the store one of ${options.partitions}: they do not belong together (was the log made again?)`);
    }
    for (let index = 0; index < info.partitions; index++) forgetPartition(stats, index);
    running.clear();
    const shared: Shared = { compiled, ports, options, environment, stats, info, stopping, running };
    const [lifetime, over] = [new AbortController(), new AbortController()];
    const failed = (error: Error): void => fail(s, error);
    const reading = startReading({ ports, options, environment, stats, partitions: info.partitions, signal: over.signal, failed });
    const holding = startHolding({ shared, reading, id: membership.id, failed, changed: () => wake(s) });
    const s: State = {
      shared, membership, reading, holding, lifetime, over, view: null, failure: null, napping: new AbortController(), hasNews: false,
    };
    // A session that ended must not be held by the signal, with all that it has in memory: there may be many in a process.
    stopping.addEventListener("abort", () => s.over.abort(), { once: true, signal: lifetime.signal });
    over.signal.addEventListener("abort", () => wake(s), { once: true });
    if (stopping.aborted) over.abort();
    // Before anything is asked: a server may go away and come back while partitions are being opened.
    for (const port of [ports.log, ports.store]) lifetime.signal.addEventListener("abort", port.watch(comparing(s)), { once: true });
    return { run: () => run(s), abandon: () => abandon(s), notReady: () => notReady(s) };
  } catch (error) {
    if (stopping.aborted) return null;
    throw error;
  }
}

/** A server that was away may have come back without the last of what it had taken. */
function comparing(s: State): (state: ConnectionState) => void {
  let away = false;
  return (state) => {
    if (state === "connected" && away) {
      s.holding.compare();
      wake(s);
    }
    away = state === "disconnected";
  };
}

function fail(s: State, error: Error): void {
  s.failure ??= error;
  s.over.abort();
}

async function run(s: State): Promise<void> {
  const { shared: { environment, info, ports, stopping }, holding, reading, over: { signal } } = s;
  const loops = [share(s)];
  if (info.clock === "broker") {
    loops.push(tick({ log: ports.log, environment, workers: () => holding.workers, isDelivered: (index) => holding.isDelivered(index), signal }));
  }
  await Promise.all(loops.map((loop) => loop.catch((error: Error) => {
    // Told to stop while a server was away: that is an end like any other.
    if (!(stopping.aborted && passes(error))) fail(s, error);
  })));
  await reading.close();
  if (s.failure === null) await holding.finish();
  end(s);
  if (s.failure !== null) throw s.failure;
}

function end(s: State): void {
  s.holding.abandon();
  s.lifetime.abort();
}

function abandon(s: State): void {
  s.over.abort();
  end(s);
  void s.reading.close();
}

// ---------------------------------------------------------------------------------------------------- sharing

async function share(s: State): Promise<void> {
  const { shared: { environment, info }, membership, holding, over: { signal } } = s;
  const { beatMs } = membership.sharing;
  let programs = "";
  let saidFullAt = -Infinity;
  for (let beat = 1; !signal.aborted; beat++) {
    s.hasNews = false;
    const view = await unless(signal, membership.beat(info.partitions, holding.held()));
    if (signal.aborted) return;
    let pauseMs = beatMs;
    if (membership.unheard instanceof StoreFull && environment.seconds() - saidFullAt >= SAY_FULL_SECONDS) {
      environment.log("error", "the store takes nothing: nothing is committed until there is room, and nothing is lost meanwhile", { reason: membership.unheard.message });
      saidFullAt = environment.seconds();
    } else if (membership.unheard === null && saidFullAt > -Infinity) {
      environment.log("info", "the store takes what is written again");
      saidFullAt = -Infinity;
    }
    if (view !== null) {
      s.view = view;
      const next = holding.follow(view, beat);
      programs = warnOfOthers(s, view, programs);
      if (next === "now") continue;
      if (next === "soon") pauseMs /= SOONER;
    }
    if (s.hasNews) continue;
    s.napping = new AbortController();
    await environment.pause(pauseMs, s.napping.signal);
  }
}

function wake(s: State): void {
  s.hasNews = true;
  s.napping.abort();
}

/** While a deployment rolls there are two; for long, it is a mistake. Where programs come from the store, all take them from there. */
function warnOfOthers({ shared: { environment, compiled: { program }, options: { programs } } }: State, { living }: View, told: string): string {
  if (programs !== undefined) return "";
  const others = [...new Set(living.map(({ id }) => programOf(id)))].filter((hash) => hash !== program.hash).sort().join(", ");
  if (others !== "" && others !== told) {
    environment.log("warn", "other members run other rules: what becomes of a customer depends on who has the partition, until all run the same", { here: program.hash, there: others });
  }
  return others;
}

/** Null as soon as the signal is aborted; what was asked goes its way. */
async function unless<T>(signal: AbortSignal, answer: Promise<T>): Promise<T | null> {
  let stop: () => void = () => undefined;
  const aborted = new Promise<null>((resolve) => { stop = () => resolve(null); });
  signal.addEventListener("abort", stop, { once: true });
  answer.catch(() => undefined); // when nobody waits any more
  try {
    return signal.aborted ? null : await Promise.race([answer, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

function notReady({ view, holding, reading, membership: { unheard } }: State): string[] {
  const lag = reading.lag();
  return [
    ...(unheard === null ? [] : [unheard.message]), ...(view === null ? ["the store has not said yet who else is at work"] : []), ...holding.notReady(),
    ...(lag === null ? ["the event log is not open yet"] : lag > READY_LAG ? [`${lag} events are waiting`] : []),
  ];
}

/**
 * `npm start`: the rule library at work on made-up customers, without any server. The engine is the real one, on a log on
 * the events' clock and a store in a folder of their own; only the customers are played.
 */
import { relative, sep } from "node:path";
import { PassThrough } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";

import { createMetrics } from "../../connectors/http/metrics.js";
import { ListenFailed, startHttp, type HttpPort } from "../../connectors/http/server.js";
import { openEmbedded, type Embedded } from "../../connectors/embedded/open.js";
import { compileProgram } from "../../dsl/compile.js";
import { summary } from "../../dsl/diagnostics/render.js";
import type { Program } from "../../dsl/program.js";
import { compile } from "../../engine/compile/compiled.js";
import { startEngine, type Engine } from "../../engine/engine.js";
import type { Report } from "../../engine/population/report.js";
import { engineStats, type EngineStats } from "../../engine/stats.js";
import { engineEnvironment, pause } from "../environment.js";
import { EXIT, type ExitCode } from "../exit.js";
import { homeFile } from "../home.js";
import { print, type Io } from "../io.js";
import { DEFAULT_CACHE_CUSTOMERS, WORKER_LIMITS } from "../limits.js";
import { createLog, type Log } from "../logging.js";
import { EMBEDDED_FOLDER } from "../place.js";
import { processIo } from "../process-io.js";
import { showFindings } from "../program.js";
import { loadRules } from "../rules.js";
import { drawable, showLines, showScreen, wantsColour } from "./display.js";
import { feed, watchAppends, watchCommits, type Feed } from "./feed.js";
import { emptyFolder, freshFolder } from "./folder.js";
import { follow, type Follower } from "./follow.js";
import { readOptions, type DemoOptions } from "./options.js";
import { shopStream } from "./shop-stream.js";
import { tally } from "./tally.js";
import { renderSummary, type Places } from "./view.js";

const RULES = "rules";
const PARTITIONS = 4;
/** The engine has read them long ago; without an end the folder would grow by a gigabyte an hour. */
const EVENTS_KEPT = 200_000;
/** As many as `eddy inspect` looks through for the last actions of a customer. */
const OUTPUTS_KEPT = 5_000;
const FOLLOW_MS = 50;
/** Of `eddy run`. */
const USUAL_HTTP = { host: "127.0.0.1", port: 9464 };

/** Throws what it cannot do; bin/start.mjs tells the person. */
export async function main(argv: readonly string[]): Promise<ExitCode> {
  const io = processIo();
  const options = readOptions(argv, io);
  const program = await shopProgram(io);
  if (program === null) return EXIT.findings;
  const ending = endingSignal(io);
  const folder = options.folder === null ? freshFolder(homeFile(EMBEDDED_FOLDER)) : emptyFolder(options.folder);
  const embedded = await openEmbedded(folder, {
    create: true, clock: "event", partitions: PARTITIONS, now: io.now, engine: true, keepOutputs: OUTPUTS_KEPT,
  });
  try {
    return await demonstrate({ io, options, program, embedded, folder, ending });
  } finally {
    await embedded.close();
  }
}

/** The rules as they are now: whoever changes them starts again and sees what comes of it. Null: they have errors. */
async function shopProgram(io: Io): Promise<Program | null> {
  const files = await loadRules(homeFile(RULES), io);
  const { program, diagnostics } = compileProgram(files);
  if (program === null) {
    showFindings(io, diagnostics, files);
    io.stderr.write(`${summary(diagnostics)}\n`);
  }
  return program;
}

/** npm hands a Ctrl-C on to us that the terminal has sent us already: only a later one is a second one. */
const SAME_SIGNAL_MS = 1_000;

/** Aborted by the first signal to end; the second one ends the process at once. */
function endingSignal(io: Io): AbortSignal {
  const ending = new AbortController();
  let since = 0;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (!ending.signal.aborted) {
        since = io.now();
        ending.abort();
      } else if (io.now() - since > SAME_SIGNAL_MS) process.exit(EXIT.interrupted);
    });
  }
  return ending.signal;
}

interface Stage {
  readonly io: Io;
  readonly options: DemoOptions;
  readonly program: Program;
  readonly embedded: Embedded;
  readonly folder: string;
  readonly ending: AbortSignal;
}

async function demonstrate({ io, options, program, embedded, folder, ending }: Stage): Promise<ExitCode> {
  const terminal = drawable(process.stdout, io.environment, options.lines);
  // A line of the log would spoil the picture; it is shown when that is gone.
  const messages = terminal === null ? null : new PassThrough();
  const log = createLog({ level: "warn", to: messages ?? io.stderr, readable: io.terminal, stacks: io.environment["EDDY_DEBUG"] === "1" });
  const environment = engineEnvironment(io, log);
  const stats = engineStats();
  const started = environment.seconds();
  let engine: Engine | null = null;
  const http = await serve({ listen: options.http, stats, program, log, figures: () => engine?.figures() ?? null, missing: () => engine?.notReady() ?? ["the engine has not started yet"] });
  const counted = tally({
    segments: program.segments.map(({ name, label }) => ({ name, label, size: 0 })), rules: program.rules.map(({ name }) => name),
    places: placesFor(io, options, folder, http),
  });
  const source = feed({
    stream: shopStream(options.seed), log: embedded.log, partitions: PARTITIONS, ranked: program.rankings.length > 0, perSecond: options.perSecond, most: options.once ?? Infinity,
    environment, appended: counted.appended, committed: (milliseconds) => counted.committed(milliseconds, 1),
  });
  engine = startEngine(
    compile(program), { ...embedded, log: watchAppends(embedded.log, source.engineAppended), store: watchCommits(embedded.store, source.committedUpTo) },
    { cacheCustomers: DEFAULT_CACHE_CUSTOMERS, limits: WORKER_LIMITS }, { ...environment, pause: pauseWhileOthersWork }, stats,
  );
  const model = () => counted.model((environment.seconds() - started) * 1000, source.simulatedMs);
  const follower = follow(embedded.outputs, PARTITIONS, counted.published);
  const display = terminal === null ? showLines(io.stdout, model) : showScreen(terminal, wantsColour(io.environment), model);
  try {
    await play({ engine, source, follower, stats, embedded, ending });
    await engine.stop();
    await follower.read();
  } finally {
    display.end();
    await engine.stop().catch(() => undefined);
    await http?.close(0);
    if (messages !== null) io.stderr.write(messages.read() as Buffer | null ?? "");
  }
  print(io, renderSummary(model()));
  return EXIT.ok;
}

/** A pause that nobody waits for any more does not keep the process. */
async function pauseWhileOthersWork(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal, ref: false }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}

function placesFor(io: Io, options: DemoOptions, store: string, http: HttpPort | null): Places {
  const own = (name: string): string => shown(homeFile(name), io);
  return {
    program: own("bin/eddy"), rules: own(RULES), readme: own("README.md"), docs: own("docs"),
    store: shown(store, io), storeStays: options.folder !== null, metrics: http === null ? null : `${http.url}/metrics`,
  };
}

/** A path as a person in this folder would write it. */
function shown(path: string, io: Io): string {
  const near = relative(io.folder, path);
  return near.startsWith(`..${sep}..`) ? path : near;
}

// ---------------------------------------------------------------------------------------------------- the play

interface Play {
  readonly engine: Engine;
  readonly source: Feed;
  readonly follower: Follower;
  readonly stats: EngineStats;
  readonly embedded: Embedded;
  readonly ending: AbortSignal;
}

/** Events in, outputs followed, until the feed is through or told to end; then all that is in the log is worked off. */
async function play({ engine, source, follower, stats, embedded, ending }: Play): Promise<void> {
  const over = new AbortController();
  const enough = new AbortController();
  for (const signal of [ending, over.signal]) signal.addEventListener("abort", () => enough.abort(), { once: true });
  if (ending.aborted) enough.abort();
  const failed = engine.ended.then(() => { throw new Error("the engine ended by itself"); });
  const work = (async () => {
    await source.run(enough.signal);
    await source.catchUp();
    const busy = () => source.onTheirWay > 0 || [...stats.partitions.values()].some(({ outboxPending }) => outboxPending > 0);
    while (busy() && !over.signal.aborted) await pause(1, over.signal);
  })();
  const watching = (async () => {
    let trimmed = 0;
    while (!over.signal.aborted) {
      await pause(FOLLOW_MS, over.signal);
      await follower.read();
      for (const { stopped } of stats.partitions.values()) if (stopped !== null) throw new Error(stopped);
      if (source.newest - trimmed < 2 * EVENTS_KEPT) continue;
      trimmed = source.newest - EVENTS_KEPT;
      embedded.log.trim(trimmed);
    }
  })();
  try {
    await Promise.race([work, failed, watching]);
  } finally {
    over.abort();
    failed.catch(() => undefined);
    await Promise.allSettled([work, watching]);
  }
}

interface Serving {
  readonly listen: DemoOptions["http"];
  readonly stats: EngineStats;
  readonly program: Program;
  readonly log: Log;
  readonly figures: () => Report | null;
  readonly missing: () => readonly string[];
}

/** Metrics and health. Where nobody asked for an address and the usual one is taken, there are none. */
async function serve({ listen, stats, program, log, figures, missing }: Serving): Promise<HttpPort | null> {
  if (listen === null) return null;
  const connections = new Map([["log", true], ["store", true]]);
  const metrics = createMetrics({ stats, program: () => program, figures, lastReloadSuccessful: () => true, connections: () => connections });
  try {
    return await startHttp({
      ...(listen ?? USUAL_HTTP),
      metrics: metrics.render,
      readiness: () => ({ ready: missing().length === 0, missing: missing() }),
      // The customers are played; an event of today would throw their calendar ahead by years.
      append: null,
      onError: (error) => log.error("a request failed", { err: error }),
    });
  } catch (error) {
    if (listen === undefined && error instanceof ListenFailed) return null;
    throw error;
  }
}

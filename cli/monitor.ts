/**
 * What a running engine shows on its HTTP port, from the first moment on: not ready and taking no events while the
 * servers are not there yet, ready when they are and the engine has caught up.
 */
import { createMetrics } from "../connectors/http/metrics.js";
import { startHttp, type HttpPort, type Readiness } from "../connectors/http/server.js";
import type { Program } from "../dsl/program.js";
import { fillProgress, type FillProgress } from "../engine/change/progress.js";
import type { Report } from "../engine/population/report.js";
import type { ShadowReport } from "../engine/shadow/shadow.js";
import { LogUnavailable, type ConnectionState, type NewRecord, type StateStore } from "../engine/ports.js";
import type { EngineStats } from "../engine/stats.js";
import { pause } from "./environment.js";
import type { Log } from "./logging.js";
import type { ListenAddress } from "./settings.js";

/** The ports as far as they are watched. */
interface Watched {
  readonly log: { append(records: readonly NewRecord[]): Promise<unknown> } & Watchable;
  readonly store: Watchable & Partial<Pick<StateStore, "shared">>;
}
interface Watchable {
  watch(listener: (state: ConnectionState) => void): () => void;
}

/** The engine as far as it is asked. */
interface Started {
  notReady(): readonly string[];
  figures(): Report;
  /** What it runs. */
  program(): Program;
  /** Brings the counts up to date, where they are kept elsewhere. */
  count?(): Promise<void>;
}

export interface Monitor {
  /** Where it listens; null: nowhere. */
  readonly url: string | null;
  /** The ports are open: events are taken, their connections are followed. */
  opened(ports: Watched): void;
  /** The engine runs; it says itself what is missing. */
  started(engine: Started): void;
  /** Whether other rules could be taken over. */
  reloaded(isSuccess: boolean): void;
  /** Not ready any more, since the engine is about to end; metrics and health still answer. */
  ending(): void;
  close(): Promise<void>;
}

export interface MonitorOptions {
  /** Null: no port. */
  readonly listen: ListenAddress | null;
  readonly stats: EngineStats;
  readonly program: Program;
  readonly log: Log;
  /** The wall clock. */
  readonly now: () => number;
  /** What a shadow finds; null: it has not started. Absent: there is none. */
  readonly shadow?: () => ShadowReport | null;
}

const PARTS = { log: "the event log", store: "the state store" } as const;
type Part = keyof typeof PARTS;

const ANSWER_WITHIN_MS = 1000;

/** Throws ListenFailed. */
export async function startMonitor({ listen, stats, program, log, now, shadow }: MonitorOptions): Promise<Monitor> {
  const connections = new Map<Part, boolean>([["log", false], ["store", false]]);
  const stops: (() => void)[] = [];
  let lastReloadSuccessful = true;
  let ports: Watched | null = null;
  let engine: Started | null = null;
  let ending = false;
  let backfill: FillProgress | null = null;

  /** What whoever fills a change has said last. Who asks for the metrics gets what was known before of a store that is slow. */
  const lookAtBackfill = async (): Promise<void> => {
    const store = ports?.store;
    if (store?.shared === undefined || connections.get("store") !== true) return;
    const patience = new AbortController();
    const asked = fillProgress({ shared: store.shared.bind(store) }).then((progress) => { backfill = progress; }, () => undefined);
    await Promise.race([asked, pause(ANSWER_WITHIN_MS, patience.signal)]);
    patience.abort();
  };

  const readiness = (): Readiness => {
    const missing = ending ? ["the engine is ending"] : [
      ...[...connections].filter(([, up]) => !up).map(([part]) => `${PARTS[part]} is not connected`),
      ...(engine === null ? ["the engine has not started yet"] : engine.notReady()),
    ];
    return { ready: missing.length === 0, missing };
  };
  const follow = (part: Part, port: Watchable): void => {
    stops.push(port.watch((state) => {
      const up = state === "connected";
      // Connections that are closed at the end are no news.
      if (connections.get(part) !== up && !ending) log[up ? "info" : "warn"](`${PARTS[part]} is ${up ? "connected" : "not connected"}`);
      connections.set(part, up);
    }));
  };

  const metrics = createMetrics({ stats, program: () => engine?.program() ?? program, figures: () => engine?.figures() ?? null, lastReloadSuccessful: () => lastReloadSuccessful, connections: () => connections, backfill: { progress: () => backfill, now }, ...(shadow === undefined ? {} : { shadow }) });
  const http: HttpPort | null = listen === null ? null : await startHttp({
    ...listen,
    metrics: async () => {
      await Promise.all([engine?.count?.(), lookAtBackfill()]);
      return metrics.render();
    },
    readiness,
    append: (records) => (ports === null || ending ? Promise.reject(new LogUnavailable("the event log is not connected")) : ports.log.append(records)),
    onError: (error) => log.error("a request failed", { err: error }),
  });
  if (http !== null) log.info("metrics, health and POST /events", { url: http.url });

  return {
    url: http?.url ?? null,
    opened(opened) {
      ports = opened;
      follow("log", opened.log);
      follow("store", opened.store);
    },
    started: (started) => void (engine = started),
    reloaded: (isSuccess) => void (lastReloadSuccessful = isSuccess),
    ending: () => void (ending = true),
    async close() {
      for (const stop of stops.splice(0)) stop();
      await http?.close();
    },
  };
}

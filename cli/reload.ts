/**
 * New rules for a running engine: at SIGHUP, with `--watch` whenever a rule file has changed, and what its start has left to be
 * done. Each is an `eddy apply` as a process of its own, which ends with this one: what compiles rules and reads history does not
 * hold the engine up, and its death harms nothing. One at a time; rules with errors change nothing and are told of.
 */
import type { Configuration } from "./config.js";
import { pause } from "./environment.js";
import { EXIT } from "./exit.js";
import type { Io } from "./io.js";
import type { Log } from "./logging.js";
import type { Place } from "./place.js";
import { rulesStamp } from "./rules.js";
import { NATS_ACCESS, REDIS_ACCESS, variableOf, type SettingName } from "./settings.js";

export type Wish = "apply" | "continue";

export interface Reloading {
  wish(what: Wish, why: string): void;
  close(): Promise<void>;
}

export interface ReloadingParts {
  readonly configuration: Configuration;
  readonly place: Place;
  readonly io: Io;
  readonly log: Log;
  readonly watch: boolean;
  readonly isChangeUnderWay: () => Promise<boolean>;
  /** A change has gone too far to be given up, and nobody seems to carry it through: it is what is under way; null: none. */
  readonly orphan: () => Promise<string | null>;
  /** Whether new rules were taken. */
  readonly ended: (isSuccess: boolean) => void;
}

const AGAIN_AFTER_MS = 5_000;
const LOOK_EVERY_MS = 250;
const CLOSE_WITHIN_MS = 300;
/** Whoever carries a change through brings it forward, or is silent for less. */
const ORPHAN_LOOK_MS = 15_000;

export function startReloading(parts: ReloadingParts): Reloading {
  const { io, log, configuration } = parts;
  const ending = new AbortController();
  let wished: { readonly what: Wish; readonly why: string } | null = null;
  let wake: () => void = () => undefined;
  let isBusy = false;
  const wish = (what: Wish, why: string): void => {
    // To take what lies in the folder now says more than to go on.
    if (wished === null || what === "apply") wished = { what, why };
    wake();
  };
  const next = async (): Promise<{ readonly what: Wish; readonly why: string } | null> => {
    while (wished === null && !ending.signal.aborted) {
      await new Promise<void>((resolve) => {
        wake = resolve;
        ending.signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    const now = wished;
    wished = null;
    return ending.signal.aborted ? null : now;
  };
  const isFixed = configuration.get("rules") === "-";
  io.onHangUp?.(() => {
    if (isFixed) log.warn("the rules came from standard input, which is read at the start alone: 'eddy apply' brings others into force", { signal: "SIGHUP" });
    else wish("apply", "SIGHUP");
  });
  const working = (async () => {
    for (let one = await next(); one !== null; one = await next()) {
      isBusy = true;
      await carryOut(one.what, one.why);
      isBusy = false;
    }
  })();
  const watching = parts.watch ? watch() : Promise.resolve();
  const adopting = adopt();

  async function carryOut(what: Wish, why: string): Promise<void> {
    if (io.again === undefined) {
      log.warn("this process cannot start another one: 'eddy apply' brings the rules into force", { why });
      return;
    }
    log.info(what === "apply" ? "taking the rules as they are in the folder" : "going on with the change of rules that is under way", { why });
    const lines: string[] = [];
    const child = io.again(what === "apply" ? ["apply"] : ["apply", "--continue"], environmentFor(parts), (line) => {
      lines.push(line);
      log.debug(line);
    });
    const stop = (): void => child.stop();
    ending.signal.addEventListener("abort", stop, { once: true });
    const code = await child.ended;
    ending.signal.removeEventListener("abort", stop);
    if (ending.signal.aborted) return;
    if (code === EXIT.ok) {
      log.info(lines.at(-1) ?? "the rules were taken", { why });
      return parts.ended(true);
    }
    if (what === "apply") parts.ended(false);
    if (code === EXIT.findings) {
      log.error("the rules have errors and are not taken; those in force go on", { why, said: lines.join("\n") });
      return;
    }
    log.error("the rules were not taken", { why, exit: code, said: lines.join("\n") });
    // Killed, or something was in its way, in the middle: somebody must bring it to its end.
    if ((what === "continue" || code === null) && await parts.isChangeUnderWay().catch(() => true)) {
      await pause(AGAIN_AFTER_MS, ending.signal);
      wish("continue", "a change of rules is under way still");
    }
  }

  /** Whoever has begun a change may be gone, and its partitions wait. */
  async function adopt(): Promise<void> {
    for (let before: string | null = null; !ending.signal.aborted; await pause(ORPHAN_LOOK_MS, ending.signal)) {
      const now: string | null = await parts.orphan().catch(() => null);
      if (now !== null && now === before && !isBusy) wish("continue", "nobody carries the change of rules that is under way through");
      before = now;
    }
  }

  async function watch(): Promise<void> {
    const place = configuration.get("rules");
    const look = (): Promise<string> => rulesStamp(place, io).catch(() => "");
    let taken = await look();
    let before = taken;
    while (!ending.signal.aborted) {
      await pause(LOOK_EVERY_MS, ending.signal);
      const now = await look();
      // An editor or a deployment writes one file after the other: what is still being written changes again.
      if (now !== taken && now === before && now !== "") {
        taken = now;
        wish("apply", "a rule file has changed");
      }
      before = now;
    }
  }

  return {
    wish,
    async close() {
      ending.abort();
      // One that does not end by then does so when its standard input does; a server that does not answer is not waited for.
      await Promise.race([Promise.all([working, watching, adopting]), pause(CLOSE_WITHIN_MS, new AbortController().signal)]);
    },
  };
}

/** What this process was told on its command line, as variables: they are nobody else's to see, as the command line is. */
function environmentFor({ configuration, place, io }: ReloadingParts): Readonly<Record<string, string>> {
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(io.environment)) if (value !== undefined) environment[name] = value;
  const given = (name: SettingName): void => {
    const raw = configuration.raw(name);
    if (raw !== undefined) environment[variableOf(name)] = raw;
  };
  const servers = ["nats", ...NATS_ACCESS, "redis", ...REDIS_ACCESS] as const;
  const others = ["NATS_URL", "REDIS_URL"];
  for (const name of [...servers, "embedded"] as const) delete environment[variableOf(name)];
  if (place.k === "embedded") {
    for (const name of others) delete environment[name];
    environment[variableOf("embedded")] = place.folder;
  } else servers.forEach(given);
  for (const name of ["rules", "history", "fill-rate"] as const) given(name);
  if (configuration.file !== null) environment["EDDY_CONFIG"] = configuration.file;
  // Decisions are made on a command line, and are none of a child's.
  return { ...environment, EDDY_APPLIED_BY: "run" };
}

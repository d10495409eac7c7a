/**
 * The engine on real servers under faults, one after another, while events come all along (test/faults/): what is killed,
 * cut, paused and restarted, and how long the engine takes to be over it. A bounded run stands in the tests.
 *
 *   npm run bench -- faults [--faults 220] [--events 100000] [--minutes 60] [--seed 1] [--engines 1]
 *   npm run bench -- faults --fsync always       Redis writes everything to the disk before it answers
 *   npm run bench -- faults --sync               NATS too (nats-server 2.10 and newer; NATS_SERVER_BIN names another one)
 *   npm run bench -- faults --only "Redis"       kinds with that in their names
 *   npm run bench -- faults --embedded           the embedded store: killed, stopped, without room
 *
 * What happened, and all that engines logged, is written to bench/out/faults.log.
 */
import { mkdirSync, rmSync } from "node:fs";
import { embeddedMarathon } from "../test/faults/embedded.js";
import type { Truth } from "../test/faults/truth.js";
import { marathon, type MarathonReport, type Recovered } from "../test/faults/marathon.js";
import { natsServerVersion } from "../test/servers/nats.js";
import { redisServerVersion } from "../test/servers/redis.js";

export interface FaultsOptions {
  readonly faults: number;
  readonly events: number;
  readonly minutes: number;
  readonly seed: number;
  readonly engines: number;
  readonly fsync: "always" | "everysec";
  readonly sync: boolean;
  readonly only: readonly string[];
}

export interface FaultsFigures extends Pick<MarathonReport, "sent" | "truth" | "findings"> {
  readonly seed: number;
  readonly servers: string;
  readonly kinds: readonly KindFigures[];
}

interface KindFigures {
  readonly kind: string;
  readonly times: number;
  readonly medianMs: number | null;
  readonly longestMs: number | null;
}

const PARTITIONS = 8;
const CUSTOMERS = 2_000;
const DIARY = "bench/out/faults.log";

export async function faults(options: FaultsOptions): Promise<FaultsFigures> {
  const { seed, events, minutes, engines, fsync, sync, only } = options;
  const servers = `nats-server ${natsServerVersion()}${sync ? ", sync_interval always" : ""}; redis-server ${redisServerVersion()}, appendfsync ${fsync}`;
  console.log(`faults: seed ${seed}, ${options.faults} faults, ${events} events, ${engines} engine(s), ${servers}`);
  mkdirSync("bench/out", { recursive: true });
  rmSync(DIARY, { force: true });
  const report = await marathon({
    seed, events, minutes, engines, faults: options.faults, customers: CUSTOMERS, partitions: PARTITIONS, patience: 1, minute: options.faults >= 100,
    appendfsync: fsync, natsSyncsAlways: sync, diary: DIARY, tell: console.log, ...(only.length === 0 ? {} : { only }),
  });
  const { truth, findings, sent, repeated, copies, restarts, seconds } = report;
  console.log(`${copies} events sent twice, ${repeated} appends made again, ${restarts} engine starts made again, ${Math.round(seconds)} s`);
  return { servers, seed, sent, truth, findings, kinds: shown(report.faults, sent, truth, findings) };
}

const EMBEDDED_PER_SECOND = 200;

export async function embeddedFaults({ seed, faults: count, only }: Pick<FaultsOptions, "seed" | "faults" | "only">): Promise<FaultsFigures> {
  console.log(`faults of the embedded store: seed ${seed}, ${count} faults`);
  const { faults: happened, sent, truth, findings, endsForRoom } = await embeddedMarathon({
    seed, partitions: PARTITIONS, faults: count, customers: CUSTOMERS, perSecond: EMBEDDED_PER_SECOND, tell: console.log, ...(only.length === 0 ? {} : { only }),
  });
  console.log(`engines ended ${endsForRoom} times since the disk was full`);
  return { servers: "embedded", seed, sent, truth, findings, kinds: shown(happened, sent, truth, findings) };
}

function shown(faults: readonly Recovered[], sent: number, truth: Truth | null, findings: readonly string[]): KindFigures[] {
  const kinds = byKind(faults);
  for (const { kind, times, medianMs, longestMs } of kinds) console.log(`${String(times).padStart(5)} × ${kind.padEnd(50)} median ${shownMs(medianMs)}, longest ${shownMs(longestMs)}`);
  console.log(`${faults.length} faults, ${sent} events`);
  if (truth !== null) console.log(`${truth.records} records (${truth.ticks} of them ticks), ${truth.customers} customers, ${truth.memberships} memberships, ${truth.outputs} outputs, dead letters ${JSON.stringify(truth.deadLetters)}`);
  for (const finding of findings) console.log(`FINDING: ${finding}`);
  console.log(findings.length === 0 ? "nothing lost, nothing twice, every segment equal" : `${findings.length} findings; ${DIARY} has the rest`);
  return kinds;
}

const shownMs = (ms: number | null): string => (ms === null ? "-" : `${(ms / 1000).toFixed(2)} s`);

function byKind(faults: readonly Recovered[]): KindFigures[] {
  const kinds = new Map<string, (number | null)[]>();
  for (const { kind, ms } of faults) kinds.set(kind, [...(kinds.get(kind) ?? []), ms]);
  return [...kinds].map(([kind, all]) => {
    const known = all.filter((ms) => ms !== null).sort((a, b) => a - b);
    return { kind, times: all.length, medianMs: known[Math.floor((known.length - 1) / 2)] ?? null, longestMs: known.at(-1) ?? null };
  }).sort((a, b) => b.times - a.times);
}

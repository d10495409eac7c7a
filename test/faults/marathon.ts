/**
 * A marathon of faults on real servers: events come all along, and one fault after another strikes at seeded instants.
 * Then all is mended, the engines finish, and what is left must be what one straight run over the stream leaves.
 *
 * The seed decides which faults come, in which order and with which measures; what they meet is decided by the machine.
 */
import { setTimeout as delay } from "node:timers/promises";
import { readMeta } from "../../engine/meta.js";
import { LogUnavailable, StoreUnavailable } from "../../engine/ports.js";
import { encodeToken, eventSubject, partition as partitionOf } from "../../engine/subjects.js";
import { folderWith } from "../cli/eddy.js";
import { randomOf } from "../retail/random.js";
import { consumed } from "../system/places.js";
import { engines as superviseEngines } from "./engines.js";
import { FAULTS, ZOMBIE_FOR_A_MINUTE, type Fault, type Scene } from "./kinds.js";
import { RULE_TEXTS, marathonRules } from "./rules.js";
import { startSender, type Sender } from "./sender.js";
import { openStage, writeLine, type Stage, type StageOptions } from "./stage.js";
import { compareWithTruth, type Truth } from "./truth.js";

export interface MarathonOptions extends StageOptions {
  readonly seed: number;
  readonly events: number;
  readonly faults: number;
  readonly customers: number;
  /** Engines at work at a time. */
  readonly engines: number;
  /** 1 for a long run; less makes outages shorter. */
  readonly patience: number;
  /** A zombie sleeps for a minute once. */
  readonly minute: boolean;
  /** Nothing new goes wrong after so many minutes. */
  readonly minutes?: number;
  /** Only these kinds (parts of their names). */
  readonly only?: readonly string[];
  /** Where what happens, and what engines log, is written as it happens. */
  readonly diary?: string;
  readonly tell?: (line: string) => void;
}

export interface Recovered {
  readonly kind: string;
  /**
   * From the end of the hindrance until an event that was sent then, one for each partition, was committed, and all that was
   * committed was published; null: the next fault came before.
   */
  readonly ms: number | null;
}

export interface MarathonReport {
  readonly faults: readonly Recovered[];
  readonly sent: number;
  readonly repeated: number;
  readonly copies: number;
  readonly bad: Readonly<Record<string, number>>;
  readonly restarts: number;
  readonly truth: Truth | null;
  /** Empty: all is well. */
  readonly findings: readonly string[];
  readonly seconds: number;
}

/** What faults account for. */
const EXPECTED = /another Eddy process has taken it over/;
const RECOVERS_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 40;
/** In so many cases the next fault does not wait until the engine is over the last. */
const SHARE_ON_TOP = 0.25;
const SECONDS_PER_FAULT = 4;

export async function marathon(options: MarathonOptions): Promise<MarathonReport> {
  const random = randomOf(options.seed);
  const began = performance.now();
  const folder = folderWith(RULE_TEXTS);
  const say = (line: string): void => {
    writeLine(options.diary ?? null, line);
    options.tell?.(line);
  };
  const stage = await openStage(options);
  const keepLog = options.diary === undefined ? null : (seat: string, line: object): void => writeLine(options.diary ?? null, `${seat}: ${JSON.stringify(line)}`);
  const engines = superviseEngines({ openLinks: stage.openLinks, rules: folder.path, folder: folder.path, keepLog, expected: EXPECTED });
  let sender: Sender | null = null;
  const findings: string[] = [];
  const recovered: Recovered[] = [];
  let truth: Truth | null = null;
  try {
    for (let i = 0; i < options.engines; i++) await (await engines.add()).engine?.said("running");
    const rate = options.events / (options.faults * SECONDS_PER_FAULT * options.patience);
    sender = await startSender({ port: stage.sender.port, partitions: options.partitions, events: options.events, customers: options.customers, seed: options.seed, perSecond: rate, random: randomOf(options.seed + 1) });
    const scene: Scene = { stage, engines, sender, random, patience: options.patience };
    await delay(2_500 * options.patience);
    for (const [n, fault] of planned(options, stage, random).entries()) {
      if (performance.now() - began > (options.minutes ?? Infinity) * 60_000) break;
      await delay(random() * 600 * options.patience);
      await strike(scene, fault, n, n > 0 && random() < SHARE_ON_TOP);
      if (findings.length >= MOST_FINDINGS) break;
    }
    sender.pace(Infinity);
    await sender.ended;
    truth = await finish(scene);
    if (truth === null) findings.push(`not everything was processed and published in the end\n${engines.lastLines()}`);
    else findings.push(...truth.differences, ...deadApart(sender, truth));
  } catch (error) {
    findings.push(error instanceof Error ? error.stack ?? error.message : String(error));
  } finally {
    await engines.endAll();
    await sender?.close();
    await stage.dispose();
    folder.remove();
  }
  return {
    faults: recovered, sent: sender?.sent ?? 0, repeated: sender?.repeated ?? 0, copies: sender?.copies ?? 0, bad: sender?.bad ?? {}, restarts: engines.restarts,
    truth, findings: [...engines.findings, ...findings], seconds: (performance.now() - began) / 1000,
  };

  async function strike(scene: Scene, fault: Fault, n: number, onTop: boolean): Promise<void> {
    say(`fault ${n + 1}: ${fault.name}`);
    let recovering = Promise.resolve<number | null>(null);
    await fault.happen(scene, () => {
      if (!onTop) recovering = recovery(scene, n);
    });
    if (onTop) return void recovered.push({ kind: fault.name, ms: null });
    const ms = await recovering;
    recovered.push({ kind: fault.name, ms });
    if (ms !== null) return say(`fault ${n + 1}: over after ${Math.round(ms)} ms; ${scene.sender.sent} events sent`);
    const finding = `after "${fault.name}" (fault ${n + 1}) the engine was not over it within ${RECOVERS_WITHIN_MS / 1000} s: ${await standing(scene)}\n${scene.engines.lastLines()}`;
    say(finding);
    findings.push(finding);
    for (const seat of scene.engines.working) await scene.engines.kill(seat);
  }
}

const MOST_FINDINGS = 5;

/** Each kind at least once where there is room, then by weight, in seeded order. */
function planned({ faults, only, minute }: MarathonOptions, stage: Stage, random: () => number): Fault[] {
  const kinds = FAULTS.filter(({ name, possible }) => possible?.(stage) !== false && (only === undefined || only.some((part) => name.includes(part))));
  const total = kinds.reduce((sum, { weight }) => sum + weight, 0);
  const byWeight = (): Fault => {
    let left = random() * total;
    return kinds.find(({ weight }) => (left -= weight) < 0) ?? (kinds[0] as Fault);
  };
  const plan = [...(minute ? [ZOMBIE_FOR_A_MINUTE] : []), ...shuffled(kinds, random)].slice(0, faults);
  while (plan.length < faults) plan.push(byWeight());
  return shuffled(plan, random);
}

function shuffled<T>(list: readonly T[], random: () => number): T[] {
  return list.map((each) => ({ each, at: random() })).sort((a, b) => a.at - b.at).map(({ each }) => each);
}

// ---------------------------------------------------------------------------------------------------- how far it is

/** How long it takes, from now on, until events that are sent now have come through; null: too long. */
async function recovery({ stage }: Scene, n: number): Promise<number | null> {
  const began = performance.now();
  let targets: readonly number[] | null = null;
  while (performance.now() < began + RECOVERS_WITHIN_MS) {
    try {
      targets ??= await probe(stage, n);
      if (await reached(stage, targets)) return performance.now() - began;
    } catch (error) {
      if (!(error instanceof LogUnavailable || error instanceof StoreUnavailable)) throw error;
    }
    await delay(LOOK_EVERY_MS);
  }
  return null;
}

/** An event for each partition, on the observer's own way to the broker; answers with their sequences. */
async function probe({ eyes, options: { partitions } }: Stage, n: number): Promise<number[]> {
  const customers = Array.from({ length: partitions }, (_, index) => customerOf(index, partitions));
  const appended = await eyes.log.append(customers.map((subject) => ({
    subject: eventSubject("session_started", subject), id: `${subject}/probe/${n}`,
    body: JSON.stringify({ specversion: "1.0", id: String(n), source: "probe", type: "session_started", subject, data: { device: "phone" } }),
  })));
  return appended.map(({ sequence }) => sequence);
}

/** A customer of that partition of whom nobody else speaks. */
function customerOf(index: number, partitions: number): string {
  for (let i = 0; ; i++) if (partitionOf(encodeToken(`probe-${i}`), partitions) === index) return `probe-${i}`;
}

async function reached({ eyes, options: { partitions } }: Stage, targets: readonly number[]): Promise<boolean> {
  const indexes = Array.from({ length: partitions }, (_, index) => index);
  const metas = await Promise.all(indexes.map(async (index) => readMeta((await eyes.store.meta(index)).meta)));
  if (metas.some(({ offset }, index) => offset < (targets[index] ?? 0))) return false;
  const ends = await Promise.all(indexes.map((index) => eyes.outputs.last(index)));
  return metas.every(({ next }, index) => (ends[index] ?? 0) >= next - 1);
}

async function standing({ stage: { eyes, options }, sender }: Scene): Promise<string> {
  const places = await Promise.all(Array.from({ length: options.partitions }, async (_, index) => {
    const { offset, next } = readMeta((await eyes.store.meta(index)).meta);
    return `partition ${index} at ${offset} of ${sender.acknowledged[index]}, ${await eyes.outputs.last(index)} of ${next - 1} published`;
  }));
  return places.join("; ");
}

const FINISHES_WITHIN_MS = 120_000;
/** Longer than the longest of the waits that are counted in seconds. */
const QUIET_MS = 6_000;

/** All is committed and published, nothing is due any more, the engines are ended: null where it does not come to that. */
async function finish(scene: Scene): Promise<Truth | null> {
  const { stage, engines, sender } = scene;
  await stage.reconnect();
  for (let attempt = 0; attempt < 3; attempt++) {
    if (!(await quiet(scene))) return null;
    for (const seat of engines.working) {
      engines.retire(seat);
      await engines.terminate(seat);
    }
    const { eyes, options: { partitions } } = stage;
    const truth = await compareWithTruth(marathonRules(), { ports: eyes, partitions, outputs: (p) => consumed(eyes.link, `OUT_${p}`) }, sender.ids);
    // A tick that came with the end of the engine waits for the next start.
    if (!truth.differences.some((each) => each.includes("its last is"))) return truth;
    await (await engines.add()).engine?.said("running");
  }
  return null;
}

/** Until the log does not grow any more and everything in it is processed and published. */
async function quiet(scene: Scene): Promise<boolean> {
  const { stage, sender } = scene;
  let last = 0;
  let since = performance.now();
  for (const until = performance.now() + FINISHES_WITHIN_MS; performance.now() < until; await delay(100)) {
    const info = await stage.eyes.log.info().catch(() => null);
    if (info === null || info.last !== last || !(await reached(stage, sender.acknowledged).catch(() => false))) {
      last = info?.last ?? 0;
      since = performance.now();
    }
    if (performance.now() - since > QUIET_MS) return true;
  }
  return false;
}

/** Dead letters, by reason, against what was sent. */
function deadApart({ bad }: Sender, { deadLetters }: Truth): string[] {
  const reasons = new Set([...Object.keys(bad), ...Object.keys(deadLetters)]);
  return [...reasons].filter((reason) => (bad as Readonly<Record<string, number>>)[reason] !== (deadLetters[reason] ?? 0))
    .map((reason) => `${deadLetters[reason] ?? 0} dead letters for ${reason}, ${(bad as Readonly<Record<string, number>>)[reason] ?? 0} such events were sent`);
}


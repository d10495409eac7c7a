/**
 * The whole engine, as it is, in a world that one seed decides: processes work off a log while everything goes wrong that
 * can go wrong; then all is mended, they finish, and what is left must be what one straight run over the same log leaves.
 *
 * - Processes crash between any two steps and start again; are told to stop; are paused and wake up while another has
 *   taken their place; lose connections; their clocks and the broker's jump.
 * - Several share the partitions; they come, go, and are not heard of though they live; the store's clock jumps, and with it
 *   everybody's lease.
 * - The store goes back to an older snapshot, the output log loses its end, logs are full, everything is slow; requests
 *   fare as network.ts says. Processes start with other rules than those before.
 * - The event log is made again, cut off, cut off and grown again, or has lost what was not read (damage.ts): then partitions
 *   stand still, until the right one is back, or their states are deleted and they begin anew.
 * - All along: nothing is published before a commit holds it. In the end: nothing twice, no gaps, states, memberships,
 *   figures and all that was said equal those of the straight run; the wake index is right.
 * - It ends: when all is mended, everything in the log is processed and published, nothing that is due is left, and every
 *   partition has one owner.
 */
import type { Customer } from "../../engine/customer.js";
import { OwnershipLost } from "../../engine/ownership.js";
import { decode } from "../../engine/decode.js";
import { startEngine, type Engine, type EngineOptions, type Ports } from "../../engine/engine.js";
import type { ClockKind, Output } from "../../engine/ports.js";
import { engineStats, type EngineStats } from "../../engine/stats.js";
import { SIZES, type Sizes } from "../../engine/sizes.js";
import { DAY_MS } from "../../engine/zone.js";
import { randomOf } from "../retail/random.js";
import {
  NO_FAULTS, breakLink, count, environmentOf, mendLink, newClient, newNetwork, portsOf, type Client, type Network, type Rates,
} from "./network.js";
import { readTombstones, tombstoneKey } from "../../engine/tombstones.js";
import { customerOf, isToBeFollowed } from "../../engine/withdrawing.js";
import { DAMAGES, damage } from "./damage.js";
import { customersOf, difference, inCommon, left, withoutWithdrawn, ownRecords, straight, wordText, type PartitionOutcome } from "./outcome.js";
import { NO_RULES, START, history, subjectOf, type Sent, type Subject, type SubjectName } from "./programs.js";
import { lastSteps, next, note, schedule, scheduler, type Scheduler } from "./scheduler.js";
import { append, eventServer, fieldsOf, type EventServer, nothingStored, outputServer, snapshot, storeServer, type Stored, type Weaknesses } from "./servers.js";

/** A fault in the engine, put there to see whether it is found. */
export interface Planted {
  readonly weaknesses?: Weaknesses;
  readonly around?: (ports: Ports, client: Client) => Ports;
}

export interface Story {
  readonly seed: number;
  readonly subject: SubjectName;
  readonly clock: ClockKind;
  readonly steps: number;
  readonly records: number;
  readonly outputs: number;
  /** How often which fault came. */
  readonly faults: ReadonlyMap<string, number>;
  /** Null: all is well. */
  readonly trouble: string | null;
  /** The last steps before the trouble. */
  readonly trace: string;
}

const PARTITIONS = 3;
const EVENTS = 24;
/** Longer than in life, and steps are what a run costs. */
const BEAT_MS = 800;
const MAX_STEPS = 30_000;

interface Process {
  readonly client: Client;
  readonly engine: Engine;
  readonly stats: EngineStats;
  isOver: boolean;
}

interface World {
  readonly network: Network;
  readonly scheduler: Scheduler;
  readonly subject: Subject;
  readonly random: () => number;
  readonly options: EngineOptions;
  readonly planted: Planted;
  readonly only: Only;
  processes: Process[];
  started: number;
  snapshots: Stored[][];
  trouble: string | null;
  /** Whether processes start with other rules, one with these, the next with those. */
  readonly rulesChange: boolean;
  /** How the right event log is brought back; null: it is there. */
  mendLog: (() => void) | null;
  /** What comes while it is not: it is sent again until it is taken. */
  waiting: Sent[];
  /** Ids of what was said by partitions whose states were deleted. */
  readonly former: Set<string>;
  /** Only one of them: who loses both ends cannot know what was there. */
  readonly loses: "store" | "outputs";
  /** Everything that was ever in a commit. */
  readonly committed: Set<string>;
}

/** Everything small, so that its edges are met. */
const SMALL: Partial<Sizes> & Pick<Sizes, "leastCache" | "commitBytes"> = {
  batch: 6, loadAtOnce: 3, commitCustomers: 2, commitBytes: 64, wakePage: 2, wakesInMemory: 4, publishAtOnce: 3, outboxPage: 2, sweepPage: 2, idleAhead: 4, leastCache: 4,
};

/** Bounds by bytes and by work; all of them, or none. */
const TIGHT: Partial<Sizes> = { batchBytes: 300, commitMost: 400, commitWakes: 2, publishMost: 300, outboxMost: 600, queue: 3, queueBytes: 2000 };

/** Some of them small, some as usual. */
function someSmall(random: () => number): Sizes {
  const small = random();
  const entries = Object.entries(SMALL).map(([name, size]) => [name, random() < small ? size : SIZES[name as keyof Sizes]] as const);
  return { ...SIZES, ahead: small > 0.25 ? 1 : SIZES.ahead, ...(small > 0.5 ? TIGHT : {}), ...(Object.fromEntries(entries) as Partial<Sizes>), leastCache: SMALL.leastCache, commitBytes: SMALL.commitBytes };
}

/** When all that follows from a step without waiting has been done: promises come before the next tick of Node's. */
const turn = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

/** Less than everything, where one thing is looked for. */
export interface Only {
  readonly subject?: SubjectName;
  readonly faults?: readonly string[];
  readonly rates?: Partial<Rates>;
  readonly sizes?: Partial<Sizes>;
  readonly isPooled?: boolean;
  readonly rulesChange?: boolean;
}

export async function simulate(seed: number, planted: Planted = {}, only: Only = {}): Promise<Story> {
  const random = randomOf(Math.imul(seed, 0x9e3779b1));
  const r = random();
  const name = only.subject ?? (r < 0.54 ? "nasty" : r < 0.62 ? "erasing" : r < 0.68 ? "merging" : r < 0.97 ? "ranked" : "library");
  const clock: ClockKind = random() < 0.7 ? "broker" : "event";
  const subject = subjectOf(name);
  const world = newWorld(subject, clock, random, planted, only);
  const sent = history(random, subject, 4 + Math.floor(EVENTS * random()));
  for (const each of sent) feed(world, each);
  await live(world, (sent.at(-1)?.at ?? START) + Math.floor(random() * DAY_MS), 2 + Math.floor(random() * 7));
  if (world.trouble === null) await finish(world);
  if (world.trouble === null) world.trouble = await compare(world);
  const { network, scheduler: s } = world;
  return {
    seed, subject: name, clock, steps: s.steps, records: network.events.records.length, outputs: network.outputs.streams.flat().length,
    faults: network.faults, trouble: world.trouble, trace: lastSteps(s),
  };
}

function newWorld(subject: Subject, clock: ClockKind, random: () => number, planted: Planted, only: Only): World {
  const s = scheduler(START - 1000, random);
  const { weaknesses } = planted;
  const network = newNetwork(s, eventServer(clock, PARTITIONS), storeServer(PARTITIONS, weaknesses), outputServer(PARTITIONS, weaknesses));
  const world: World = {
    network, scheduler: s, subject, random, planted, only, processes: [], started: 0, snapshots: [], trouble: null, mendLog: null, waiting: [], former: new Set(),
    rulesChange: subject.changed !== null && (only.rulesChange ?? (only.faults === undefined && random() < 0.2)),
    loses: random() < 0.6 || only.faults !== undefined ? "store" : "outputs", committed: new Set(),
    options: {
      cacheCustomers: 1, sharing: { beatMs: BEAT_MS, leaseMs: 5 * BEAT_MS }, limits: { maxOutbox: random() < 0.5 ? 3 : 1000, keepPublished: 100 },
      sizes: { ...someSmall(random), ...only.sizes },
    },
  };
  network.committed = ({ partition, outputs }) => {
    for (const output of outputs) world.committed.add(nameOf(partition, output));
  };
  network.outputs.accepted = (partition, output) => {
    if (!world.committed.has(nameOf(partition, output))) fail(world, `output ${partition}#${output.number} is published before any commit holds it: ${output.body}`);
    else if (network.outputs.streams[partition]?.length !== output.number) fail(world, `output ${partition}#${output.number} has place ${network.outputs.streams[partition]?.length}`);
  };
  return world;
}

const nameOf = (partition: number, { number, id }: Output): string => `${partition} ${number} ${id}`;

function fail(world: World, trouble: string): void {
  world.trouble ??= trouble;
}

function feed(world: World, sent: Sent): void {
  schedule(world.scheduler, null, `event ${sent.subject}`, sent.at - world.scheduler.now, () => {
    if (world.mendLog === null) arrive(world, sent);
    else world.waiting.push(sent);
  }, true);
}

function arrive({ network, scheduler: s }: World, { subject, body }: Sent): void {
  append(network.events, [{ subject, body }], Math.round(s.now + network.brokerSkewMs));
  for (const poke of network.readers) poke();
}

// ---------------------------------------------------------------------------------------------------- processes

function start(world: World): void {
  const { network, planted, subject, options, random } = world;
  const rules = world.rulesChange && subject.changed !== null && random() < 0.5 ? subject.changed.rules : subject.rules;
  const client = newClient(network, `P${++world.started}`);
  client.skewMs = skew(world);
  note(world.scheduler, `${client.name} starts`);
  const ports = portsOf(client);
  const stats = engineStats();
  const engine = startEngine(rules, planted.around?.(ports, client) ?? ports, options, environmentOf(client), stats);
  const process: Process = { client, engine, stats, isOver: false };
  world.processes.push(process);
  const over = (): void => {
    process.isOver = true;
    bury(world, process);
  };
  engine.ended.then(over, (error: Error) => {
    if (client.isDead) return;
    note(world.scheduler, `${client.name} ends: ${error.message}`);
    if (!(error instanceof OwnershipLost)) fail(world, `${client.name} ended: ${error.stack ?? error.message}`);
    over();
  });
}

/** All that it had in memory is gone, and what it waited for never comes. */
function bury(world: World, process: Process): void {
  const { scheduler: s, processes } = world;
  process.client.isDead = true;
  s.tasks = s.tasks.filter(({ owner }) => owner !== process.client);
  world.processes = processes.filter((each) => each !== process);
  if (!world.processes.some(({ client }) => !client.isPaused)) schedule(s, null, "start", Math.floor(world.random() * 300), () => {
    if (!world.processes.some(({ client }) => !client.isPaused)) start(world);
  });
}

const SKEW_MS = 100_000;
const skew = ({ random }: World): number => (random() < 0.6 ? 0 : Math.round((random() * 1.6 - 1) * SKEW_MS));

// ---------------------------------------------------------------------------------------------------- faults

/** Breaks and mends connections to a server of everybody. */
function restart(world: World, which: "broker" | "store", isGone: boolean, meanwhile: () => void): void {
  const { scheduler: s, random } = world;
  const clients = world.processes.map(({ client }) => client);
  for (const client of clients) breakLink(client[which], isGone);
  meanwhile();
  for (const client of clients) schedule(s, client, `${client.name} is connected with the ${which}`, Math.floor(random() * 400), () => mendLink(client, client[which]));
}

type Fault = (world: World, victim: Process) => boolean | void;

const FAULTS: Readonly<Record<string, Fault>> = {
  crash: (world, victim) => bury(world, victim),
  stop: (_, victim) => void victim.engine.stop().catch(() => undefined),
  "connection with the broker": ({ scheduler: s, random }, { client }) => {
    breakLink(client.broker);
    schedule(s, client, `${client.name} is connected with the broker`, Math.floor(random() * 800), () => mendLink(client, client.broker));
  },
  "connection with the store": ({ scheduler: s, random }, { client }) => {
    breakLink(client.store);
    schedule(s, client, `${client.name} is connected with the store`, Math.floor(random() * 800), () => mendLink(client, client.store));
  },
  "server starts again": (world) => restart(world, world.random() < 0.5 ? "broker" : "store", true, () => undefined),
  "store goes back": (world) => {
    const { snapshots, network, random, loses } = world;
    const chosen = snapshots.splice(Math.floor(random() * snapshots.length))[0];
    if (chosen === undefined || loses !== "store" || world.mendLog !== null) return false;
    restart(world, "store", true, () => {
      network.store.partitions = chosen;
      network.shuffle++;
    });
    return true;
  },
  "output log loses its end": (world) => {
    // A store whose states were deleted has forgotten what it could be filled with.
    if (world.loses !== "outputs" || world.former.size > 0) return false;
    restart(world, "broker", true, () => {
      for (const stream of world.network.outputs.streams) stream.length -= Math.min(stream.length, Math.floor(world.random() * 6));
    });
    return true;
  },
  zombie: (world, { client }) => {
    if (client.isPaused) return false;
    client.isPaused = true;
    schedule(world.scheduler, null, `${client.name} wakes up`, Math.floor(world.random() * 20_000), () => { client.isPaused = false; });
    start(world);
    return true;
  },
  "second process": (world) => {
    if (world.processes.length > 3) return false;
    start(world);
    return true;
  },
  "not heard of": ({ scheduler: s, random }, { client }) => {
    client.isUnheard = true;
    schedule(s, client, `${client.name} is heard again`, Math.floor(random() * 20 * BEAT_MS), () => { client.isUnheard = false; });
  },
  "store's clock jumps": (world) => { world.network.storeSkewMs += Math.floor((world.random() * 3 - 1) * 5 * BEAT_MS); },
  "event log is not what it was": (world) => damageLog(world),
  "clock jumps": (world, { client }) => { client.skewMs = skew(world); },
  "broker's clock jumps": (world) => { world.network.brokerSkewMs = skew(world); },
  "event log full": (world) => {
    const { network, scheduler: s, random } = world;
    network.isEventLogFull = true;
    schedule(s, null, "the event log has room", Math.floor(random() * 1500), () => { network.isEventLogFull = world.mendLog !== null; });
  },
  "output log full": ({ network, scheduler: s, random }) => {
    network.isOutputLogFull = true;
    schedule(s, null, "the output log has room", Math.floor(random() * 1500), () => { network.isOutputLogFull = false; });
  },
  "all is slow": ({ network, scheduler: s, random }) => {
    network.rates = { ...network.rates, slow: 0.5 };
    schedule(s, null, "no longer slow", Math.floor(random() * 1500), () => { network.rates = { ...network.rates, slow: 0 }; });
  },
};
/** Whoever has the wrong log before them stands still; a person brings the right one back, or decides for the wrong one. */
function damageLog(world: World): boolean {
  const { network, random, scheduler: s, subject, rulesChange } = world;
  const { events, store } = network;
  if (world.mendLog !== null) return false;
  const what = DAMAGES[Math.floor(random() * DAMAGES.length)] as (typeof DAMAGES)[number];
  const least = Math.min(...store.partitions.map((stored) => Number(fieldsOf(stored)["offset"] ?? 0)));
  const bringBack = damage(events, what, least, random);
  if (bringBack === null) return false;
  count(network, `event log ${what}`);
  network.isEventLogFull = true;
  const isGivenUp = what !== "lost what was not read" && subject.name !== "ranked" && !rulesChange && random() < 0.4;
  world.mendLog = () => {
    world.mendLog = null;
    for (const { stats } of world.processes) for (const { stopped } of stats.partitions.values()) if (stopped !== null) count(network, "partition stood still");
    // Whoever decides lets everybody end first.
    for (const process of [...world.processes]) bury(world, process);
    network.isEventLogFull = false;
    if (isGivenUp) deleteStates(world);
    else bringBack();
    for (const sent of world.waiting.splice(0)) arrive(world, sent);
  };
  restart(world, "broker", true, () => undefined);
  schedule(s, null, "the log is what it was", Math.floor(random() * 40_000), () => world.mendLog?.());
  return true;
}

/** What was said of records that are no more cannot be unsaid. */
function deleteStates({ network, committed, former, snapshots }: World): void {
  count(network, "states deleted");
  for (const name of committed) former.add(name.slice(name.lastIndexOf(" ") + 1));
  network.store.partitions = network.store.partitions.map(nothingStored);
  snapshots.length = 0;
}

const FAULT_NAMES = Object.keys(FAULTS);

function strike(world: World): boolean {
  const { random, processes, network } = world;
  const victim = processes[Math.floor(random() * processes.length)];
  const r = random();
  const { only: { faults } } = world;
  // Some are harder to live through than others.
  const name = faults !== undefined ? (faults[Math.floor(random() * faults.length)] as string) : r < 0.3 ? "crash" : r < 0.45 ? (world.loses === "store" ? "store goes back" : "output log loses its end") : (FAULT_NAMES[Math.floor(random() * FAULT_NAMES.length)] as string);
  if (victim === undefined || FAULTS[name]?.(world, victim) === false) return false;
  count(network, name);
  note(world.scheduler, `*** ${name} (${victim.client.name})`);
  return true;
}

// ---------------------------------------------------------------------------------------------------- life

const QUIET_NAPS = 4;
/** Where nobody can have a partition, there is nothing to wait for. */
const RESTLESS_NAPS = 200;
const SNAPSHOT_EVERY = 25;

/** Every partition is somebody's who is there: until then beats alone bring things on. */
function isSettled({ network: { store }, processes }: World): boolean {
  const there = new Set(processes.filter(({ client }) => !client.isPaused).map(({ client }) => client.name));
  return store.partitions.every(({ writer }) => writer !== null && there.has(writer.token.split(" ")[0] as string));
}

/** Steps until it is quiet or there is trouble; `each` comes before every step. */
async function untilQuiet(world: World, each: () => void = () => undefined): Promise<void> {
  const { scheduler: s, network } = world;
  let naps = 0;
  while (world.trouble === null) {
    each();
    const isAwake = s.tasks.some(({ isNap, isBeat, owner }) => !isNap && !isBeat && !(owner as Client | null)?.isPaused);
    if (!isAwake && naps >= QUIET_NAPS && (naps >= RESTLESS_NAPS || isSettled(world))) return;
    const task = next(s, (owner) => (owner as Client).isPaused);
    if (task === undefined) return;
    if (!task.isBeat && s.steps++ > MAX_STEPS) return fail(world, "it does not come to rest");
    if (task.at > s.now) s.now = task.at;
    if (!task.isBeat && (!task.isNap || task.owner === null)) note(s, task.what);
    const { calls } = network;
    task.run();
    await turn();
    if (!task.isBeat || network.calls !== calls) naps = task.isNap && network.calls === calls && task.owner !== null ? naps + 1 : 0;
  }
}

/** In which nothing happens but that those who live say so. */
function passTime({ scheduler: s, network: { store }, processes }: World, to: number): void {
  const isAwake = (id: string): boolean => processes.some(({ client }) => !client.isPaused && !client.isUnheard && id.includes(` ${client.name} `));
  for (const member of store.members.values()) if (isAwake(member.id)) member.ends += to - s.now;
  s.now = to;
}

async function live(world: World, until: number, faults: number): Promise<void> {
  const { scheduler: s, random, network } = world;
  network.isPooled = world.only.isPooled ?? random() < 0.25;
  network.rates = random() < 0.2 && world.only.rates === undefined ? NO_FAULTS : { lostRequest: 0.02, lostAnswer: 0.03, late: 0.02, twice: 0.05, slow: 0, ...world.only.rates };
  for (let processes = random() < 0.6 ? 1 : 3; processes > 0; processes--) start(world);
  let remaining = faults;
  const rate = random() < 0.5 ? 0.03 : 0.008;
  let idle = 0;
  while (world.trouble === null) {
    await untilQuiet(world, () => {
      if (s.steps % SNAPSHOT_EVERY === 0) world.snapshots = [...world.snapshots.slice(-5), snapshot(network.store)];
      if (remaining > 0 && random() < rate && strike(world)) remaining--;
    });
    const coming = Math.min(until, nextDue(world), ...s.tasks.filter(({ owner }) => owner === null).map(({ at }) => at));
    if (coming <= s.now && s.now >= until) return;
    idle = coming <= s.now ? idle + 1 : 0;
    passTime(world, Math.max(coming, s.now + 100 * 2 ** Math.min(idle, 10)));
    if (idle > 100) return fail(world, "time stands still");
  }
}

/** When, on the broker's clock, somebody must say that time has passed. */
function nextDue({ network: { events, store, brokerSkewMs }, subject: { rules } }: World): number {
  if (events.clock === "event") return Infinity;
  const days = store.partitions.map((stored) => (rules.program.rankings.length > 0 ? (Number(fieldsOf(stored)["midnight"] ?? Infinity) + 1) * DAY_MS : Infinity));
  return Math.min(...days, ...store.partitions.flatMap(({ wakes }) => [...wakes.values()])) - brokerSkewMs;
}

/** Nothing goes wrong any more: everything that is to be done gets done. */
async function finish(world: World): Promise<void> {
  const { scheduler: s, network, random } = world;
  note(s, "*** all is mended");
  world.mendLog?.();
  network.rates = NO_FAULTS;
  network.isEventLogFull = false;
  network.isOutputLogFull = false;
  network.brokerSkewMs = Math.max(0, network.brokerSkewMs);
  for (const { client } of world.processes) {
    client.isPaused = false;
    client.isUnheard = false;
    client.skewMs = 0;
    mendLink(client, client.broker);
    mendLink(client, client.store);
  }
  for (let tries = 0; ; tries++) {
    await untilQuiet(world);
    if (world.trouble !== null) return;
    const missing = unfinished(world);
    if (missing === null) break;
    if (tries > 60) return fail(world, `it does not finish: ${missing}`);
    passTime(world, s.now + 500 * (1 + tries));
  }
  if (random() < 0.3) return;
  for (const { engine } of world.processes) engine.stop().catch(() => undefined);
  await untilQuiet(world);
}

function unfinished({ network: { events, store, outputs, scheduler: s, brokerSkewMs }, processes, former, subject: { rules } }: World): string | null {
  for (const { stats } of processes) for (const { stopped } of stats.partitions.values()) if (stopped !== null) return stopped;
  const ranks = rules.program.rankings.length > 0;
  for (const [index, stored] of store.partitions.entries()) {
    const owners = processes.filter(({ stats }) => stats.partitions.has(index)).map(({ client }) => client.name);
    if (owners.length !== 1) return `partition ${index} is held by ${owners.length === 0 ? "nobody" : owners.join(" and ")}`;
    const fields = fieldsOf(stored);
    const last = ownRecords(events, index).at(-1)?.sequence ?? 0;
    if (Number(fields["offset"] ?? 0) < last) return `partition ${index} stands at ${fields["offset"]} of ${last}`;
    const published = outputs.streams[index]?.length ?? 0;
    // Of a partition that began anew and has had nothing to say since, nothing is committed at all.
    const isAnew = former.size > 0 && fields["next"] === undefined;
    if (!isAnew && published !== Number(fields["next"] ?? 1) - 1) return `partition ${index} has published ${published} of ${Number(fields["next"] ?? 1) - 1}`;
    const clock = events.clock === "broker" ? s.now + brokerSkewMs : Number(fields["clock"] ?? 0);
    const late = [...stored.wakes].find(([, at]) => at <= clock);
    if (late !== undefined) return `partition ${index}: ${late[0]} was to be woken at ${new Date(late[1]).toISOString()}`;
    if (ranks && /0$/.test(fields["tables"] ?? "1")) return `partition ${index} is not swept: ${fields["tables"]}`;
    if (ranks && events.clock === "broker" && clock >= (Number(fields["midnight"] ?? Infinity) + 1) * DAY_MS) return `partition ${index} has not drawn up a midnight`;
    if ((fields["scrub"] ?? "") !== "") return `partition ${index} has not looked through its outbox`;
    const open = Object.keys(fields).find((name) => name.startsWith("asked:") || name.startsWith("waits:"));
    if (open !== undefined) return `partition ${index}: a join is not answered: ${open} ${fields[open]}`;
    if ((fields["prepared"] ?? "") !== "") return `partition ${index} has not said its figures`;
  }
  return null;
}

// ---------------------------------------------------------------------------------------------------- comparison

async function compare(world: World): Promise<string | null> {
  const { network: { store, outputs, events, faults }, subject: { rules, changed } } = world;
  const customers = store.partitions.map((stored) => customersOf(rules, stored));
  for (const [index, stored] of store.partitions.entries()) {
    const rest = ofErased(stored);
    if (rest !== null) return `partition ${index}: ${rest}`;
    const notes = wrongNotes(customers.flat(), index);
    if (notes !== null) return `partition ${index}: ${notes}`;
    const trouble = wrongIndex(stored, customers[index] ?? []) ?? wrongCounts(rules, stored, customers[index] ?? []);
    if (trouble !== null) return `partition ${index}: ${trouble}`;
  }
  const straightRun = rules.program.rankings.length === 0 ? straight(rules, events) : await undisturbed(world);
  if (typeof straightRun === "string") return `without any fault: ${straightRun}`;
  const there = left(rules, store, outputs, customers);
  faults.set("customers joined", events.records.filter((record) => record?.subject.startsWith("events.eddy_joined.") === true).length);
  const words = faults.has("event log is not what it was") ? null : wrongWords(events, straightRun);
  if (words !== null) return words;
  const found = withoutWithdrawn(there, straightRun, world.rulesChange || world.former.size > 0);
  const expected = withoutWithdrawn(straightRun, there, true);
  if (typeof found === "string" || typeof expected === "string") return `${typeof found === "string" ? found : ""} ${typeof expected === "string" ? expected : ""}`;
  if (world.former.size > 0) return differenceAnew(found, expected, world.former);
  if (!world.rulesChange || changed === null) return difference(found, expected, rules.program.rankings.length === 0);
  const common = (outcomes: readonly PartitionOutcome[]): PartitionOutcome[] => inCommon(outcomes, rules, changed.rules, changed.own);
  faults.set("rules change", world.started);
  return difference(common(found), common(expected), false);
}

/** Whoever was joined into another leads to somebody who was not. */
function wrongNotes(customers: readonly Customer[], partition: number): string | null {
  const notes = new Map(customers.flatMap(({ id, movedTo }) => (movedTo === null ? [] : [[id, movedTo] as const])));
  for (const [id, to] of partition === 0 ? notes : []) {
    let at: string | undefined = to;
    for (let hops = 0; at !== undefined; hops++, at = notes.get(at)) if (hops > notes.size) return `${id} was joined into ${to}, and so on in a ring`;
  }
  return null;
}

/** What partitions had to say to each other is in the log, and nothing else. */
function wrongWords({ records, clock }: EventServer, expected: readonly PartitionOutcome[]): string | null {
  const inLog = new Set<string>();
  for (const record of records) {
    const work = record === null ? null : decode(NO_RULES, clock, record);
    if (work?.k === "word") inLog.add(wordText(work.word));
  }
  const had = new Set<string>();
  for (const { words } of expected) {
    if (words === null) return null;
    for (const word of words) had.add(word);
  }
  const lacks = [...had].filter((word) => !inLog.has(word));
  const more = [...inLog].filter((word) => !had.has(word));
  return lacks.length + more.length === 0 ? null : `words of partitions: ${JSON.stringify({ lacks, more })}`;
}

/**
 * After states were deleted for another log: what was said before it stands, and may have been said again, as this log has
 * it; everything else is as always.
 */
function differenceAnew(found: readonly PartitionOutcome[], expected: readonly PartitionOutcome[], former: ReadonlySet<string>): string | null {
  const isNew = ({ id }: { readonly id: string }): boolean => !former.has(id);
  for (const [index, { said }] of expected.entries()) {
    const ids = new Set(found[index]?.said.map(({ id }) => id));
    const lost = said.find(({ id }) => !ids.has(id));
    if (lost !== undefined) return `partition ${index}: never said: ${lost.body}`;
  }
  const onlyNew = (outcomes: readonly PartitionOutcome[]): PartitionOutcome[] => outcomes.map((outcome) => ({ ...outcome, said: outcome.said.filter(isNew) }));
  return difference(onlyNew(found), onlyNew(expected), true);
}

/** Another engine on the same log, from nothing, with nothing going wrong. */
async function undisturbed({ subject, network: { events }, scheduler: { now } }: World): Promise<PartitionOutcome[] | string> {
  const world = newWorld(subject, events.clock, randomOf(1), {}, {});
  world.scheduler.now = now;
  Object.assign(world.network.events, { records: [...events.records], ids: new Map(events.ids) });
  start(world);
  await finish(world);
  const { store, outputs } = world.network;
  return world.trouble ?? left(subject.rules, store, outputs, store.partitions.map((stored) => customersOf(subject.rules, stored)));
}

/** What was said about somebody before they were erased, and can still be published. */
function ofErased(stored: Stored): string | null {
  const { all } = readTombstones(fieldsOf(stored));
  for (const output of stored.outbox.values()) {
    const customer = output.subject.startsWith("withdrawn.") || isToBeFollowed(output) ? null : customerOf(output);
    const bound = customer === null ? undefined : all.get(tombstoneKey(customer))?.bound;
    if (bound !== undefined && output.number < bound) return `the outbox still says of ${customer}, who was erased: ${output.body}`;
  }
  return null;
}

function wrongIndex(stored: Stored, customers: readonly Customer[]): string | null {
  const unseen = new Map(stored.wakes);
  for (const { id, wake, indexed } of customers) {
    const entry = stored.wakes.get(id) ?? Infinity;
    unseen.delete(id);
    if (entry > wake) return `the wake index has ${id} at ${entry}, who is to be woken at ${wake}`;
    if (entry !== indexed) return `the wake index has ${id} at ${entry}, whose state says ${indexed}`;
  }
  return unseen.size === 0 ? null : `the wake index knows ${[...unseen.keys()].join()}, whom nobody else knows`;
}

function wrongCounts(rules: Subject["rules"], stored: Stored, customers: readonly Customer[]): string | null {
  for (const [index, { key }] of rules.program.rankings.entries()) {
    const counts = new Map<number, number>();
    for (const { extras } of customers) {
      const value = extras?.readings.find((reading) => reading.index === index)?.value;
      if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + 1);
    }
    const shown = (of: ReadonlyMap<number, number>): string => JSON.stringify([...of].sort(([a], [b]) => a - b));
    const stands = stored.counts.get(key) ?? new Map<number, number>();
    if (shown(stands) !== shown(counts)) return `a ranking is counted as ${shown(stands)}, and is ${shown(counts)}`;
  }
  return null;
}

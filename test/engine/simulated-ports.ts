/**
 * An event log, a state store and an output log in memory, with accidents: for properties of the engine that take many
 * runs. What a port promises is tested on the real ones (test/conformance); this one is as simple as can be.
 *
 * An accident ends the engine that works on the ports (`opened`), before or after what it asked for has happened; what
 * was written stays, and other ports may be opened on it. The log knows no ids: what is appended twice is there twice.
 */
import type { Environment } from "../../engine/environment.js";
import type { Ports } from "../../engine/engine.js";
import {
  LogUnavailable, StoreUnavailable, type ClockKind, type Commit, type EventLog, type LogReader, type LogRecord, type Member, type MetaFields, type NewRecord, type Output, type OutputLog, type StateStore, type Wake, type Writer,
} from "../../engine/ports.js";
import { compareWakes } from "../../engine/wakes.js";

interface Stored {
  writer: Writer | null;
  number: number;
  readonly fields: Map<string, string>;
  readonly states: Map<string, Uint8Array>;
  readonly wakes: Map<string, number>;
  readonly members: Map<string, Set<string>>;
  readonly outbox: Map<number, Output>;
  readonly counts: Map<string, Map<number, number>>;
}

export interface World {
  readonly partitions: number;
  readonly records: LogRecord[];
  readonly stores: Stored[];
  readonly outputs: Output[][];
  /** Fields that all partitions share. */
  readonly shared: Map<string, string>;
  readonly clock: ClockKind;
  /** Who has said last that it lives; who died is forgotten with its ports. */
  members: Member[];
  /** The wall clock, and the stamp of what is appended. */
  now: number;
  /** Goes up with whatever is asked. */
  calls: number;
}

export function newWorld(partitions: number, records: readonly LogRecord[] = [], clock: ClockKind = "event"): World {
  const stored = (): Stored => ({
    writer: null, number: 0, fields: new Map(), states: new Map(), wakes: new Map(), members: new Map(), outbox: new Map(), counts: new Map(),
  });
  return {
    partitions, clock, now: 1_000, records: [...records], stores: Array.from({ length: partitions }, stored),
    outputs: Array.from({ length: partitions }, () => []), shared: new Map(), members: [], calls: 0,
  };
}

/** What may go wrong, asked before everything that changes something. */
export type Accident = "none" | "dies before" | "dies after" | "no answer";
export type Change = "commit" | "append" | "publish" | "share";
export type Accidents = (what: Change) => Accident;

export class Died extends Error { override readonly name = "Died"; }

export function appendTo(world: World, records: readonly NewRecord[]): void {
  for (const { subject, body } of records) {
    const sequence = world.records.length + 1;
    world.records.push({ sequence, stamp: world.now, subject, headers: null, body: typeof body === "string" ? Buffer.from(body) : body });
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** `pageOf`: how many customers a page of a scan has. `watch` is told of every commit that was done. */
export function opened(world: World, accidents: Accidents, pageOf: () => number, watch: (commit: Commit) => void = () => undefined): Ports {
  let dead = false;
  world.members = [];
  const at = (partition: number): Stored => world.stores[partition] as Stored;
  async function change<T>(what: Change, act: () => T, unanswered: () => Error): Promise<T> {
    await turn();
    const accident = dead ? "dies before" : accidents(what);
    if (accident === "dies before") {
      dead = true;
      throw new Died(what);
    }
    const result = act();
    world.calls++;
    if (accident === "no answer") throw unanswered();
    if (accident === "dies after") {
      dead = true;
      throw new Died(what);
    }
    await turn();
    return result;
  }
  async function ask<T>(act: () => T): Promise<T> {
    await turn();
    if (dead) throw new Died("a question");
    return act();
  }
  const unavailable = (): Error => new LogUnavailable("no answer");

  const log: EventLog = {
    info: () => ask(() => ({ identity: "simulated", clock: world.clock, partitions: world.partitions, first: 1, last: world.records.length })),
    at: (sequence) => ask(() => world.records[sequence - 1] ?? null),
    ofCustomer: () => Promise.reject(new Error("nobody asks here")),
    read: (from) => ask(() => readerOf(world, from, () => dead)),
    append: (records) => change("append", () => {
      appendTo(world, records);
      return records.map((_, i) => ({ sequence: world.records.length - records.length + i + 1, duplicate: false }));
    }, unavailable),
    watch: () => () => undefined,
    close: () => Promise.resolve(),
  };
  const outputs: OutputLog = {
    identity: () => ask(() => "simulated"),
    last: (partition) => ask(() => world.outputs[partition]?.length ?? 0),
    publish: (partition, list) => change("publish", () => {
      const stream = world.outputs[partition] as Output[];
      for (const output of list) if (output.number === stream.length + 1) stream.push(output);
      return stream.length;
    }, unavailable),
    read: (partition, from, to) => ask(() => (world.outputs[partition] ?? []).slice(from - 1, to)),
    close: () => Promise.resolve(),
  };
  const store: StateStore = {
    beat: (id, holds, leaseMs) => ask(() => {
      world.members = world.members.filter((member) => member.id !== id);
      if (leaseMs > 0) world.members.push({ id, holds });
      return world.members;
    }),
    shared: (names) => ask(() => names.map((name) => world.shared.get(name) ?? null)),
    share: (expected, set) => change("share", () => {
      const stand = (wanted: MetaFields): boolean => Object.entries(wanted).every(([name, value]) => (world.shared.get(name) ?? "") === value);
      if (stand(set)) return true;
      if (!stand(expected)) return false;
      for (const [name, value] of Object.entries(set)) value === "" ? world.shared.delete(name) : world.shared.set(name, value);
      return true;
    }, () => new StoreUnavailable("no answer")),
    claim: (partition, token) => ask(() => {
      const stored = at(partition);
      if (stored.writer?.token !== token) stored.writer = { epoch: (stored.writer?.epoch ?? 0) + 1, token };
      return { writer: stored.writer, number: stored.number, meta: Object.fromEntries(stored.fields) };
    }),
    meta: (partition) => ask(() => ({ number: at(partition).number, meta: Object.fromEntries(at(partition).fields), writer: at(partition).writer })),
    load: (partition, customers) => ask(() => customers.map((id) => at(partition).states.get(id) ?? null)),
    wakes: (partition, after, limit) => ask(() => [...at(partition).wakes].map(([customer, instant]): Wake => ({ customer, at: instant }))
      .sort(compareWakes).filter((wake) => after === null || compareWakes(wake, after) > 0).slice(0, limit)),
    commit: (commit) => change("commit", () => {
      const stored = at(commit.partition);
      if (stored.writer?.token !== commit.writer.token) return "lost";
      if (stored.number === commit.number) return "already";
      if (stored.number !== commit.number - 1) return "moved";
      apply(stored, commit);
      watch(commit);
      return "done";
    }, () => new Died("a commit goes on until it is answered")),
    outbox: (partition, from, limit) => ask(() => [...at(partition).outbox.values()].filter(({ number }) => number >= from).sort((a, b) => a.number - b.number).slice(0, limit)),
    segmentSizes: (partition, segments) => ask(() => segments.map((segment) => at(partition).members.get(segment)?.size ?? 0)),
    counts: (partition, ranking) => ask(() => [...(at(partition).counts.get(ranking) ?? [])]),
    members: (partition, segment) => ask(() => ({ customers: [...(at(partition).members.get(segment) ?? [])], cursor: null })),
    scan: (partition, cursor) => ask(() => {
      const ids = [...at(partition).states.keys()].sort().filter((id) => cursor === null || id > cursor);
      const page = ids.slice(0, pageOf());
      return { states: page.map((id): [string, Uint8Array] => [id, at(partition).states.get(id) as Uint8Array]), cursor: page.length < ids.length ? (page.at(-1) as string) : null };
    }),
    watch: () => () => undefined,
    close: () => Promise.resolve(),
  };
  return { log, store, outputs };
}

function apply(stored: Stored, commit: Commit): void {
  stored.number = commit.number;
  const put = <K, V>(map: Map<K, V>, key: K, value: V | null): void => void (value === null ? map.delete(key) : map.set(key, value));
  for (const [id, state] of commit.states) put(stored.states, id, state === null ? null : Buffer.from(state));
  for (const [id, instant] of commit.wakes) put(stored.wakes, id, instant);
  for (const { segment, add, remove } of commit.segments) {
    const members = stored.members.get(segment) ?? new Set();
    stored.members.set(segment, members);
    for (const id of add) members.add(id);
    for (const id of remove) members.delete(id);
  }
  for (const output of commit.outputs) stored.outbox.set(output.number, output);
  for (const [name, value] of Object.entries(commit.meta)) put(stored.fields, name, value === "" ? null : value);
  for (const { ranking, forget, changes } of commit.counts ?? []) {
    const counts = (forget ? undefined : stored.counts.get(ranking)) ?? new Map<number, number>();
    stored.counts.set(ranking, counts);
    for (const [value, by] of changes) put(counts, value, (counts.get(value) ?? 0) + by === 0 ? null : (counts.get(value) ?? 0) + by);
  }
}

function readerOf(world: World, from: number, isDead: () => boolean): LogReader {
  let next = from - 1;
  return {
    async ready() {
      await turn();
      for (let i = 0; i < 20 && next >= world.records.length && !isDead(); i++) await turn();
    },
    take(limit) {
      const records = world.records.slice(next, next + limit);
      next += records.length;
      world.calls += records.length;
      return records;
    },
    get lag() { return world.records.length - next; },
    close: () => Promise.resolve(),
  };
}

/** Time does not pass; pauses only let others have their turn. */
export function simulatedEnvironment(world: World): Environment {
  let tokens = 0;
  return {
    now: () => world.now, seconds: () => 0, token: () => `${++tokens}-${Math.floor(tokens * 7919)}`,
    pause: turn, log: () => undefined,
  };
}

/** Resolves when nothing has been asked of the world for a while, or the engine has ended. */
export async function quiet(world: World, ended: () => boolean, turns = 200): Promise<void> {
  for (let still = 0, calls = world.calls; still < turns && !ended(); still++) {
    await turn();
    if (world.calls !== calls) still = 0;
    calls = world.calls;
  }
}

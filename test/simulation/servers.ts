/**
 * The servers of a simulated world: an event log, a state store and an output log, in memory, as plain data. What is asked
 * of them happens at once and as a whole, exactly as engine/ports.ts promises; what gets lost on the way to them and back
 * is the business of network.ts. The conformance suites of the real adapters run on them (ports.test.ts).
 *
 * `Weakness`: what a server, or an engine that leaves it out, does not look at. Planted, to show that it would be noticed.
 */
import {
  LogChanged, LogFull, StoreRefused, type Appended, type Claim, type ClockKind, type Commit, type CommitAnswer, type LogInfo, type LogRecord, type Member, type MetaFields,
  type NewRecord, type Output, type StateStore, type Wake, type Writer,
} from "../../engine/ports.js";
import { compareWakes } from "../../engine/wakes.js";

export interface Weaknesses {
  /** Commits of any writer are taken. */
  readonly noFence?: boolean;
  /** Commits of any number are taken, again too. */
  readonly noNumber?: boolean;
  /** Outputs are taken wherever they belong. */
  readonly noChain?: boolean;
}

// ---------------------------------------------------------------------------------------------------- event log

export interface EventServer {
  readonly clock: ClockKind;
  readonly partitions: number;
  identity: string;
  /** By place; null: removed. The first has sequence 1. */
  records: (LogRecord | null)[];
  /** The oldest sequence that a limit has left. */
  first: number;
  bytes: number;
  maxBytes: number;
  /** Sequences and stamps by the ids of records. */
  ids: Map<string, { readonly sequence: number; readonly stamp: number }>;
}

const DUPLICATES_WITHIN_MS = 120_000;

export function eventServer(clock: ClockKind, partitions: number, maxBytes = Infinity): EventServer {
  return { clock, partitions, identity: "log 1", records: [], first: 1, bytes: 0, maxBytes, ids: new Map() };
}

const copyOf = (body: Uint8Array | string): Uint8Array => Buffer.from(body as Uint8Array);

/** `stamp`: the broker's clock. */
export function append(log: EventServer, records: readonly NewRecord[], stamp: number): Appended[] {
  return records.map(({ subject, body, id }) => {
    const before = id === undefined ? undefined : log.ids.get(id);
    if (before !== undefined && stamp - before.stamp < DUPLICATES_WITHIN_MS) return { sequence: before.sequence, duplicate: true };
    const bytes = copyOf(body);
    if (log.bytes + bytes.length > log.maxBytes) throw new LogFull("the event log is full");
    log.bytes += bytes.length;
    const sequence = log.records.length + 1;
    log.records.push({ sequence, stamp, subject, headers: null, body: bytes });
    if (id !== undefined) log.ids.set(id, { sequence, stamp });
    return { sequence, duplicate: false };
  });
}

export const logInfo = (log: EventServer): LogInfo =>
  ({ identity: log.identity, clock: log.clock, partitions: log.partitions, first: log.first, last: log.records.length });

export function recordAt(log: EventServer, sequence: number): Pick<LogRecord, "sequence" | "stamp" | "subject"> | null {
  const record = log.records[sequence - 1] ?? null;
  return record === null ? null : { sequence, stamp: record.stamp, subject: record.subject };
}

export const recordsOf = (log: EventServer, token: string, limit: number): LogRecord[] =>
  log.records.filter((record) => record !== null && record.subject.endsWith(`.${token}`)).slice(-limit) as LogRecord[];

/** What a reader is sent next; it has been sent all up to `after`, lastly a record with that stamp (null: none yet). */
export function readRecords(
  log: EventServer, identity: string, after: number, limit: number, stamp: number | null = null,
): { readonly records: LogRecord[]; readonly upTo: number } {
  if (log.identity !== identity) throw new LogChanged("the log was made again");
  if (stamp !== null && log.records.length < after) throw new LogChanged(`the log ends at ${log.records.length}, and was read up to ${after}`);
  const last = log.records[after - 1] ?? null;
  if (stamp !== null && last !== null && last.stamp !== stamp) throw new LogChanged(`the log has another record at ${after}`);
  if (after + 1 < log.first) throw new LogChanged(`the log begins at ${log.first}, and ${after + 1} is missing`);
  const upTo = Math.max(after, Math.min(log.records.length, after + limit));
  return { records: log.records.slice(after, upTo).filter((record) => record !== null), upTo };
}

// ---------------------------------------------------------------------------------------------------- state store

export interface Stored {
  writer: Writer | null;
  number: number;
  fields: Map<string, string>;
  states: Map<string, Uint8Array>;
  wakes: Map<string, number>;
  members: Map<string, Set<string>>;
  outbox: Map<number, Output>;
  counts: Map<string, Map<number, number>>;
}

export interface StoreServer {
  partitions: Stored[];
  /** By id: the end of the lease. */
  readonly members: Map<string, Member & { ends: number }>;
  /** Fields that all partitions share. */
  shared: Map<string, string>;
  readonly weaknesses: Weaknesses;
}

export const nothingStored = (): Stored => ({
  writer: null, number: 0, fields: new Map(), states: new Map(), wakes: new Map(), members: new Map(), outbox: new Map(), counts: new Map(),
});

export function storeServer(partitions: number, weaknesses: Weaknesses = {}): StoreServer {
  return { partitions: Array.from({ length: partitions }, nothingStored), members: new Map(), shared: new Map(), weaknesses };
}

/** As it is now: for going back to it. States are never changed in place. */
export function snapshot(store: StoreServer): Stored[] {
  return store.partitions.map((p) => ({
    writer: p.writer, number: p.number, fields: new Map(p.fields), states: new Map(p.states), wakes: new Map(p.wakes),
    members: new Map([...p.members].map(([name, ids]) => [name, new Set(ids)])), outbox: new Map(p.outbox),
    counts: new Map([...p.counts].map(([name, counts]) => [name, new Map(counts)])),
  }));
}

export const storedIn = (store: StoreServer, partition: number): Stored => store.partitions[partition] as Stored;

export function beat({ members }: StoreServer, id: string, holds: readonly number[], leaseMs: number, now: number): Member[] {
  if (id === "") throw new StoreRefused("a member has an id");
  members.delete(id);
  if (leaseMs > 0) members.set(id, { id, holds: [...holds], ends: now + leaseMs });
  for (const [id, { ends }] of members) if (ends <= now) members.delete(id);
  return [...members.values()].map(({ id, holds }) => ({ id, holds })).sort((a, b) => Buffer.compare(Buffer.from(a.id), Buffer.from(b.id)));
}

/** What already stands as it is to be set: the answer was lost. */
export function share(store: StoreServer, expected: MetaFields, set: MetaFields): boolean {
  const stand = (wanted: MetaFields): boolean => Object.entries(wanted).every(([name, value]) => (store.shared.get(name) ?? "") === value);
  if (stand(set)) return true;
  if (!stand(expected)) return false;
  for (const [name, value] of Object.entries(set)) put(store.shared, name, value === "" ? null : value);
  return true;
}

/** Claimed again under the same token it stays as it is: the reply was lost. */
export function claim(stored: Stored, token: string): Claim {
  const writer = stored.writer?.token === token ? stored.writer : { epoch: (stored.writer?.epoch ?? 0) + 1, token };
  stored.writer = writer;
  return { writer, number: stored.number, meta: fieldsOf(stored) };
}

export const fieldsOf = ({ fields }: Stored): Record<string, string> => Object.assign(Object.create(null) as object, Object.fromEntries(fields));

export const metaOf = (stored: Stored): Awaited<ReturnType<StateStore["meta"]>> => ({ number: stored.number, meta: { ...Object.fromEntries(stored.fields) }, writer: stored.writer });

/** The commit as it goes over the wire: its states are views into memory that will be used again. */
export const sent = (commit: Commit): Commit =>
  ({ ...commit, states: commit.states.map(([id, state]) => [id, state === null ? null : Buffer.from(state)] as const) });

export function applyCommit(store: StoreServer, commit: Commit): CommitAnswer {
  check(commit);
  const stored = storedIn(store, commit.partition);
  const { noFence = false, noNumber = false } = store.weaknesses;
  const isOwner = stored.writer?.epoch === commit.writer.epoch && stored.writer.token === commit.writer.token;
  if (!isOwner && !noFence) return "lost";
  if (!noNumber) {
    if (stored.number === commit.number && isOwner) return "already";
    if (stored.number !== commit.number - 1) return "moved";
  }
  write(stored, commit);
  return "done";
}

const isText = (text: string): boolean => !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text);

function check({ states, wakes, segments, outputs, forget }: Commit): void {
  const ids = [...states.map(([id]) => id), ...wakes.map(([id]) => id), ...segments.flatMap(({ add, remove }) => [...add, ...remove])];
  if (!ids.every(isText)) throw new StoreRefused("half a surrogate pair cannot be written");
  if (wakes.some(([, at]) => at !== null && !Number.isSafeInteger(at))) throw new StoreRefused("a wake must be a whole number");
  if (!Number.isSafeInteger(forget)) throw new StoreRefused("the number to forget must be a whole number");
  let last = 0;
  for (const { number } of outputs) {
    if (!Number.isSafeInteger(number) || number <= last) throw new StoreRefused("outputs must come in order of their numbers");
    last = number;
  }
}

function put<K, V>(map: Map<K, V>, key: K, value: V | null): void {
  if (value === null) map.delete(key);
  else map.set(key, value);
}

function write(stored: Stored, commit: Commit): void {
  stored.number = commit.number;
  for (const [id, state] of commit.states) put(stored.states, id, state === null ? null : Buffer.from(state));
  for (const [id, instant] of commit.wakes) put(stored.wakes, id, instant);
  for (const { segment, add, remove } of commit.segments) {
    const members = stored.members.get(segment) ?? new Set();
    stored.members.set(segment, members);
    for (const id of add) members.add(id);
    for (const id of remove) members.delete(id);
  }
  for (const output of commit.outputs) stored.outbox.set(output.number, output);
  for (const number of [...stored.outbox.keys()]) if (number <= commit.forget) stored.outbox.delete(number);
  for (const [name, value] of Object.entries(commit.meta)) put(stored.fields, name, value === "" ? null : value);
  for (const { ranking, forget, changes } of commit.counts ?? []) {
    const counts = (forget ? undefined : stored.counts.get(ranking)) ?? new Map<number, number>();
    stored.counts.set(ranking, counts);
    for (const [value, by] of changes) {
      const count = (counts.get(value) ?? 0) + by;
      put(counts, value, count === 0 ? null : count);
    }
  }
}

export function loadStates(stored: Stored, ids: readonly string[]): (Uint8Array | null)[] {
  if (!ids.every(isText)) throw new StoreRefused("half a surrogate pair cannot be asked for");
  return ids.map((id) => stored.states.get(id) ?? null);
}

export const wakesBehind = (stored: Stored, after: Wake | null, limit: number): Wake[] =>
  [...stored.wakes].map(([customer, at]): Wake => ({ customer, at })).filter((wake) => after === null || compareWakes(wake, after) > 0).sort(compareWakes).slice(0, limit);

export const outboxFrom = ({ outbox }: Stored, from: number, limit: number): Output[] =>
  [...outbox.values()].filter(({ number }) => number >= from).sort((a, b) => a.number - b.number).slice(0, limit);

const MEMBERS_PAGE = 1000;

export function membersOf(stored: Stored, segment: string, cursor: string | null): { customers: string[]; cursor: string | null } {
  const behind = [...(stored.members.get(segment) ?? [])].sort().filter((id) => cursor === null || id > cursor);
  const customers = behind.slice(0, MEMBERS_PAGE);
  return { customers, cursor: customers.length < behind.length ? (customers.at(-1) ?? null) : null };
}

/** In the order of `place`: what it is, is the store's own business. */
export function scanFrom(stored: Stored, cursor: string | null, limit: number, place: (id: string) => string): { states: [string, Uint8Array][]; cursor: string | null } {
  const behind = [...stored.states].map(([id, state]) => ({ id, state, at: place(id) })).filter(({ at }) => cursor === null || at > cursor).sort((a, b) => (a.at < b.at ? -1 : 1));
  const page = behind.slice(0, limit);
  return { states: page.map(({ id, state }) => [id, state]), cursor: page.length < behind.length ? (page.at(-1)?.at ?? null) : null };
}

// ---------------------------------------------------------------------------------------------------- output log

export interface OutputServer {
  /** Of each partition, by place: the first has number 1. */
  readonly streams: Output[][];
  readonly weaknesses: Weaknesses;
  /** Told of all that is accepted. */
  accepted: (partition: number, output: Output) => void;
}

export function outputServer(partitions: number, weaknesses: Weaknesses = {}): OutputServer {
  return { streams: Array.from({ length: partitions }, () => []), weaknesses, accepted: () => undefined };
}

/** What does not `arrive` breaks the chain for what follows. */
export function publish(server: OutputServer, partition: number, outputs: readonly Output[], arrives: (output: Output) => boolean = () => true): number {
  const stream = server.streams[partition] as Output[];
  const first = outputs[0];
  let known = first === undefined ? stream.length : first.number - 1;
  for (const output of outputs) {
    if (!arrives(output)) continue;
    if (server.weaknesses.noChain !== true && output.number !== stream.length + 1) continue;
    stream.push(output);
    server.accepted(partition, output);
    if (server.weaknesses.noChain === true || output.number === known + 1) known = output.number;
  }
  return known;
}

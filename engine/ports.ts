/**
 * The ports of the engine: an event log, a state store and an output log.
 *
 * The engine does no I/O of its own; whoever runs it hands in these three and a clock. Two complete sets of adapters
 * exist (NATS with Redis; embedded, on LMDB), and one conformance suite holds both to the contracts below.
 *
 * Words: a *partition* is a share of the customers (a stable hash of the customer's token), owned by one *writer* at
 * a time; a *sequence* is a record's position in the event log (1 is the first ever); an *output* is one message of a
 * partition's own output stream, numbered from 1 without gaps.
 *
 * All instants are integer milliseconds since 1970 UTC.
 */

// ---------------------------------------------------------------------------------------------------- event log

/** What moves the clock: the broker's own stamps, or each event's own `time`. Fixed when the log is set up. */
export type ClockKind = "broker" | "event";

export interface LogInfo {
  /** Changes when the log is deleted and made again (for NATS: what stands in the stream's description, else its creation time). */
  readonly identity: string;
  readonly clock: ClockKind;
  readonly partitions: number;
  /** The oldest sequence still there; `last + 1` when the log is empty. */
  readonly first: number;
  /** The newest sequence ever given out; 0 when there was none. */
  readonly last: number;
}

/** One record as it lies in the log. `headers` has lower-case names; null when there are none. */
export interface LogRecord {
  readonly sequence: number;
  /** When the broker took it. */
  readonly stamp: number;
  /** `events.<type>.<customer token>`; ticks are `events.eddy_tick.<partition>`. */
  readonly subject: string;
  readonly headers: ReadonlyMap<string, string> | null;
  readonly body: Uint8Array;
}

/** A record to be appended. With `id`, a second append of the same id within two minutes is a duplicate. */
export interface NewRecord {
  readonly subject: string;
  readonly body: Uint8Array | string;
  readonly id?: string;
}

export interface Appended {
  readonly sequence: number;
  readonly duplicate: boolean;
}

/**
 * Reads the log in order, without gaps, from one position on.
 *
 * It keeps a bounded number of records ready and stops fetching while they are not taken (back-pressure). Lost
 * connections are its own business: it reconnects with backoff and resumes behind the last record it handed out.
 */
export interface LogReader {
  /**
   * Resolves when `take` has something to give, or after `timeoutMs`. Rejects with LogChanged when the log is no
   * longer the one it was (recreated, records missing), and with LogClosed after `close`.
   */
  ready(timeoutMs: number): Promise<void>;
  /** At most `limit` records, in order, at once; an empty list when nothing is there. */
  take(limit: number): LogRecord[];
  /** Records in the log behind the last one taken, as far as is known. */
  readonly lag: number;
  close(): Promise<void>;
}

export interface EventLog {
  info(): Promise<LogInfo>;
  /** The record at a sequence (for anchors), or null where there is none any more. */
  at(sequence: number): Promise<Pick<LogRecord, "sequence" | "stamp" | "subject"> | null>;
  /**
   * The records of one customer (`token` is the last part of their subjects), oldest first; of more than `limit` the
   * newest. For people who ask, not for the engine: it may take long on a long log.
   */
  ofCustomer(token: string, limit: number): Promise<LogRecord[]>;
  /** A reader whose first record is the oldest one with a sequence of at least `from`. */
  read(from: number): Promise<LogReader>;
  /**
   * Appends in order and answers when all are durable in the log. Rejects with LogUnavailable (nothing is known about
   * records not acknowledged: append them again with the same ids), LogFull, or RecordTooLarge before anything is appended.
   */
  append(records: readonly NewRecord[]): Promise<Appended[]>;
  /** Emits on every change of the connection; the present state at once. Returns a function that stops it. */
  watch(listener: (state: ConnectionState) => void): () => void;
  close(): Promise<void>;
}

export type ConnectionState = "connected" | "disconnected";

// ---------------------------------------------------------------------------------------------------- state store

/** Who may commit: the epoch goes up with every claim, the token is random. */
export interface Writer {
  readonly epoch: number;
  readonly token: string;
}

/**
 * What the store keeps about a partition beside its customers: plain text fields, which the engine writes and
 * understands (position, clock, anchors, output numbers, layouts; see engine/meta.ts). The store itself looks only at
 * the writer and the number of the last commit.
 */
export type MetaFields = Readonly<Record<string, string>>;

export interface Claim {
  readonly writer: Writer;
  /** The number of the last commit; 0 before the first. */
  readonly number: number;
  readonly meta: MetaFields;
}

export interface Wake {
  readonly customer: string;
  readonly at: number;
}

export interface Output {
  /** Position in the partition's output stream, from 1, without gaps. */
  readonly number: number;
  /** `actions.<p>.…`, `segments.<p>.…` or `dead.<p>.…`. */
  readonly subject: string;
  /** Unique and stable: the same cause gives the same id again. */
  readonly id: string;
  /** Sequence of the log record whose processing caused it. */
  readonly cause: number;
  /** The CloudEvent, JSON. */
  readonly body: string;
}

/** Changes of how many customers have which value in a ranking. */
export interface CountChanges {
  /** Key of the ranking. */
  readonly ranking: string;
  /** Begin with no counts at all, whatever there was. */
  readonly forget: boolean;
  /** No value twice. A count that becomes 0 leaves no trace. */
  readonly changes: readonly (readonly [value: number, by: number])[];
}

export interface Commit {
  readonly partition: number;
  readonly writer: Writer;
  /** One more than the last commit's. */
  readonly number: number;
  /** Packed states by customer; null removes the customer. No customer stands twice. */
  readonly states: readonly (readonly [customer: string, state: Uint8Array | null])[];
  /** New entries of the wake index; null removes. */
  readonly wakes: readonly (readonly [customer: string, at: number | null])[];
  /** Membership changes by segment; no customer stands in both lists of one segment. */
  readonly segments: readonly { readonly segment: string; readonly add: readonly string[]; readonly remove: readonly string[] }[];
  /** How many customers stand where in rankings; no ranking stands twice. None: nothing changes. */
  readonly counts?: readonly CountChanges[];
  /** Outputs that become due for publishing with this commit, and such as take the place of what stands under their numbers; in order of number. */
  readonly outputs: readonly Output[];
  /** Outbox entries with a number up to this one may be forgotten (published long enough ago). */
  readonly forget: number;
  /** Fields to set; fields not named stay. An empty text removes the field. */
  readonly meta: MetaFields;
}

/**
 * - `done`: everything is written, at once and durably as far as the store promises durability.
 * - `already`: this very commit (number and writer) had been written before; a reply was lost.
 * - `lost`: another writer owns the partition. Nothing was written: drop all memory of it and stop.
 * - `moved`: the stored number is neither one less nor this one: the store went back (or another commit of this
 *   writer got in). Nothing was written: drop all memory and start again from what the store says.
 */
export type CommitAnswer = "done" | "already" | "lost" | "moved";

/** A process that says that it lives, and which partitions it holds. */
export interface Member {
  /** Differs from that of every other process, also of an earlier one of the same name. */
  readonly id: string;
  /** In order. */
  readonly holds: readonly number[];
}

export interface StateStore {
  /**
   * Says that a member lives for `leaseMs` more by the store's own clock, and what it holds; with 0 it leaves. Answers all
   * whose lease has not run out, itself among them, in order of the bytes of their ids. All give the same lease; one that ends
   * later than it would, since the store's clock went back, may be cut short. Nothing else depends on it: claims
   * and commits are what decides whose a partition is.
   */
  beat(member: string, holds: readonly number[], leaseMs: number): Promise<readonly Member[]>;
  /** Text fields that all partitions share, in the order asked; null for those that are not there. */
  shared(names: readonly string[]): Promise<(string | null)[]>;
  /**
   * Sets shared fields where all those expected have their values, in one step; "" stands for a field that is not there, and
   * removes one. True too where all stand already as they are to be set: it may be sent again after a lost reply.
   */
  share(expected: MetaFields, set: MetaFields): Promise<boolean>;
  /** Takes the partition over: raises its epoch, sets the writer. Every earlier writer's commits are `lost` from now on. */
  claim(partition: number, token: string): Promise<Claim>;
  /** Reads meta without claiming (inspect, plan). */
  meta(partition: number): Promise<{ readonly number: number; readonly meta: MetaFields; readonly writer: Writer | null }>;
  /** The packed states, in the order asked; null for the unknown. One round trip. */
  load(partition: number, customers: readonly string[]): Promise<(Uint8Array | null)[]>;
  /**
   * The next entries of the wake index in order of instant, then of customer (by UTF-8 bytes), strictly behind
   * `after` (null: from the beginning), at most `limit`.
   */
  wakes(partition: number, after: Wake | null, limit: number): Promise<Wake[]>;
  /**
   * All or nothing; may be sent again after a lost reply. Rejects with StoreUnavailable when no answer came (the
   * outcome is unknown: send the same commit again) and with StoreRefused when it can never succeed.
   */
  commit(commit: Commit): Promise<CommitAnswer>;
  /** Outbox entries with numbers of at least `from`, in order, at most `limit`. */
  outbox(partition: number, from: number, limit: number): Promise<Output[]>;
  /** Number of members of each segment. */
  segmentSizes(partition: number, segments: readonly string[]): Promise<number[]>;
  /** The counts of a ranking as the commits have added them up: no value twice, none that is 0, in any order. */
  counts(partition: number, ranking: string): Promise<(readonly [value: number, count: number])[]>;
  /** Members of a segment, in any order, page by page; `cursor` null begins and, in the answer, ends. */
  members(partition: number, segment: string, cursor: string | null): Promise<{ readonly customers: string[]; readonly cursor: string | null }>;
  /**
   * All customers, page by page, in any order; a customer that stays throughout is seen at least once. A page has
   * about `limit` customers; without it as many as suit the store.
   */
  scan(partition: number, cursor: string | null, limit?: number): Promise<{ readonly states: [string, Uint8Array][]; readonly cursor: string | null }>;
  watch(listener: (state: ConnectionState) => void): () => void;
  close(): Promise<void>;
}

// ---------------------------------------------------------------------------------------------------- output log

/** One stream per partition, appended to in a chain: number n is accepted only behind number n − 1. */
export interface OutputLog {
  /** Changes when the partition's stream is deleted and made again. Rejects with LogMissing where there is none. */
  identity(partition: number): Promise<string>;
  /** The number of the newest output ever accepted for the partition (purges and limits do not lower it); 0: none. */
  last(partition: number): Promise<number>;
  /**
   * Publishes outputs with consecutive numbers, each accepted only directly behind its predecessor. Answers the
   * number of the last one that is known to be accepted. Fewer than all: the caller asks `last` and decides.
   * Rejects with LogUnavailable when there is no connection, and with RecordTooLarge when the first of them is larger than
   * the log takes (those before one that is are published first).
   */
  publish(partition: number, outputs: readonly Output[]): Promise<number>;
  /** Accepted outputs from number `from` to `to`, as far as they are still there. */
  read(partition: number, from: number, to: number): Promise<Output[]>;
  close(): Promise<void>;
}

// ---------------------------------------------------------------------------------------------------- failures

/** No connection, or no answer in time. What was asked may or may not have happened; asking again is safe. */
export class LogUnavailable extends Error { override readonly name = "LogUnavailable"; }
/** The log refuses records because a limit is reached. */
export class LogFull extends Error { override readonly name = "LogFull"; }
/** The log never takes a record of this size; the message says how large one may be. Nothing of the call was written. */
export class RecordTooLarge extends Error { override readonly name = "RecordTooLarge"; }
/** The log is not the one it was: recreated, shorter, or without the next record. Needs a person's decision. */
export class LogChanged extends Error { override readonly name = "LogChanged"; }
/** The reader or log was closed by its owner. */
export class LogClosed extends Error { override readonly name = "LogClosed"; }
/** The log has not been set up; the message names the command that does it. */
export class LogMissing extends Error { override readonly name = "LogMissing"; }
/** No connection, or no answer in time. A commit may have happened; sending it again is safe. */
export class StoreUnavailable extends Error { override readonly name: string = "StoreUnavailable"; }
/** It answers, and takes nothing until somebody makes room. Nothing has happened; sending it again is safe. */
export class StoreFull extends StoreUnavailable { override readonly name = "StoreFull"; }
/** The store can never do this (wrong configuration, malformed arguments, no space where starting again is safer than waiting). Needs a person. */
export class StoreRefused extends Error { override readonly name = "StoreRefused"; }

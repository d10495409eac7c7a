/**
 * Reads a stream in order and without gaps: a consumer of its own, made anew whenever anything looks wrong.
 *
 * How: a short-lived pull consumer without acknowledgements; a few pull requests ("slots") are kept open, each for a
 * bounded number of records and bytes, each with an inbox of its own so that its rest is known exactly. No request is
 * made for what would not fit into the buffer: that is the back-pressure. Such a consumer forgets what it has sent,
 * and a cut connection loses what was under way, so every record's delivery sequence must follow its predecessor's;
 * where it does not, after every reconnection, and when not even a heartbeat arrives, the consumer is made again
 * behind the last record received. Nothing else is relied upon, neither the consumer's survival nor the library's own
 * ordered consumer (which does 230,000 to 280,000 records a second here, by the iterator).
 *
 * Before the first record of a new consumer is believed, the stream must be the same one (its identity, streams.ts), not
 * shorter than what was received, still hold the next record, and have the same stamp on the last one received.
 * Otherwise the reader fails for good with LogChanged. Single records that somebody deleted in the middle of the
 * stream are passed over.
 *
 * Measured on 2 idle cores with nats-server 2.9.10 on the same machine, 1,000,000 events of 160 bytes, into a callback
 * that reads subject, reply and body: push with flow control 395,000 to 570,000 a second, but up to 32 MB under way
 * however small the records; pull with batches of 2,048, four open, 467,000 (2 x 1,000: 289,000; 2 x 4,096: 341,000;
 * 8 x 256: 414,000). This reader, into `take`, with headers on every event, spends 2.2 to 2.7 microseconds of processor
 * time a record here and 2.7 in the server, of which the library's parser is the largest part (bench/nats-read.ts).
 */
import type { Msg, StreamInfo, Subscription } from "nats";

import { LogChanged, LogClosed, LogMissing, type LogReader, type LogRecord } from "../../engine/ports.js";
import {
  createConsumer,
  deleteConsumer,
  getMessage,
  milliseconds,
  streamInfo,
} from "./api.js";
import type { NatsLink } from "./connect.js";
import { readPlace } from "./place.js";
import { identityOf } from "./streams.js";

export interface ReaderOptions {
  readonly stream: string;
  /** First sequence wanted. */
  readonly from: number;
  /** What tells the stream from one that is made again (streams.ts). */
  readonly identity: string;
  /** The server is asked for a sign of life this often; three missing ones and the consumer is made again. */
  readonly heartbeatMs?: number;
  /** Records asked for in one request; four are open at a time, and as many again fit into the buffer. */
  readonly batch?: number;
  readonly onClose?: () => void;
}

const SLOTS = 4;
const BATCH = 2_048;
const SLOT_BYTES = 2 * 1024 * 1024;
/** Room for subject, reply subject and headers beside the largest body. */
const MESSAGE_OVERHEAD = 64 * 1024;
const HEARTBEAT_MS = 2_000;
const SILENT_TICKS = 3;
const REQUEST_TICKS = 15;
/** Every so many ticks without a record, the stream is asked whether there is one. */
const CHECK_TICKS = 3;
/** How long the server keeps a consumer that nobody asks; we make a new one then. */
const INACTIVE_MS = 300_000;
const RETRY_FIRST_MS = 20;
const RETRY_LONGEST_MS = 1_000;
/** A stream that is not found this often in a row is gone; a cluster that starts may not know it at first. */
const MISSING_ATTEMPTS = 8;
const NANOS_PER_MS = 1_000_000;

/** The library's messages know their size (subject, reply, headers and body); its public type does not say so. */
interface SizedMsg extends Msg {
  size(): number;
}

/** A record as the reader keeps it; headers are parsed when asked for. */
class Entry implements LogRecord {
  private message: Msg | null;
  private parsed: ReadonlyMap<string, string> | null = null;

  constructor(
    readonly sequence: number,
    readonly stamp: number,
    readonly subject: string,
    readonly body: Uint8Array,
    /** Bytes that it holds in the buffer. */
    readonly size: number,
    message: Msg | null,
  ) {
    this.message = message;
  }

  get headers(): ReadonlyMap<string, string> | null {
    if (this.message !== null) {
      this.parsed = readHeaders(this.message);
      this.message = null;
    }
    return this.parsed;
  }
}

function readHeaders(message: Msg): ReadonlyMap<string, string> | null {
  const { headers } = message;
  if (headers === undefined) return null;
  const map = new Map<string, string>();
  for (const name of headers.keys()) map.set(name.toLowerCase(), headers.get(name));
  return map.size === 0 ? null : map;
}

/** One open pull request at most. */
interface Slot {
  readonly inbox: string;
  readonly subscription: Subscription;
  /** What the server may still send for the open request; both 0 when none is open. */
  records: number;
  bytes: number;
  /** Nothing has come for the open request. */
  untouched: boolean;
  ticks: number;
}

interface Position {
  sequence: number;
  stamp: number;
}

/** Opens a reader and makes sure that it can read; rejects as its first attempt does. */
export async function openReader(link: NatsLink, options: ReaderOptions): Promise<LogReader> {
  const reader = createReader(link, options);
  await reader.start();
  return reader;
}

function createReader(link: NatsLink, options: ReaderOptions): LogReader & { start(): Promise<void> } {
  const { stream } = options;
  const batch = options.batch ?? BATCH;
  const heartbeatMs = options.heartbeatMs ?? HEARTBEAT_MS;
  const capacity = 2 * SLOTS * batch;
  let slotBytes = Math.max(SLOT_BYTES, (link.nc.info?.max_payload ?? 0) + MESSAGE_OVERHEAD);

  // What may be taken, and what has arrived behind a hole that is not understood yet.
  let buffer: Entry[] = [];
  let head = 0;
  let bufferedBytes = 0;
  let quarantine: Entry[] | null = null;

  /** The last record put into the buffer; null before the first. */
  let accepted: Position | null = null;
  /** The last sequence that arrived from the present consumer. */
  let received = 0;
  let lastTaken = options.from - 1;
  let knownLast = 0;

  let consumer = "";
  let replyPrefix = "";
  let delivered = 0;
  let slots: Slot[] = [];

  let heard = false;
  let silentTicks = 0;
  let idleTicks = 0;
  let attaching = false;
  let attachAgain = false;
  /** Attempts to attach since the last record arrived. */
  let attempts = 0;
  let closed = false;
  let failure: Error | null = null;
  const waiting = new Set<(failure: Error | null) => void>();
  const connected = new Set<() => void>();

  // ------------------------------------------------------------------------------------------------- arrivals

  function arrive(slot: Slot, message: SizedMsg): void {
    heard = true;
    const reply = message.reply;
    if (reply === undefined || reply === "") status(slot, message);
    else record(slot, message, reply);
  }

  function record(slot: Slot, message: SizedMsg, reply: string): void {
    const place = readPlace(reply, replyPrefix);
    if (place.delivery !== delivered + 1) {
      void attach();
      return;
    }
    delivered = place.delivery;
    const size = message.size();
    slot.records -= 1;
    slot.bytes -= size;
    slot.untouched = false;
    if (slot.records <= 0 || slot.bytes <= 0) {
      slot.records = 0;
      slot.bytes = 0;
    }
    if (place.sequence + place.pending > knownLast) knownLast = place.sequence + place.pending;
    if (place.sequence < options.from) return;
    const subject = message.subject;
    const body = message.data;
    const hasHeaders = size > subject.length + reply.length + body.length;
    const entry = new Entry(place.sequence, place.stamp, subject, body, size, hasHeaders ? message : null);
    idleTicks = 0;
    attempts = 0;
    bufferedBytes += size;
    const hole = accepted !== null && entry.sequence !== received + 1;
    received = entry.sequence;
    if (quarantine !== null) quarantine.push(entry);
    else if (hole) {
      quarantine = [entry];
      void examineHole();
    } else accept(entry);
    if (slot.records === 0) refill();
  }

  function accept(entry: Entry): void {
    buffer.push(entry);
    if (accepted === null) accepted = { sequence: entry.sequence, stamp: entry.stamp };
    else {
      accepted.sequence = entry.sequence;
      accepted.stamp = entry.stamp;
    }
    if (waiting.size > 0) wake();
  }

  function status(slot: Slot, message: Msg): void {
    const code = message.headers?.code ?? 0;
    if (code === 100) {
      const last = Number(message.headers?.get("Nats-Last-Consumer") ?? "");
      if (last > delivered) void attach();
      return;
    }
    const left = message.headers?.get("Nats-Pending-Messages") ?? "";
    if ((code !== 408 && code !== 409) || left === "") {
      void attach();
      return;
    }
    // Newer servers also report a request that was served in full, when the slot's next one is open already.
    if (Number(left) !== slot.records) return;
    // A record larger than everything a fresh request allows would be refused for ever.
    if (code === 409 && slot.untouched) slotBytes *= 2;
    slot.records = 0;
    slot.bytes = 0;
    refill();
  }

  function refill(): void {
    if (attaching || closed || failure !== null) return;
    let records = buffer.length - head + (quarantine?.length ?? 0);
    let bytes = bufferedBytes;
    for (const slot of slots) {
      records += slot.records;
      bytes += slot.bytes;
    }
    let size = batch;
    for (const slot of slots) {
      if (slot.records > 0) continue;
      if (records + size > capacity || bytes + slotBytes > 2 * SLOTS * slotBytes) return;
      request(slot, size);
      records += size;
      bytes += slotBytes;
      // The server serves open requests in turn: equal ones would all run out at once, and it would have to wait.
      size = Math.max(1, size - Math.floor(batch / SLOTS));
    }
  }

  function request(slot: Slot, size: number): void {
    slot.records = size;
    slot.bytes = slotBytes;
    slot.untouched = true;
    slot.ticks = 0;
    const body = JSON.stringify({
      batch: size,
      max_bytes: slotBytes,
      expires: heartbeatMs * REQUEST_TICKS * NANOS_PER_MS,
      idle_heartbeat: heartbeatMs * NANOS_PER_MS,
    });
    try {
      link.nc.publish(`${link.apiPrefix}.CONSUMER.MSG.NEXT.${stream}.${consumer}`, body, { reply: slot.inbox });
    } catch {
      // The connection is being closed; the reader hears of it by its state.
      slot.records = 0;
      slot.bytes = 0;
    }
  }

  /** A hole is fine where records were deleted one by one, and fatal where the stream's beginning moved past it. */
  async function examineHole(): Promise<void> {
    const held = quarantine;
    try {
      while (held !== null && held === quarantine && held.length > 0 && accepted !== null) {
        const missing = accepted.sequence + 1;
        const info = await streamInfo(link, stream);
        if (held !== quarantine) return;
        if (identityOf(info) !== options.identity) throw recreated(stream);
        if (info.state.first_seq > missing) throw gone(stream, missing, info.state.first_seq - 1);
        release(held);
      }
    } catch (error) {
      if (held !== quarantine) return;
      if (error instanceof LogChanged) fail(error);
      else void attach();
    }
  }

  /** Accepts the first record behind the hole and all that follow it directly. */
  function release(held: Entry[]): void {
    let count = 0;
    let previous = 0;
    while (count < held.length) {
      const entry = held[count];
      if (entry === undefined || (count > 0 && entry.sequence !== previous + 1)) break;
      accept(entry);
      previous = entry.sequence;
      count += 1;
    }
    held.splice(0, count);
    if (held.length === 0) quarantine = null;
  }

  // ------------------------------------------------------------------------------------------------ attaching

  /** Makes a consumer behind the last accepted record, as often as it takes. One at a time. */
  async function attach(): Promise<void> {
    if (attaching) {
      attachAgain = true;
      return;
    }
    attaching = true;
    let missing = 0;
    detach();
    while (!closed && failure === null) {
      if (attempts > 0) await pause(Math.min(RETRY_LONGEST_MS, RETRY_FIRST_MS * 2 ** Math.min(attempts, 10)));
      attempts += 1;
      attachAgain = false;
      detach();
      if (link.state() !== "connected") {
        await untilConnected();
        attempts = 0;
        continue;
      }
      try {
        await attachOnce();
        if (!attachAgain) break;
      } catch (error) {
        if (error instanceof LogChanged) fail(error);
        missing = error instanceof LogMissing ? missing + 1 : 0;
        if (missing >= MISSING_ATTEMPTS) fail(new LogChanged(`the stream ${stream} does not exist any more`));
      }
    }
    attaching = false;
    if (closed || failure !== null) detach();
    else refill();
  }

  async function attachOnce(): Promise<void> {
    const made = await createConsumer(link, stream, {
      description: "Eddy reader",
      deliver_policy: "by_start_sequence",
      opt_start_seq: accepted === null ? options.from : accepted.sequence + 1,
      ack_policy: "none",
      max_deliver: 1,
      replay_policy: "instant",
      inactive_threshold: INACTIVE_MS * NANOS_PER_MS,
      mem_storage: true,
      num_replicas: 1,
    });
    consumer = made.name;
    replyPrefix = `$JS.ACK.${stream}.${consumer}.`;
    delivered = 0;
    received = accepted?.sequence ?? 0;
    // Asked after the consumer exists: an older answer could be about a stream that was replaced in between.
    const info = await streamInfo(link, stream);
    await examine(info);
    if (info.state.last_seq > knownLast) knownLast = info.state.last_seq;
    if (accepted === null) lastTaken = Math.max(options.from, info.state.first_seq) - 1;
    slots = Array.from({ length: SLOTS }, openSlot);
    heard = true;
    silentTicks = 0;
    idleTicks = 0;
  }

  function openSlot(): Slot {
    const inbox = link.newInbox();
    const subscription = link.nc.subscribe(inbox, {
      callback: (error, message) => {
        if (slots.includes(slot)) {
          if (error === null) arrive(slot, message as SizedMsg);
          else void attach();
        }
      },
    });
    const slot: Slot = { inbox, subscription, records: 0, bytes: 0, untouched: true, ticks: 0 };
    return slot;
  }

  async function examine(info: StreamInfo): Promise<void> {
    const { state } = info;
    if (identityOf(info) !== options.identity) throw recreated(stream);
    if (accepted === null) return;
    const { sequence, stamp } = accepted;
    if (state.last_seq < sequence) {
      throw new LogChanged(`the stream ${stream} ends at ${state.last_seq}, but was read up to ${sequence}: the server lost its end`);
    }
    if (state.first_seq > sequence + 1) throw gone(stream, sequence + 1, state.first_seq - 1);
    const last = await getMessage(link, stream, sequence);
    if (last !== null && milliseconds(last.time) !== stamp) {
      throw new LogChanged(`the stream ${stream} holds another record at ${sequence} than the one that was read: the server lost its end and took new records`);
    }
  }

  function detach(): void {
    const old = consumer;
    for (const slot of slots) if (!link.nc.isClosed()) slot.subscription.unsubscribe();
    slots = [];
    consumer = "";
    if (quarantine !== null) {
      for (const entry of quarantine) bufferedBytes -= entry.size;
      quarantine = null;
    }
    if (old !== "" && link.state() === "connected") {
      deleteConsumer(link, stream, old).catch(() => undefined); // The server removes it after a while in any case.
    }
  }

  function untilConnected(): Promise<void> {
    if (link.state() === "connected") return Promise.resolve();
    return new Promise((resolve) => connected.add(resolve));
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(go, ms);
      function go(): void {
        clearTimeout(timer);
        connected.delete(go);
        resolve();
      }
      connected.add(go);
    });
  }

  function letGo(): void {
    for (const resolve of [...connected]) resolve();
    connected.clear();
  }

  // ------------------------------------------------------------------------------------------------- watchdog

  function tick(): void {
    if (attaching || closed || failure !== null || link.state() !== "connected") return;
    let open = false;
    for (const slot of slots) {
      slot.ticks += 1;
      // The server should have said that the request ran out; if that was lost, the slot must not stay closed.
      if (slot.records > 0 && slot.ticks > REQUEST_TICKS + SILENT_TICKS) slot.records = slot.bytes = 0;
      if (slot.records > 0) open = true;
    }
    silentTicks = heard || !open ? 0 : silentTicks + 1;
    heard = false;
    idleTicks += 1;
    if (silentTicks >= SILENT_TICKS) void attach();
    else {
      refill();
      if (idleTicks % CHECK_TICKS === 0) void checkStuck(open);
    }
  }

  /** Heartbeats but no records, although there are some: seen with consumers that the server had forgotten to serve. */
  async function checkStuck(open: boolean): Promise<void> {
    const before = delivered;
    const of = consumer;
    try {
      const info = await streamInfo(link, stream);
      if (info.state.last_seq > knownLast) knownLast = info.state.last_seq;
      const behind = info.state.last_seq > Math.max(received, options.from - 1);
      if (open && behind && before === delivered && of === consumer && idleTicks >= 2 * CHECK_TICKS) void attach();
    } catch {
      // No answer: the connection's own checks and the heartbeats decide.
    }
  }

  // -------------------------------------------------------------------------------------------- for the owner

  function wake(): void {
    const callbacks = [...waiting];
    waiting.clear();
    for (const callback of callbacks) callback(failure);
  }

  function fail(error: Error): void {
    if (failure !== null || closed) return;
    failure = error;
    buffer = [];
    head = 0;
    bufferedBytes = 0;
    detach();
    letGo();
    wake();
  }

  const watchdog = setInterval(tick, heartbeatMs);
  watchdog.unref();
  let lost = false;
  const forget = link.watch((state) => {
    if (state === "disconnected") lost = true;
    else if (lost) {
      lost = false;
      letGo();
      void attach();
    }
  });

  return {
    start: async () => {
      attaching = true;
      try {
        await attachOnce();
      } catch (error) {
        closed = true;
        clearInterval(watchdog);
        forget();
        detach();
        throw error;
      }
      attaching = false;
      if (attachAgain) void attach();
      else refill();
    },

    ready: (timeoutMs) => {
      if (failure !== null) return Promise.reject(failure);
      if (closed) return Promise.reject(new LogClosed("the reader was closed"));
      if (buffer.length > head || timeoutMs <= 0) return Promise.resolve();
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(settle);
          resolve();
        }, timeoutMs);
        const settle = (error: Error | null): void => {
          clearTimeout(timer);
          if (error === null) resolve();
          else reject(error);
        };
        waiting.add(settle);
      });
    },

    take: (limit) => {
      const available = buffer.length - head;
      if (available === 0 || limit <= 0 || closed) return [];
      let taken: Entry[];
      if (head === 0 && available <= limit) {
        taken = buffer;
        buffer = [];
      } else {
        taken = buffer.slice(head, head + limit);
        head += taken.length;
        if (head === buffer.length || head >= capacity / 2) {
          buffer = buffer.slice(head);
          head = 0;
        }
      }
      for (const entry of taken) bufferedBytes -= entry.size;
      lastTaken = taken[taken.length - 1]?.sequence ?? lastTaken;
      refill();
      return taken;
    },

    get lag() {
      return Math.max(0, knownLast - lastTaken);
    },

    close: async () => {
      if (closed) return;
      closed = true;
      clearInterval(watchdog);
      forget();
      letGo();
      detach();
      failure ??= new LogClosed("the reader was closed");
      wake();
      buffer = [];
      head = 0;
      options.onClose?.();
    },
  };
}

// ------------------------------------------------------------------------------------------------------ failures

function recreated(stream: string): LogChanged {
  return new LogChanged(`the stream ${stream} was deleted and made again since it was first read: its records are others`);
}

function gone(stream: string, from: number, to: number): LogChanged {
  return new LogChanged(`records ${from} to ${to} of the stream ${stream} were removed (by a limit or a purge) before they were read`);
}

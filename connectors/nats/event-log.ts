/**
 * The event log on the JetStream stream EVENTS.
 *
 * Reading is in reader.ts. Appending: in order, pipelined, each record with its id as `Nats-Msg-Id`; the first refusal
 * or missing answer fails the call, and the caller appends again with the same ids (records behind the failed one may
 * be in the log already). Where the log ends and what it holds is always asked of the stream's leader.
 */
import { headers, type MsgHdrs } from "nats";

import {
  LogClosed,
  LogFull,
  LogMissing,
  RecordTooLarge,
  type Appended,
  type EventLog,
  type LogInfo,
  type LogReader,
  type LogRecord,
  type NewRecord,
} from "../../engine/ports.js";
import { getMessage, isFull, MAX_SUBJECT_LENGTH, milliseconds, nextMessage, storedHeaders, streamInfo, unavailable } from "./api.js";
import type { NatsLink } from "./connect.js";
import { headerValue } from "./header-value.js";
import { openReader } from "./reader.js";
import { EVENTS_STREAM, identityOf, readDescription } from "./streams.js";
import { NO_RESPONDERS, openWindow, type PublishWindow, type Refusal } from "./window.js";

export interface NatsEventLogOptions {
  /** How often a reader wants a sign of life from the server. */
  readonly heartbeatMs?: number;
  /** Unacknowledged records per `append`. */
  readonly window?: number;
}

const APPEND_WINDOW = 512;

/** Opens the log; the link stays its owner's. Whether the stream exists shows at the first use (LogMissing). */
export function natsEventLog(link: NatsLink, options: NatsEventLogOptions = {}): EventLog {
  const window = openWindow(link);
  const readers = new Set<LogReader>();
  let closed = false;

  async function info(): Promise<LogInfo> {
    checkOpen(closed);
    const found = await streamInfo(link, EVENTS_STREAM);
    const { config, state } = found;
    const settings = readDescription(config.description);
    if (settings === null) {
      throw new LogMissing(
        `the stream ${EVENTS_STREAM} of NATS at ${link.address} was not made by Eddy: its description does not say clock and ` +
          `partitions. Run 'eddy setup --nats ${link.address}', which adds that and leaves its records alone`,
      );
    }
    const first = state.messages === 0 ? state.last_seq + 1 : Math.max(1, state.first_seq);
    return { identity: identityOf(found), clock: settings.clock, partitions: settings.partitions, first, last: state.last_seq };
  }

  return {
    info,

    at: async (sequence) => {
      checkOpen(closed);
      if (sequence < 1) return null;
      const message = await getMessage(link, EVENTS_STREAM, sequence);
      return message === null ? null : { sequence: message.seq, stamp: milliseconds(message.time), subject: message.subject };
    },

    ofCustomer: async (token, limit) => {
      checkOpen(closed);
      const records: LogRecord[] = [];
      for (let from = 1; ;) {
        const message = await nextMessage(link, EVENTS_STREAM, from, `events.*.${token}`);
        if (message === null) return records.slice(-limit);
        records.push({
          sequence: message.seq, stamp: milliseconds(message.time), subject: message.subject, headers: storedHeaders(message.hdrs),
          body: Buffer.from(message.data ?? "", "base64"),
        });
        if (records.length > 2 * limit) records.splice(0, records.length - limit);
        from = message.seq + 1;
      }
    },

    read: async (from) => {
      const { identity } = await info();
      const heartbeatMs = options.heartbeatMs;
      const reader: LogReader = await openReader(link, {
        stream: EVENTS_STREAM,
        from: Math.max(1, from),
        identity,
        onClose: () => void readers.delete(reader),
        ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
      });
      readers.add(reader);
      return reader;
    },

    append: async (records) => {
      checkOpen(closed);
      return append(link, window, records, options.window ?? APPEND_WINDOW);
    },

    watch: (listener) => link.watch(listener),

    close: async () => {
      if (closed) return;
      closed = true;
      for (const reader of [...readers]) await reader.close();
      window.close();
    },
  };
}

function checkOpen(closed: boolean): void {
  if (closed) throw new LogClosed("the event log was closed");
}

// ---------------------------------------------------------------------------------------------------- appending

async function append(link: NatsLink, window: PublishWindow, records: readonly NewRecord[], size: number): Promise<Appended[]> {
  const limit = link.nc.info?.max_payload ?? Number.POSITIVE_INFINITY;
  for (const record of records) check(record, limit);
  const appended: Appended[] = [];
  let refusal: Refusal | null = null;
  let answers = 0;
  const ending = await window.run({
    count: records.length,
    window: size,
    answerEvery: 1,
    send: (index, reply) => {
      const record = records[index];
      if (record !== undefined) publish(link, record, reply);
    },
    receive: (index, receipt) => {
      answers += 1;
      refusal ??= receipt.refusal;
      appended[index] = { sequence: receipt.sequence, duplicate: receipt.duplicate };
      return refusal === null;
    },
  });
  if (refusal !== null) throw await refused(link, refusal);
  if (ending !== "answered" || answers < records.length) {
    throw unavailable(link, ending === "silent" ? "no acknowledgement in time" : "the connection was lost before everything was acknowledged");
  }
  return appended;
}

function publish(link: NatsLink, record: NewRecord, reply: string): void {
  if (record.id === undefined) link.nc.publish(record.subject, record.body, { reply });
  else link.nc.publish(record.subject, record.body, { reply, headers: idHeader(record.id) });
}

function idHeader(id: string): MsgHdrs {
  const result = headers();
  result.set("Nats-Msg-Id", headerValue(id));
  return result;
}

const SUBJECT = /^events(\.[^\s.*>]+)+$/;
/** The first line of a header block, the name of the one header, and the line ends. */
const ID_HEADER_BYTES = "NATS/1.0\r\nNats-Msg-Id: \r\n\r\n".length;

/** Before anything is sent: one malformed record must not cost the connection, nor leave half a batch behind. */
function check(record: NewRecord, limit: number): void {
  if (!SUBJECT.test(record.subject) || record.subject.length > MAX_SUBJECT_LENGTH) {
    throw new TypeError(`'${record.subject.slice(0, 100)}' is not the subject of an event`);
  }
  const body = typeof record.body === "string" ? Buffer.byteLength(record.body) : record.body.length;
  const id = record.id === undefined ? 0 : ID_HEADER_BYTES + Buffer.byteLength(headerValue(record.id));
  if (body + id > limit) {
    throw new RecordTooLarge(`a record of ${body + id} bytes is larger than the server takes (max_payload: ${limit})`);
  }
}

async function refused(link: NatsLink, refusal: Refusal): Promise<Error> {
  if (refusal === NO_RESPONDERS) {
    await streamInfo(link, EVENTS_STREAM);
    return unavailable(link, "the stream takes no records at the moment");
  }
  const { errorCode, description } = refusal;
  return isFull(errorCode, description)
    ? new LogFull(`the stream ${EVENTS_STREAM} of NATS at ${link.address} is full: ${description}`)
    : unavailable(link, description);
}

/**
 * The output log: partition p's outputs on the JetStream stream OUT_<p>, whose sequence is the output's number.
 *
 * Every message names its predecessor (`Nats-Expected-Last-Sequence`), so the stream takes number n directly behind
 * n - 1 and nothing else: a lost message stops all that follow it, a repeated one and a zombie's are refused. Ids are
 * not sent as `Nats-Msg-Id`, for the broker would swallow what it takes for a duplicate and so make a hole in the
 * chain; they travel as `Eddy-Id`, with the sequence of the causing record as `Eddy-Cause`.
 *
 * A chain with n accepted has all before n: that is why the highest acknowledged number is the answer even where an
 * earlier acknowledgement was lost. Behind a refused number the answer stops: another publisher has taken it. (What
 * was under way behind it may still be accepted where it happens to fit: both publish what one store committed.)
 */
import type { MsgHdrs } from "nats";

import { LogClosed, LogFull, RecordTooLarge, type Output, type OutputLog } from "../../engine/ports.js";
import { withdrawnSubject } from "../../engine/subjects.js";
import { getMessage, isFull, MAX_SUBJECT_LENGTH, streamInfo, unavailable, WRONG_LAST_SEQUENCE, type StoredMessage } from "./api.js";
import type { NatsLink } from "./connect.js";
import { headerValue, readHeaderValue } from "./header-value.js";
import { identityOf, outputStream } from "./streams.js";
import { NO_RESPONDERS, openWindow, type Ending, type Refusal } from "./window.js";

export interface NatsOutputLogOptions {
  /** Unacknowledged outputs at a time. */
  readonly window?: number;
}

const PUBLISH_WINDOW = 256;
/**
 * Acknowledgements asked for per window, beside the first one's: one speaks for all before it, and each costs server and
 * client as much as a message.
 */
const ANSWERS_PER_WINDOW = 4;
const READ_WINDOW = 128;

/** Opens the log; the link stays its owner's. */
export function natsOutputLog(link: NatsLink, options: NatsOutputLogOptions = {}): OutputLog {
  const window = openWindow(link);
  let closed = false;
  const checkOpen = (): void => {
    if (closed) throw new LogClosed("the output log was closed");
  };
  /** A stream that an earlier version has set up has no place for withdrawn outputs of their own. */
  const takesWithdrawn = new Map<number, boolean>();

  /** Where a stream does not take them under their own subject, withdrawn outputs go as what nobody carries out. */
  async function asTaken(partition: number, outputs: readonly Output[]): Promise<readonly Output[]> {
    const own = withdrawnSubject(partition);
    if (!outputs.some(({ subject }) => subject === own)) return outputs;
    if (takesWithdrawn.get(partition) === undefined) takesWithdrawn.set(partition, ((await streamInfo(link, outputStream(partition))).config.subjects ?? []).includes(own));
    return takesWithdrawn.get(partition) === true ? outputs : outputs.map((output) => (output.subject === own ? { ...output, subject: `actions.${partition}.eddy.withdrawn` } : output));
  }

  return {
    identity: async (partition) => {
      checkOpen();
      const info = await streamInfo(link, outputStream(partition));
      takesWithdrawn.set(partition, (info.config.subjects ?? []).includes(withdrawnSubject(partition)));
      return identityOf(info);
    },

    last: async (partition) => {
      checkOpen();
      return (await streamInfo(link, outputStream(partition))).state.last_seq;
    },

    publish: async (partition, outputs) => {
      checkOpen();
      const first = outputs[0];
      if (first === undefined) return (await streamInfo(link, outputStream(partition))).state.last_seq;
      check(partition, outputs, first.number);
      const taken = await asTaken(partition, outputs);
      let last = first.number - 1;
      let refused = Number.POSITIVE_INFINITY;
      let refusal: Refusal | null = null;
      const size = options.window ?? PUBLISH_WINDOW;
      const ending = await window.run({
        count: fitting(link, taken),
        window: size,
        answerEvery: Math.max(1, Math.floor(size / ANSWERS_PER_WINDOW)),
        send: (index, reply) => {
          const output = taken[index];
          if (output === undefined) return;
          // Made only now: the bytes of all that wait for their turn would outlive a collection of young garbage.
          const headers = headersOf(output);
          link.nc.publish(output.subject, Buffer.from(output.body), reply === "" ? { headers } : { reply, headers });
        },
        receive: (index, receipt) => {
          refusal ??= receipt.refusal;
          const number = first.number + index;
          const accepted = receipt.sequence === number;
          if (accepted) last = Math.max(last, number);
          else refused = Math.min(refused, number);
          return accepted;
        },
      });
      last = Math.min(last, refused - 1);
      if (last < first.number) await explain(link, outputStream(partition), ending, refusal);
      return last;
    },

    read: async (partition, from, to) => {
      checkOpen();
      const stream = outputStream(partition);
      const { state } = await streamInfo(link, stream);
      const outputs: Output[] = [];
      const end = Math.min(to, state.last_seq);
      for (let start = Math.max(from, state.first_seq, 1); start <= end; start += READ_WINDOW) {
        const numbers = Array.from({ length: Math.min(READ_WINDOW, end - start + 1) }, (_, i) => start + i);
        const messages = await Promise.all(numbers.map((number) => getMessage(link, stream, number)));
        for (const message of messages) if (message !== null) outputs.push(readOutput(message));
      }
      return outputs;
    },

    close: async () => {
      if (closed) return;
      closed = true;
      window.close();
    },
  };
}

/** How many of them the server takes, up to the first that is too large; throws when that is the first of all. */
function fitting(link: NatsLink, outputs: readonly Output[]): number {
  const limit = link.nc.info?.max_payload ?? Number.POSITIVE_INFINITY;
  for (const [index, output] of outputs.entries()) {
    if ((output.body.length + output.id.length) * BYTES_PER_UNIT + HEADER_BYTES <= limit) continue;
    const bytes = Buffer.byteLength(output.body) + headerBlock(output).length;
    if (bytes <= limit) continue;
    if (index > 0) return index;
    throw new RecordTooLarge(`output ${output.number} (${output.subject}) of ${bytes} bytes is larger than NATS at ${link.address} takes (max_payload: ${limit})`);
  }
  return outputs.length;
}

/** A UTF-16 unit takes at most 3 bytes of UTF-8, or 6 as JSON in a header. */
const BYTES_PER_UNIT = 6;
/** More than the header block has beside the id. */
const HEADER_BYTES = 256;

const decoder = new TextDecoder();
const ID = "Eddy-Id";
const CAUSE = "Eddy-Cause";
const PREDECESSOR = "Nats-Expected-Last-Sequence";

/**
 * The header block as bytes, made by hand: the library's own object checks and encodes field by field [a third of the
 * time of publishing]. The values hold no line breaks: numbers, and what `headerValue` made.
 */
function headerBlock(output: Output): Buffer {
  return Buffer.from(`NATS/1.0\r\n${PREDECESSOR}: ${output.number - 1}\r\n${ID}: ${headerValue(output.id)}\r\n${CAUSE}: ${output.cause}\r\n\r\n`);
}

/** Of a header object `publish` uses `encode` alone. */
const headersOf = (output: Output): MsgHdrs => ({ encode: () => headerBlock(output) }) as unknown as MsgHdrs;

const SUBJECT = /^(?:(?:actions|segments|dead)\.(\d+)(?:\.[^\s.*>]+)+|withdrawn\.(\d+))$/;

function check(partition: number, outputs: readonly Output[], first: number): void {
  outputs.forEach((output, index) => {
    if (output.number !== first + index || first < 1) {
      throw new RangeError(`output ${output.number} does not follow number ${first + index - 1}: numbers are consecutive, from 1`);
    }
    const [, of, withdrawnOf] = SUBJECT.exec(output.subject) ?? [];
    if ((of ?? withdrawnOf) !== String(partition) || output.subject.length > MAX_SUBJECT_LENGTH) {
      throw new TypeError(`'${output.subject.slice(0, 100)}' is not a subject of partition ${partition}'s outputs`);
    }
  });
}

/** Why nothing at all was accepted; returns where the caller has to look at the end of the stream. */
async function explain(link: NatsLink, stream: string, ending: Ending, refusal: Refusal | null): Promise<void> {
  if (refusal === NO_RESPONDERS) {
    await streamInfo(link, stream);
    throw unavailable(link, `the stream ${stream} takes no messages at the moment`);
  }
  if (refusal !== null) {
    if (isFull(refusal.errorCode, refusal.description)) throw new LogFull(`the stream ${stream} of NATS at ${link.address} is full: ${refusal.description}`);
    if (refusal.errorCode !== WRONG_LAST_SEQUENCE) throw unavailable(link, refusal.description);
    return;
  }
  if (ending !== "answered") {
    throw unavailable(link, ending === "silent" ? "no acknowledgement in time" : "the connection was lost before anything was acknowledged");
  }
}

function readOutput(message: StoredMessage): Output {
  const fields = readFields(message.hdrs);
  return {
    number: message.seq,
    subject: message.subject,
    id: readHeaderValue(fields.get(ID) ?? ""),
    cause: Number(fields.get(CAUSE) ?? 0),
    body: message.data === undefined ? "" : decoder.decode(Buffer.from(message.data, "base64")),
  };
}

function readFields(encoded: string | undefined): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  if (encoded === undefined) return fields;
  for (const line of Buffer.from(encoded, "base64").toString("utf8").split("\r\n").slice(1)) {
    const colon = line.indexOf(":");
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return fields;
}

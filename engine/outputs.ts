/** What the engine says to the world, as CloudEvents: actions, segment changes, dead letters. */
import { timeText } from "./compile/runtime.js";
import type { Action, Change } from "./evaluate.js";
import { hash128Hex } from "./hash.js";
import { InvalidToken, encodeToken } from "./subjects.js";

export interface Message {
  readonly subject: string;
  readonly id: string;
  readonly body: string;
}

const SOURCE = "eddy";
/** Bytes of a refused event that its dead letter shows. */
const SHOWN_BYTES = 4096;

const tokens = new Map<string, string>();

/** Templates and names are few: their tokens are remembered. */
function token(text: string): string {
  let known = tokens.get(text);
  if (known === undefined) {
    known = text === "" ? "%00" : tokenOrHash(text);
    tokens.set(text, known);
  }
  return known;
}

/** What no subject can hold (too long, half a surrogate pair) goes under its hash; the event's type says it in full. */
function tokenOrHash(text: string): string {
  try {
    return encodeToken(text);
  } catch (error) {
    if (error instanceof InvalidToken) return hash128Hex(text);
    throw error;
  }
}

export function actionMessage(partition: number, action: Action): Message {
  const channel = action.channel ?? "emit";
  const body = `{"specversion":"1.0","id":"${action.id}","source":"${SOURCE}","type":${JSON.stringify(`${channel}.${action.template}`)},` +
    `"subject":${JSON.stringify(action.customer)},"time":"${timeText(action.at) as string}","rule":"${action.rule}",` +
    `"cause":${JSON.stringify(action.cause)},"data":${JSON.stringify(action.payload ?? {})}}`;
  return { subject: `actions.${partition}.${token(channel)}.${token(action.template)}`, id: action.id, body };
}

export function changeMessage(partition: number, change: Change, segment: string): Message {
  const kind = change.entered ? "entered" : "left";
  const body = `{"specversion":"1.0","id":"${change.id}","source":"${SOURCE}","type":"segment.${kind}",` +
    `"subject":${JSON.stringify(change.customer)},"time":"${timeText(change.at) as string}",` +
    `"cause":${JSON.stringify(change.cause)},${change.backfilled === true ? '"backfilled":true,' : ""}"data":{"segment":"${segment}"}}`;
  return { subject: `segments.${partition}.${segment}.${kind}`, id: change.id, body };
}

export interface DeadLetter {
  readonly reason: string;
  readonly detail: string;
  readonly subject: string;
  readonly sequence: number;
  readonly body: Uint8Array;
}

/** `of`: what tells this letter from others of the same record. */
export function deadMessage(partition: number, dead: DeadLetter, now: number, of = ""): Message {
  const shown = Buffer.from(dead.body.buffer, dead.body.byteOffset, Math.min(dead.body.byteLength, SHOWN_BYTES)).toString("utf8");
  // What it holds too: in a log that was made again another record has the sequence, and must not be taken for the one that is said already.
  const id = hash128Hex(`dead\u0000${dead.sequence}\u0000${dead.reason}\u0000${of}\u0000${shown}`);
  const body = JSON.stringify({
    specversion: "1.0", id, source: SOURCE, type: `dead.${dead.reason}`, time: timeText(now),
    data: {
      reason: dead.reason, detail: dead.detail, subject: dead.subject.slice(0, SHOWN_BYTES), sequence: dead.sequence,
      size: dead.body.byteLength, body: shown,
    },
  });
  return { subject: `dead.${partition}.${dead.reason}`, id, body };
}

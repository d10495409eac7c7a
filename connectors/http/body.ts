/**
 * Reads the body of a request within bounds: its own length, and the bytes of all requests that are being worked on.
 *
 * A length that is announced is reserved as a whole before the first byte is read; a chunked body reserves as it comes.
 * What is reserved is given back by `release`, once.
 */
import type { IncomingMessage } from "node:http";

import { HttpRefusal } from "./answers.js";
import type { Limits } from "./limits.js";

/** Bytes in flight over all requests. */
export interface Pressure {
  inFlight: number;
}

export interface Body {
  readonly bytes: Buffer;
  release(): void;
}

/** Throws HttpRefusal: 413, 429, or 400 for a body that breaks off. */
export async function readBody(request: IncomingMessage, limits: Limits, pressure: Pressure): Promise<Body> {
  let reserved = 0;
  const release = (): void => {
    pressure.inFlight -= reserved;
    reserved = 0;
  };
  const reserve = (bytes: number): void => {
    if (reserved + bytes > limits.bodyBytes) throw tooLarge(limits);
    if (pressure.inFlight + bytes > limits.inFlightBytes) throw tooMuch();
    pressure.inFlight += bytes;
    reserved += bytes;
  };
  try {
    const announced = Number(request.headers["content-length"] ?? 0);
    reserve(announced);
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of request) {
      const bytes = chunk as Buffer;
      length += bytes.length;
      if (length > reserved) reserve(length - reserved);
      chunks.push(bytes);
    }
    return { bytes: chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks), release };
  } catch (error) {
    release();
    if (error instanceof HttpRefusal) throw error;
    throw new HttpRefusal(400, "the request broke off before its body was complete");
  }
}

// Whoever still sends a body that is refused would otherwise have it taken for the next request.
const CLOSE = { connection: "close" };

function tooLarge(limits: Limits): HttpRefusal {
  return new HttpRefusal(413, `the body is larger than ${limits.bodyBytes} bytes: send fewer events at a time`, { limit: limits.bodyBytes }, CLOSE);
}

function tooMuch(): HttpRefusal {
  return new HttpRefusal(429, "too much is being appended at the moment: send it again in a second", {}, { "retry-after": "1", ...CLOSE });
}

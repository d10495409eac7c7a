/**
 * JetStream's request-reply API, as far as Eddy uses it, in plain requests: what goes over the wire is what stands here,
 * whatever the client library believes about the server's version.
 *
 * Failures: ApiRefused when the server answers with an error (its own code and text), LogUnavailable when no answer
 * comes. Requests are not repeated here.
 */
import type { ConsumerInfo, StreamConfig, StreamInfo } from "nats";

import { LogMissing, LogUnavailable } from "../../engine/ports.js";
import type { NatsLink } from "./connect.js";

/** JetStream's own error codes that are told apart. */
const STREAM_NOT_FOUND = 10059;
const MESSAGE_NOT_FOUND = 10037;
export const WRONG_LAST_SEQUENCE = 10071;

/** Well below the 4,096 bytes that a command line may have, with the reply subject and the numbers. */
export const MAX_SUBJECT_LENGTH = 3_000;
/** JetStream's codes for what no repetition helps against: resources of the account or server, storage, message size. */
const LIMITS: ReadonlySet<number> = new Set([10002, 10023, 10028, 10047, 10054, 10097]);
const STORE_FAILED = 10077;

/** Whether a refused message was refused because something is full; a failing store can have other reasons too. */
export function isFull(errorCode: number, description: string): boolean {
  return LIMITS.has(errorCode) || (errorCode === STORE_FAILED && /maximum|space/.test(description));
}

/** The server said no. */
export class ApiRefused extends Error {
  override readonly name = "ApiRefused";
  constructor(readonly code: number, readonly errorCode: number, readonly description: string) {
    super(description);
  }
}

export interface StoredMessage {
  readonly subject: string;
  readonly seq: number;
  /** Base64 of the header block; missing when there are none. */
  readonly hdrs?: string;
  /** Base64; missing when empty. */
  readonly data?: string;
  /** RFC 3339 with up to nine digits behind the point. */
  readonly time: string;
}

export async function api<T>(link: NatsLink, method: string, body: object | null): Promise<T> {
  const payload = body === null ? "" : JSON.stringify(body);
  let text: string;
  const { cut, forget } = whenCut(link);
  try {
    const asked = link.nc.request(`${link.apiPrefix}.${method}`, payload, { timeout: link.requestTimeoutMs });
    text = (await Promise.race([asked, cut])).string();
  } catch (error) {
    throw unavailable(link, error);
  } finally {
    forget();
  }
  const reply = JSON.parse(text) as T & { error?: { code: number; err_code?: number; description?: string } };
  if (reply.error !== undefined) {
    throw new ApiRefused(reply.error.code, reply.error.err_code ?? 0, reply.error.description ?? "refused without a reason");
  }
  return reply;
}

/** Rejects when the connection is lost: the library would wait for the answer until its time is up. */
function whenCut(link: NatsLink): { readonly cut: Promise<never>; readonly forget: () => void } {
  let forget = (): void => undefined;
  const cut = new Promise<never>((_, reject) => {
    forget = link.watch((state) => {
      if (state === "disconnected") reject(new Error("not connected"));
    });
  });
  cut.catch(() => undefined);
  return { cut, forget };
}

export function unavailable(link: NatsLink, error: unknown): LogUnavailable {
  const code = typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
  const reason =
    code === "503"
      ? "nobody answers for JetStream (is it enabled, has the cluster a leader?)"
      : code === "TIMEOUT"
        ? "no answer in time"
        : error instanceof Error
          ? error.message
          : String(error);
  const complaint = link.complaint();
  return new LogUnavailable(`NATS at ${link.address}: ${reason}${complaint === "" ? "" : ` (the server said: ${complaint})`}`);
}

/** Like `api`, for questions about a stream that exists as far as is known: what is not there is LogMissing. */
async function ask<T>(link: NatsLink, stream: string, method: string, body: object | null): Promise<T> {
  try {
    return await api<T>(link, method, body);
  } catch (error) {
    if (!(error instanceof ApiRefused)) throw error;
    if (error.errorCode === STREAM_NOT_FOUND) throw missing(link, stream);
    throw error.code >= 500 ? unavailable(link, error) : error;
  }
}

function missing(link: NatsLink, stream: string): LogMissing {
  return new LogMissing(`NATS at ${link.address} has no stream ${stream}; run 'eddy setup --nats ${link.address}' first`);
}

export function streamInfo(link: NatsLink, stream: string): Promise<StreamInfo> {
  return ask<StreamInfo>(link, stream, `STREAM.INFO.${stream}`, null);
}

/** Null when there is no such stream. */
export async function findStream(link: NatsLink, stream: string): Promise<StreamInfo | null> {
  try {
    return await streamInfo(link, stream);
  } catch (error) {
    if (error instanceof LogMissing) return null;
    throw error;
  }
}

export function createStream(link: NatsLink, config: Partial<StreamConfig>): Promise<StreamInfo> {
  return api<StreamInfo>(link, `STREAM.CREATE.${config.name ?? ""}`, config);
}

export function updateStream(link: NatsLink, config: Partial<StreamConfig>): Promise<StreamInfo> {
  return api<StreamInfo>(link, `STREAM.UPDATE.${config.name ?? ""}`, config);
}

/** The stored message, asked of the stream's leader (a direct get could ask a replica that lags); null when gone. */
export async function getMessage(link: NatsLink, stream: string, sequence: number): Promise<StoredMessage | null> {
  try {
    const reply = await ask<{ message: StoredMessage }>(link, stream, `STREAM.MSG.GET.${stream}`, { seq: sequence });
    return reply.message;
  } catch (error) {
    if (error instanceof ApiRefused && error.errorCode === MESSAGE_NOT_FOUND) return null;
    throw error;
  }
}

/** The first message at or after a sequence whose subject fits, or null where there is none. */
export async function nextMessage(link: NatsLink, stream: string, from: number, subject: string): Promise<StoredMessage | null> {
  try {
    const reply = await ask<{ message: StoredMessage }>(link, stream, `STREAM.MSG.GET.${stream}`, { seq: from, next_by_subj: subject });
    return reply.message;
  } catch (error) {
    if (error instanceof ApiRefused && error.errorCode === MESSAGE_NOT_FOUND) return null;
    throw error;
  }
}

/** The newest message whose subject fits, or null where there is none. */
export async function lastMessage(link: NatsLink, stream: string, subject: string): Promise<StoredMessage | null> {
  try {
    const reply = await ask<{ message: StoredMessage }>(link, stream, `STREAM.MSG.GET.${stream}`, { last_by_subj: subject });
    return reply.message;
  } catch (error) {
    if (error instanceof ApiRefused && error.errorCode === MESSAGE_NOT_FOUND) return null;
    throw error;
  }
}

/** Deletes one message and overwrites it; false: it is not there any more. */
export async function deleteMessage(link: NatsLink, stream: string, sequence: number): Promise<boolean> {
  try {
    await api(link, `STREAM.MSG.DELETE.${stream}`, { seq: sequence, no_erase: false });
    return true;
  } catch (error) {
    if (!(error instanceof ApiRefused)) throw error;
    if (error.errorCode === STREAM_NOT_FOUND) throw missing(link, stream);
    // Of one that is gone the server says this or that ("stream store EOF").
    if (await getMessage(link, stream, sequence) === null) return false;
    throw error.code >= 500 ? unavailable(link, error) : error;
  }
}

/** The headers of a stored message (base64 of `NATS/1.0`, then a line each), names in lower case; null: none. */
export function storedHeaders(block: string | undefined): ReadonlyMap<string, string> | null {
  if (block === undefined) return null;
  const lines = Buffer.from(block, "base64").toString("utf8").split("\r\n").slice(1);
  const found = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon > 0) found.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return found;
}

export function createConsumer(link: NatsLink, stream: string, config: object): Promise<ConsumerInfo> {
  return ask<ConsumerInfo>(link, stream, `CONSUMER.CREATE.${stream}`, { stream_name: stream, config });
}

export async function deleteConsumer(link: NatsLink, stream: string, consumer: string): Promise<void> {
  await api(link, `CONSUMER.DELETE.${stream}.${consumer}`, null);
}

/** Milliseconds since 1970 of a timestamp with up to nine digits behind the point: cut, not rounded. */
export function milliseconds(time: string): number {
  const match = /^(.*?)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/.exec(time);
  if (match === null) return Number.NaN;
  const fraction = (match[2] ?? "").padEnd(3, "0").slice(0, 3);
  return Date.parse(`${match[1] ?? ""}.${fraction}${match[3] ?? ""}`);
}

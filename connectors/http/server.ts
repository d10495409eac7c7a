/**
 * The HTTP port: `/metrics`, `/livez`, `/readyz` for those who watch, `POST /events` for those who send.
 *
 * What is ready, what the metrics are and where events go is handed in. A request is answered 202 only once the log has
 * all its events. Bounds stand in limits.ts; a client that sends its request slowly is cut off by Node's own time-outs.
 * What web pages may not do stands in browsers.ts.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

import { LogFull, LogUnavailable, RecordTooLarge, type NewRecord } from "../../engine/ports.js";
import { answer, answerText, HttpRefusal, refuse } from "./answers.js";
import { readBody, type Pressure } from "./body.js";
import { refusePages, refuseStrangeHost } from "./browsers.js";
import { formOf, readEvents } from "./events.js";
import { DEFAULT_LIMITS, type Limits } from "./limits.js";

export interface Readiness {
  readonly ready: boolean;
  /** What is missing, each with a sentence; empty when ready. */
  readonly missing: readonly string[];
  /** More for whoever looks (lags, connections); plain data. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

export interface HttpOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
  readonly readiness: () => Readiness;
  /** Appends to the log; rejects as EventLog.append does. Null: this process takes no events. */
  readonly append: ((records: readonly NewRecord[]) => Promise<unknown>) | null;
  /** Told of what went wrong inside; the client is not. */
  readonly onError: (error: unknown) => void;
  readonly limits?: Partial<Limits>;
}

export interface HttpPort {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  /** Takes no new requests, lets those under way end for at most this long, then cuts them. */
  close(graceMs?: number): Promise<void>;
}

/** The address cannot be listened on. */
export class ListenFailed extends Error { override readonly name = "ListenFailed"; }

export async function startHttp(options: HttpOptions): Promise<HttpPort> {
  const limits: Limits = { ...DEFAULT_LIMITS, ...options.limits };
  const pressure: Pressure = { inFlight: 0 };
  const waiting = new WeakMap<Socket, number>();
  const handed = { ...options, metrics: shared(options.metrics) };
  const server = createServer(
    { maxHeaderSize: limits.headBytes, headersTimeout: limits.headersMs, requestTimeout: limits.requestMs, keepAliveTimeout: limits.keepAliveMs, connectionsCheckingInterval: Math.min(1_000, limits.headersMs) },
    (request, response) => {
      if (isAmongTooMany(request.socket, response, waiting, limits.pipelined)) request.socket.destroy();
      else {
        cutLate(request.socket, response, limits.exchangeMs);
        void handle(request, response, handed, limits, pressure);
      }
    },
  );
  server.maxConnections = limits.connections;
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
    socket.end(`HTTP/1.1 ${CLIENT_ERRORS.get(error.code ?? "") ?? "400 Bad Request"}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
  });
  const port = await listen(server, options);
  const host = options.host;
  return { host, port, url: `http://${host.includes(":") ? `[${host}]` : host}:${port}`, close: (graceMs = 2_000) => close(server, graceMs) };
}

/**
 * Node reads all requests that one piece of a connection holds before it waits for the answers to be taken: thousands of
 * short ones would each have its answer in memory.
 */
function isAmongTooMany(socket: Socket, response: ServerResponse, waiting: WeakMap<Socket, number>, most: number): boolean {
  const before = waiting.get(socket) ?? 0;
  waiting.set(socket, before + 1);
  response.once("close", () => waiting.set(socket, (waiting.get(socket) ?? 1) - 1));
  return before >= most;
}

/** Node waits for ever for a client that does not take its answer. */
function cutLate(socket: Socket, response: ServerResponse, exchangeMs: number): void {
  const timer = setTimeout(() => socket.destroy(), exchangeMs);
  response.once("close", () => clearTimeout(timer));
}

/** Who asks while an answer is being made gets that one. */
function shared<T>(make: () => Promise<T>): () => Promise<T> {
  let making: Promise<T> | null = null;
  return () => (making ??= make().finally(() => { making = null; }));
}

function listen(server: Server, { host, port }: HttpOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(new ListenFailed(`cannot listen on ${host}:${port}: ${reasonOf(error)}`)));
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
  });
}

function reasonOf(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case "EADDRINUSE":
      return "another program listens there; --http takes another address, or off";
    case "EACCES":
      return "ports below 1024 need more rights; --http takes another address";
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return "it is no address of this machine";
    default:
      return error.message;
  }
}

const CLIENT_ERRORS: ReadonlyMap<string, string> = new Map([
  ["ERR_HTTP_REQUEST_TIMEOUT", "408 Request Timeout"],
  ["HPE_HEADER_OVERFLOW", "431 Request Header Fields Too Large"],
]);

const IDLE_CHECK_MS = 20;

function close(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), graceMs);
    // A connection whose last request has just been answered stays open for the next one.
    const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS);
    server.close(() => {
      clearTimeout(cut);
      clearInterval(idle);
      resolve();
    });
  });
}

// ---------------------------------------------------------------------------------------------------- requests

interface Route {
  readonly methods: readonly string[];
  readonly run: (request: IncomingMessage, response: ServerResponse, options: HttpOptions, limits: Limits, pressure: Pressure) => Promise<void> | void;
}

const ROUTES: ReadonlyMap<string, Route> = new Map<string, Route>([
  ["/metrics", { methods: ["GET", "HEAD"], run: getMetrics }],
  ["/livez", { methods: ["GET", "HEAD"], run: (_request, response) => answer(response, 200, { status: "live" }) }],
  ["/readyz", { methods: ["GET", "HEAD"], run: getReadiness }],
  ["/events", { methods: ["POST"], run: postEvents }],
]);

async function handle(request: IncomingMessage, response: ServerResponse, options: HttpOptions, limits: Limits, pressure: Pressure): Promise<void> {
  // Without a listener an error of a cut connection would end the process.
  response.on("error", () => undefined);
  try {
    refuseStrangeHost(request.headers, options.host);
    const path = (request.url ?? "").split("?", 1)[0] ?? "";
    const route = ROUTES.get(path);
    if (route === undefined) throw new HttpRefusal(404, `there is nothing here; there are ${[...ROUTES.keys()].join(", ")}`);
    if (!route.methods.includes(request.method ?? "")) {
      throw new HttpRefusal(405, `${path} takes ${route.methods.join(" and ")}`, {}, { allow: route.methods.join(", ") });
    }
    await route.run(request, response, options, limits, pressure);
  } catch (error) {
    if (!(error instanceof HttpRefusal)) options.onError(error);
    refuse(response, error instanceof HttpRefusal ? error : new HttpRefusal(500, "something went wrong inside; the log of this process says what"));
  } finally {
    // A body that nobody reads would keep the connection busy.
    if (!request.readableEnded && !request.destroyed) request.resume();
  }
}

async function getMetrics(_request: IncomingMessage, response: ServerResponse, options: HttpOptions): Promise<void> {
  const { contentType, text } = await options.metrics();
  answerText(response, 200, contentType, text);
}

function getReadiness(_request: IncomingMessage, response: ServerResponse, options: HttpOptions): void {
  const { ready, missing, detail } = options.readiness();
  answer(response, ready ? 200 : 503, { status: ready ? "ready" : "not ready", ...(ready ? {} : { missing }), ...detail });
}

async function postEvents(request: IncomingMessage, response: ServerResponse, options: HttpOptions, limits: Limits, pressure: Pressure): Promise<void> {
  const { append } = options;
  if (append === null) throw new HttpRefusal(404, "this process takes no events");
  refusePages(request.headers);
  const form = formOf(request.headers);
  const body = await readBody(request, limits, pressure);
  let records: NewRecord[];
  try {
    records = readEvents(form, request.headers, body.bytes);
  } catch (error) {
    body.release();
    throw error;
  }
  if (records.length === 0) {
    body.release();
    throw new HttpRefusal(400, "the request holds no event");
  }
  // The bytes count until the log has answered, even when the sender was told to come again before.
  const appending = append(records).finally(body.release);
  try {
    await within(appending, limits.appendMs);
  } catch (error) {
    throw refusalOf(error);
  }
  answer(response, 202, { accepted: records.length });
}

class TooSlow extends Error { override readonly name = "TooSlow"; }

async function within(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new TooSlow(`no answer in ${ms} ms`)), ms);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    // Its failure after the time-out is nobody's any more.
    work.catch(() => undefined);
  }
}

const AGAIN = { "retry-after": "1" };

function refusalOf(error: unknown): unknown {
  if (error instanceof RecordTooLarge) return new HttpRefusal(413, `an event is larger than the log takes: ${error.message}`);
  if (error instanceof LogFull) return new HttpRefusal(429, "the log is full and takes no more events at the moment", {}, { "retry-after": "10" });
  if (error instanceof LogUnavailable || error instanceof TooSlow) {
    return new HttpRefusal(503, "the log does not answer; send the request again, events that have arrived are known by their ids", {}, AGAIN);
  }
  return error;
}

/** Answers of the HTTP port: JSON, with a sentence that says what is wrong and never with the inside of the program. */
import type { ServerResponse } from "node:http";

/** A request that is answered with an error. `detail` stands beside the sentence (position, limits). */
export class HttpRefusal extends Error {
  override readonly name = "HttpRefusal";
  constructor(
    readonly status: number,
    message: string,
    readonly detail: Readonly<Record<string, unknown>> = {},
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
}

export function answer(response: ServerResponse, status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
  send(response, status, `${JSON.stringify(body)}\n`, { "content-type": "application/json; charset=utf-8", ...headers });
}

export function answerText(response: ServerResponse, status: number, contentType: string, body: string): void {
  send(response, status, body, { "content-type": contentType });
}

export function refuse(response: ServerResponse, refusal: HttpRefusal): void {
  answer(response, refusal.status, { error: refusal.message, ...refusal.detail }, refusal.headers);
}

function send(response: ServerResponse, status: number, body: string, headers: Readonly<Record<string, string>>): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, {
    ...headers,
    "content-length": String(Buffer.byteLength(body)),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
  response.end(response.req.method === "HEAD" ? undefined : body);
}

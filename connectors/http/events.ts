/**
 * POST /events: what a request's body means as events.
 *
 * One CloudEvent (`application/cloudevents+json` or `application/json`), a batch (`application/cloudevents-batch+json`, or
 * a JSON array), one a line (`application/x-ndjson`), or binary mode: the attributes in `ce-` headers, the data as the
 * body. A request is taken as a whole or refused as a whole, before anything is appended: the answer names the first
 * event that cannot be taken and where it stands.
 */
import { isUtf8 } from "node:buffer";
import type { IncomingHttpHeaders } from "node:http";

import { envelope, isFault } from "../../engine/envelope.js";
import type { NewRecord } from "../../engine/ports.js";
import { addressed, isRefusal, recordOf, type Refusal } from "../intake.js";
import { HttpRefusal } from "./answers.js";

export const MOST_EVENTS_PER_REQUEST = 10_000;

type Form = "json" | "batch" | "lines" | "binary";

const FORMS: ReadonlyMap<string, Form> = new Map<string, Form>(Object.entries({
  "application/json": "json",
  "application/cloudevents+json": "json",
  "application/cloudevents-batch+json": "batch",
  "application/x-ndjson": "lines",
  "application/ndjson": "lines",
  "application/jsonl": "lines",
  "application/x-jsonlines": "lines",
} as const));

/** The form of a request by its headers. Throws HttpRefusal (415). */
export function formOf(headers: IncomingHttpHeaders): Form {
  const [type = "", ...parameters] = (headers["content-type"] ?? "").split(";").map((part) => part.trim().toLowerCase());
  const charset = parameters.map((each) => /^charset="?([^"]*)"?$/.exec(each)?.[1]).find((each) => each !== undefined);
  if (charset !== undefined && charset !== "utf-8" && charset !== "utf8" && charset !== "us-ascii") throw new HttpRefusal(415, `the body must be in UTF-8, not in ${charset.slice(0, 40)}`);
  if (headers["content-encoding"] !== undefined && headers["content-encoding"] !== "identity") throw new HttpRefusal(415, "the body must not be compressed");
  // In binary mode the content type is the data's.
  if (headers["ce-id"] !== undefined || headers["ce-type"] !== undefined) {
    if (type === "" || type === "application/json" || type.endsWith("+json")) return "binary";
    throw new HttpRefusal(415, "the data of an event in ce- headers must be application/json");
  }
  const form = FORMS.get(type);
  if (form !== undefined) return form;
  throw new HttpRefusal(415, `Content-Type must be one of ${[...FORMS.keys()].slice(0, 4).join(", ")}${type === "" ? "" : `, not ${type.slice(0, 60)}`}`);
}

/** The records of a request, in order. Throws HttpRefusal (400). */
export function readEvents(form: Form, headers: IncomingHttpHeaders, body: Buffer): NewRecord[] {
  if (!isUtf8(body)) throw new HttpRefusal(400, "the body is not text in UTF-8");
  switch (form) {
    case "lines":
      return readEventLines(body);
    case "binary":
      return [taken(binaryRecord(headers, body), {})];
    case "json":
    case "batch":
      return readJson(form, body);
  }
}

function readJson(form: "json" | "batch", body: Buffer): NewRecord[] {
  const value = parse(body.toString("utf8"), {});
  if (!Array.isArray(value)) {
    if (form === "batch") throw new HttpRefusal(400, "a batch must be a JSON array of events");
    return [taken(recordOf(value, body), {})];
  }
  if (value.length > MOST_EVENTS_PER_REQUEST) throw tooMany();
  return value.map((event: unknown, index) => taken(recordOf(event, written(event, index)), { index }));
}

/** One event of a batch as text of its own. */
function written(event: unknown, index: number): string {
  try {
    return JSON.stringify(event);
  } catch (error) {
    // Reading is not recursive, writing is: thousands of levels can be read but not written.
    if (error instanceof RangeError) throw new HttpRefusal(400, "the event is nested too deeply", { index });
    throw error;
  }
}

const LINE_FEED = 10;

function readEventLines(body: Buffer): NewRecord[] {
  const records: NewRecord[] = [];
  let number = 0;
  for (let from = 0; from < body.length; ) {
    const at = body.indexOf(LINE_FEED, from);
    const line = body.subarray(from, at < 0 ? body.length : at);
    from += line.length + 1;
    number++;
    const text = line.toString("utf8").trim();
    if (text === "") continue;
    if (records.length === MOST_EVENTS_PER_REQUEST) throw tooMany();
    records.push(taken(recordOf(parse(text, { line: number }), text), { line: number }));
  }
  return records;
}

function tooMany(): HttpRefusal {
  return new HttpRefusal(413, `a request may carry ${MOST_EVENTS_PER_REQUEST} events, this one has more`, { limit: MOST_EVENTS_PER_REQUEST });
}

/** The data of binary mode is put into an envelope: the log holds one form. */
function binaryRecord(headers: IncomingHttpHeaders, body: Buffer): NewRecord | Refusal {
  const attribute = (name: string): string | undefined => decoded(headers[`ce-${name}`]);
  const data = body.length === 0 ? undefined : parse(body.toString("utf8"), {});
  const event = {
    specversion: attribute("specversion") ?? "1.0",
    id: attribute("id"), source: attribute("source"), type: attribute("type"), subject: attribute("subject"), time: attribute("time"), data,
  };
  const found = envelope(event.id, event.source, event.type, event.subject, event.time, data);
  return isFault(found) ? { refused: found.detail } : addressed(found, written(event, 0));
}

/** CloudEvents percent-encodes what a header cannot hold. */
function decoded(value: string | string[] | undefined): string | undefined {
  if (value === undefined) return undefined;
  const text = Array.isArray(value) ? value.join(",") : value;
  try {
    return decodeURIComponent(text);
  } catch {
    throw new HttpRefusal(400, "a ce- header is not percent-encoded as CloudEvents asks for");
  }
}

type Position = { readonly index?: number; readonly line?: number };

function parse(text: string, position: Position): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new HttpRefusal(400, "not valid JSON", position);
  }
}

function taken(record: NewRecord | Refusal, position: Position): NewRecord {
  if (isRefusal(record)) throw new HttpRefusal(400, record.refused, position);
  return record;
}

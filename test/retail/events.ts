/**
 * The shop's orders and returns as the naive program reads them: plain records in the order of the file.
 *
 * The naive program is written for histories in which time never goes back; `parseEvents` refuses others.
 */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";

/** The real input, beside the project; see the README next to it. Tests that need it skip without it. */
export const RETAIL_EVENTS = fileURLToPath(new URL("../../../shared/data/online-retail.ndjson.gz", import.meta.url));
export const retailEventsPresent = existsSync(RETAIL_EVENTS);
export const RETAIL_RULES = fileURLToPath(new URL("rules/", import.meta.url));

export interface Item {
  readonly sku: string;
  readonly name: string;
  readonly quantity: number;
  readonly price: number;
}

export type ShopEventType = "order_placed" | "order_returned";

export interface ShopEvent {
  readonly id: string;
  readonly source: string;
  readonly type: ShopEventType;
  readonly customer: string;
  readonly timeMs: number;
  readonly order_id: string;
  readonly total: number;
  readonly currency: string;
  readonly country: string;
  readonly items: readonly Item[];
}

interface CloudEvent {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string;
  readonly time: string;
  readonly data: Pick<ShopEvent, "order_id" | "total" | "currency" | "country" | "items">;
}

/** Events of other types are passed over, a second event of a customer with the same source and id too. */
export function parseEvents(text: string): ShopEvent[] {
  const events: ShopEvent[] = [];
  const known = new Set<string>();
  let latestMs = -Infinity;
  for (const line of text.split("\n")) {
    if (line.trim() === "") continue;
    const { id, source, type, subject, time, data } = JSON.parse(line) as CloudEvent;
    if (type !== "order_placed" && type !== "order_returned") continue;
    const identity = JSON.stringify([subject, source, id]);
    if (known.has(identity)) continue;
    known.add(identity);
    const timeMs = Date.parse(time);
    if (!(timeMs >= latestMs)) throw new Error(`event ${id}: its time ${time} is not after the events before it`);
    latestMs = timeMs;
    events.push({ id, source, type, customer: subject, timeMs, ...data });
  }
  return events;
}

export function readEvents(file: string): ShopEvent[] {
  const bytes = readFileSync(file);
  return parseEvents((file.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8"));
}

/** A seeded stream of shop events over many customers, some of whom are far busier than others. */
import { encodeToken } from "../engine/subjects.js";

/** mulberry32. */
export function random(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const CATEGORIES = ["coffee", "tea", "cocoa", "mugs", "pots", "books", "lamps", "rugs", "toys", "garden"];
const DEVICES = ["phone", "phone", "phone", "desktop", "tablet"];

export interface Load {
  readonly subject: string;
  readonly body: string;
}

/** `time` is put into each event (ms); undefined: none, so that the broker's stamp counts. */
export function shopLoad(seed: number, customers: number): (time?: number) => Load {
  const next = random(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T;
  let n = 0;
  return (time) => {
    // Squaring favours the low numbers: a tenth of the customers makes a third of the events.
    const customer = `c${Math.floor(next() * next() * customers)}`;
    const kind = next();
    const [type, data] = kind < 0.55
      ? ["product_viewed", `{"sku":"sku-${Math.floor(next() * 2000)}","category":"${pick(CATEGORIES)}","price":${Math.floor(next() * 10_000) / 100}}`]
      : kind < 0.8
        ? ["session_started", `{"device":"${pick(DEVICES)}"}`]
        : kind < 0.93
          ? ["cart_updated", `{"cart_id":"cart-${n}","value":${Math.floor(next() * 100_000) / 100}}`]
          : ["order_placed", `{"order_id":"o-${n}","total":${Math.floor(next() * 50_000) / 100},"category":"${pick(CATEGORIES)}"}`];
    const at = time === undefined ? "" : `"time":"${new Date(time).toISOString()}",`;
    n++;
    return {
      subject: `events.${type}.${encodeToken(customer)}`,
      body: `{"specversion":"1.0","id":"${seed}-${n}","source":"bench","type":"${type}","subject":"${customer}",${at}"data":${data}}`,
    };
  };
}

/**
 * The engine's core with the twenty rules of bench/rules/shop.eddy against a hand-written program that does exactly the same
 * job (shop-by-hand.ts): decoded events in, messages out, everybody in memory, without packing states. Both take the same
 * events in turn, chunk by chunk, so that what the machine does besides strikes both. First a smaller run, over half a
 * year, in which every message of one is compared with those of the other.
 *
 *   node dist/bench/by-hand.js [events=400000] [customers=100000] [events before=300000]
 */
import type { Message } from "../engine/outputs.js";
import { decoded, partitionTaker, runTakers, shopRules } from "./in-memory.js";
import { shopByHand } from "./shop-by-hand.js";
import { shopLoad } from "./shop-load.js";
import { printTable } from "./table.js";

const EVENTS_PER_HOUR = 3000;

export interface ByHand {
  /** CPU microseconds an event. */
  readonly eddy: number;
  readonly byHand: number;
  /** Rates: Eddy's divided by the hand-written program's. */
  readonly ratio: number;
  readonly outputs: number;
}

/** What a message says, without its id, which each program makes in its own way; numbers up to what a sum may be rounded by. */
function said({ subject, body }: Message): string {
  const { subject: customer, time, rule, cause, data } = JSON.parse(body) as { subject: string; time: string; rule?: string; cause: string; data: Record<string, unknown> };
  const values = Object.entries(data).map(([name, value]) => [name, typeof value === "number" ? Math.round(value * 1e6) / 1e6 : value]);
  return JSON.stringify([customer, time, subject, rule ?? "", cause, values]);
}

/** How many messages of each kind both sent; throws where one sent what the other did not. */
export function sameJob(events: number, customers: number, days: number): ReadonlyMap<string, number> {
  const rules = shopRules();
  const takers = [partitionTaker(rules), shopByHand()];
  const messages: string[][] = [[], []];
  const kinds = new Map<string, number>();
  for (const works of decoded(rules, shopLoad(5, customers), events, events / (days * 24))) {
    for (const [i, taker] of takers.entries()) {
      taker.take(works);
      // Some twice, as a broker may deliver them: the second time nothing happens.
      taker.take(works.slice(-8));
      for (const message of taker.outputs()) {
        messages[i]?.push(said(message));
        if (i === 0) kinds.set(message.subject, (kinds.get(message.subject) ?? 0) + 1);
      }
    }
  }
  const [eddy, hand] = messages.map((list) => list.sort()) as [string[], string[]];
  const at = eddy.findIndex((text, i) => text !== hand[i]);
  if (at >= 0 || eddy.length !== hand.length) {
    const place = at >= 0 ? at : eddy.length;
    throw new Error(`the hand-written program does another job: Eddy says ${eddy[place] ?? "nothing more"}, it says ${hand[place] ?? "nothing more"} (${eddy.length} and ${hand.length} messages)`);
  }
  return kinds;
}

export function byHand(events: number, customers: number, before: number): ByHand {
  const kinds = sameJob(40_000, 400, 180);
  const rules = shopRules();
  const { micros, outputs } = runTakers([partitionTaker(rules), shopByHand()], decoded(rules, shopLoad(1, customers), before + events, EVENTS_PER_HOUR), before);
  const [eddy = NaN, hand = NaN] = micros;
  const figures: ByHand = { eddy, byHand: hand, ratio: hand / eddy, outputs: outputs[0] ?? 0 };
  printTable(
    `twenty rules, ${events.toLocaleString("en")} events of ${customers.toLocaleString("en")} customers in memory, ${figures.outputs.toFixed(2)} messages an event; the same ${[...kinds.values()].reduce((sum, n) => sum + n, 0).toLocaleString("en")} messages of ${kinds.size} kinds in a run before`,
    ["program", "CPU µs an event", "events a second of CPU", "ratio"],
    [["by hand", hand, 1e6 / hand, 1], ["Eddy", eddy, 1e6 / eddy, figures.ratio]],
  );
  return figures;
}

if (process.argv[1] === import.meta.filename) {
  byHand(Number(process.argv[2] ?? 400_000), Number(process.argv[3] ?? 100_000), Number(process.argv[4] ?? 300_000));
}

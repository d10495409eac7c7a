/**
 * The engine's core with the twenty rules of bench/rules/shop.eddy against a hand-written program that does exactly the same
 * job (shop-by-hand.ts): decoded events in, messages out, everybody in memory, without packing states. Each runs in a process
 * of its own, in turn. First a smaller run, slow and fast, in which every message of one is compared with those of
 * the other.
 *
 *   node dist/bench/by-hand.js [events=400000] [customers=100000] [events before=300000] [eddy|byHand: that one alone, as JSON]
 */
import { spawnSync } from "node:child_process";
import type { Message } from "../engine/outputs.js";
import { decoded, partitionTaker, runTakers, shopRules } from "./in-memory.js";
import { shopByHand } from "./shop-by-hand.js";
import { shopLoad } from "./shop-load.js";
import { median, printTable } from "./table.js";

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

const PROGRAMS = { eddy: partitionTaker, byHand: () => shopByHand() } as const;
type Name = keyof typeof PROGRAMS;

interface Alone {
  readonly micros: number;
  readonly outputs: number;
}

/** In a process of its own: a heap that another fills makes the collection of one's own garbage dearer. */
function alone(name: Name, events: number, customers: number, before: number): Alone {
  const { status, stdout } = spawnSync(process.execPath, [import.meta.filename, String(events), String(customers), String(before), name], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  if (status !== 0) throw new Error(`the bench of ${name} ended with ${status ?? "a signal"}`);
  return JSON.parse(stdout) as Alone;
}

function runAlone(name: Name, events: number, customers: number, before: number): Alone {
  const rules = shopRules();
  const { micros, outputs } = runTakers([PROGRAMS[name](rules)], decoded(rules, shopLoad(1, customers), before + events, EVENTS_PER_HOUR), before);
  return { micros: micros[0] ?? NaN, outputs: outputs[0] ?? NaN };
}

export function byHand(events: number, customers: number, before: number, rounds: number): ByHand {
  // Slowly, so that a year's window loses something, and fast, so that a week's holds much.
  const compared = [sameJob(30_000, 70, 800), sameJob(20_000, 400, 20)];
  const kinds = new Set(compared.flatMap((each) => [...each.keys()]));
  const messages = compared.reduce((sum, each) => [...each.values()].reduce((all, n) => all + n, sum), 0);
  const taken = Array.from({ length: rounds }, () => ({ eddy: alone("eddy", events, customers, before), byHand: alone("byHand", events, customers, before) }));
  const figures: ByHand = {
    eddy: median(taken.map(({ eddy }) => eddy.micros)), byHand: median(taken.map((round) => round.byHand.micros)),
    ratio: median(taken.map((round) => round.byHand.micros / round.eddy.micros)), outputs: taken[0]?.eddy.outputs ?? NaN,
  };
  printTable(
    `twenty rules, ${events.toLocaleString("en")} events of ${customers.toLocaleString("en")} customers in memory, ${figures.outputs.toFixed(2)} messages an event; the same ${messages.toLocaleString("en")} messages of ${kinds.size} kinds in a run before`,
    ["program", "CPU µs an event", "events a second of CPU", "ratio"],
    [["by hand", figures.byHand, 1e6 / figures.byHand, 1], ["Eddy", figures.eddy, 1e6 / figures.eddy, figures.ratio]],
  );
  return figures;
}

if (process.argv[1] === import.meta.filename) {
  const [events = 400_000, customers = 100_000, before = 300_000] = process.argv.slice(2, 5).map(Number);
  const name = process.argv[5];
  if (name === "eddy" || name === "byHand") console.log(JSON.stringify(runAlone(name, events, customers, before)));
  else byHand(events, customers, before, 3);
}

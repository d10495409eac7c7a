/**
 * Customers who each wait for an instant of their own, many of them for the same one; and what must be seen when all have
 * come: each once, at its instant, in order of instant and customer.
 */
import { deepStrictEqual } from "node:assert/strict";
import type { NewRecord, Wake } from "../../engine/ports.js";
import { compareWakes } from "../../engine/wakes.js";
import { eventSubject } from "../../engine/subjects.js";
import type { Place } from "../system/places.js";
import { partitionOf } from "./orders.js";

export const RULES = `
event asked { at: time }
rule remind { on asked  wait until event.at  emit "due" { at: event.at } }
`;

export interface Waiting {
  /** By customer. */
  readonly deadlines: ReadonlyMap<string, number>;
  readonly events: () => Generator<NewRecord>;
}

/** Others for each `round`. `together` of the customers wait for `from`; the others for instants spread over `spreadMs` behind it, several at some. */
export function waiting(customers: number, together: number, from: number, spreadMs: number, round = 0): Waiting {
  const deadlines = new Map<string, number>();
  // Names in no order, so that the order of names is not that of arrival.
  for (let i = 0; i < customers; i++) deadlines.set(`w${round}-${(i * 7919) % customers}`, i < together ? from : from + 1 + ((i * 104_729) % spreadMs));
  return {
    deadlines,
    *events() {
      for (const [customer, at] of deadlines) {
        yield {
          subject: eventSubject("asked", customer),
          body: JSON.stringify({ id: "1", source: "test", type: "asked", subject: customer, data: { at: new Date(at).toISOString() } }),
        };
      }
    },
  };
}

/** Throws an AssertionError where it is not so; answers with how many came. */
export async function expectEachInTime(place: Pick<Place, "outputs" | "partitions">, { deadlines }: Waiting): Promise<number> {
  let came = 0;
  for (let p = 0; p < place.partitions; p++) {
    const wanted = [...deadlines].filter(([customer]) => partitionOf(customer, place.partitions) === p).map(([customer, at]) => ({ customer, at })).sort(compareWakes);
    const heard: Wake[] = [];
    for (const { body } of await place.outputs(p)) {
      const { subject, time, cause } = JSON.parse(body) as { subject: string; time: string; cause: string };
      if (deadlines.has(subject)) heard.push({ customer: cause === "time" ? subject : `${subject} by ${cause}`, at: Date.parse(time) });
    }
    const at = heard.findIndex((each, i) => each.customer !== wanted[i]?.customer || each.at !== wanted[i]?.at);
    if (at >= 0) deepStrictEqual({ place: at, ...heard[at] }, { place: at, ...wanted[at] });
    deepStrictEqual(heard.length, wanted.length);
    came += heard.length;
  }
  return came;
}

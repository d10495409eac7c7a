/**
 * Waiting until all that is in the log is done. A partition without work does not say at once how far it has seen, so each
 * gets one more record, of a type that no rule asks for.
 */
import { eventSubject } from "../../engine/subjects.js";
import { settled, until } from "../system/progress.js";
import type { Place } from "../system/places.js";
import { partitionOf } from "./orders.js";

let rounds = 0;

/** Answers with the milliseconds that it took. */
export async function untilDone(place: Place, withinMs = 120_000): Promise<number> {
  const since = performance.now();
  const { last } = await place.ports.log.info();
  const round = ++rounds;
  const markers = new Map<number, string>();
  for (let i = 0; markers.size < place.partitions; i++) markers.set(partitionOf(`marker${i}`, place.partitions), `marker${i}`);
  await place.ports.log.append([...markers.values()].map((customer) =>
    ({ subject: eventSubject("marker", customer), body: JSON.stringify({ id: `marker-${round}`, source: "test", type: "marker", subject: customer, data: {} }) })));
  await until("everything is done", () => settled(place, last), withinMs, 50);
  return performance.now() - since;
}

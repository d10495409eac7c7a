/**
 * Puts what a partition has said into the event log, once it is committed, one record after the other: whoever hears it
 * ignores what has a lower number than what they have heard, so nothing may overtake.
 */
import { insist, type Bell } from "../environment.js";
import { LogFull, LogUnavailable, RecordTooLarge } from "../ports.js";
import type { WorkerParts } from "../worker.js";
import { wasSaid, type Utterance } from "./words.js";

/** The part of a worker that this needs. */
export interface Speaking {
  readonly parts: WorkerParts;
  /** Committed and not known to be in the log, in order. */
  readonly utterances: Utterance[];
  readonly speaking: Bell;
  /** Somebody may wait until less is to be said. */
  readonly published: Bell;
}

/** At the end what is left is said as long as the log takes it; the rest, whoever has the partition next will say. */
export async function speakLoop(s: Speaking, evaluating: () => boolean): Promise<void> {
  const { signal, environment, log, partition, endsAt } = s.parts;
  // A full log may have room again, a broker be told to take larger records; everything else goes on until then.
  const refuses = (error: unknown): boolean => error instanceof LogUnavailable || error instanceof LogFull || error instanceof RecordTooLarge;
  while (!signal.aborted) {
    const [first] = s.utterances;
    if (first === undefined) {
      if (!evaluating()) return;
      await s.speaking.wait();
      continue;
    }
    // Where a change is filled from history nothing goes through the log, and nothing can overtake.
    const some = endsAt === undefined ? [first] : [...s.utterances];
    try {
      await insist(environment, signal, "telling other partitions", (error) => refuses(error) && evaluating(), () => log.append(some.map(({ record }) => record)));
    } catch (error) {
      if (refuses(error) && !evaluating()) return;
      throw error;
    }
    s.utterances.splice(0, some.length);
    for (const one of some) wasSaid(partition.words, one);
    s.published.ring();
  }
}

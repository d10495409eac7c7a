/** With everybody in memory there is no log between partitions: what is said is taken right after the record that said it. */
import type { Work } from "../decode.js";
import { take, type Partition } from "../partition.js";

/** Takes a piece of work and all that it says. `drain` is called where the partition's commit is full. */
export function takeWhole(p: Partition, work: Work, drain: () => void): void {
  takeOne(p, work, drain);
  const { queue } = p.words;
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    takeOne(p, { k: "word", sequence: work.sequence, arrived: work.arrived, stamp: p.clock, customer: word.customer, word }, drain);
  }
}

function takeOne(p: Partition, work: Work, drain: () => void): void {
  while (take(p, work) !== "done") drain(); // it can only be full
}

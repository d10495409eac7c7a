/** What has to be looked at again: ranks in Program.order, in whose order engine/settle.ts goes through them. */
import { lowerBound } from "./customer.js";

/** Ranks waiting to be settled: sorted, each once. */
export interface Agenda {
  readonly ranks: number[];
  readonly waiting: Uint8Array;
}

export function agenda(ranks: number): Agenda {
  return { ranks: [], waiting: new Uint8Array(ranks) };
}

export function enqueue(agenda: Agenda, ranks: readonly number[]): void {
  const { waiting } = agenda;
  for (let i = 0; i < ranks.length; i++) {
    const rank = ranks[i] as number;
    if (waiting[rank] === 1) continue;
    waiting[rank] = 1;
    const list = agenda.ranks;
    if (list.length === 0 || rank > (list[list.length - 1] as number)) list.push(rank);
    else list.splice(lowerBound(list, rank), 0, rank);
  }
}

export function enqueueAll(agenda: Agenda): void {
  agenda.ranks.length = 0;
  for (let rank = 0; rank < agenda.waiting.length; rank++) {
    agenda.ranks.push(rank);
    agenda.waiting[rank] = 1;
  }
}

/** What has to be looked at again: ranks in Program.order, in whose order engine/settle.ts goes through them. */

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
    insertSorted(agenda.ranks, rank);
  }
}

/** The lists are short: a loop is faster than `splice`, which also makes a list of what it removed. */
function insertSorted(list: number[], rank: number): void {
  let i = list.length;
  list.push(rank);
  for (; i > 0 && (list[i - 1] as number) > rank; i--) list[i] = list[i - 1] as number;
  list[i] = rank;
}

export function enqueueAll(agenda: Agenda): void {
  agenda.ranks.length = 0;
  for (let rank = 0; rank < agenda.waiting.length; rank++) {
    agenda.ranks.push(rank);
    agenda.waiting[rank] = 1;
  }
}

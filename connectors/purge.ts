/**
 * Removing what logs and streams hold of one customer (`eddy erase --stream`): an adapter for each kind of place.
 *
 * Nothing is renumbered: sequences and numbers stay, and what was there is a gap, as a limit leaves one. Work comes in small
 * pieces with pauses between them, so that nobody who publishes waits for long. What the engine says to partitions (ticks, figures,
 * markers) is no customer's, though its last token may look like one's; what it says to customers who are joined is theirs.
 */
export interface Purge {
  /** Removes the customer's records before that sequence from the event log; answers how many. May be repeated. */
  events(token: string, before: number): Promise<number>;
  /** Removes outputs of a partition; answers how many were there. None of them may be the partition's newest. */
  outputs(partition: number, numbers: readonly number[]): Promise<number>;
  /**
   * Removes copies of outputs of a partition from the streams that gather all partitions, but for the newest of each partition in
   * each: from that the broker knows where to go on copying. Answers how many, and streams that could not be reached, with the reason.
   */
  copies(partition: number, isTheirs: (output: { readonly subject: string; readonly body: string }) => boolean): Promise<CopiesRemoved>;
}

export interface CopiesRemoved {
  readonly removed: number;
  /** Copies that are theirs and had to stay. */
  readonly left: number;
  readonly unreached: readonly string[];
}

/**
 * The scope as the filler works on it: it has all partitions for itself, what it evaluates has been said by the live engine or
 * is never to be said, and nobody claims anything for a change that is over.
 */
import type { Identity } from "../membership.js";
import type { Member, MetaFields, StateStore } from "../ports.js";
import type { FillStanding } from "./fill-log.js";
import type { FillWords } from "./fill-words.js";
import type { Reservation } from "./reservation.js";
import { readEnded } from "./filled.js";

/** Another process fills the change already. */
export class FillBusy extends Error { override readonly name = "FillBusy"; }
export const busy = (): FillBusy => new FillBusy("another process fills a change of rules from history already: let it go on, or end it (it is gone for sure some seconds after it was killed)");
/** The change is not under way any more: it was cancelled, or somebody else has ended it. */
export class FillOver extends Error { override readonly name = "FillOver"; }

export interface FillStoreParts {
  readonly store: StateStore;
  readonly identity: Identity | undefined;
  /** Is given up once the engine is a member. */
  readonly reserved: Reservation;
  readonly isUnderWay: () => Promise<boolean>;
  readonly words: FillWords;
  /** Is brought up to date. */
  readonly standing: FillStanding;
  /** Id of the change that is filled; null: it has no end. */
  readonly change: string | null;
  readonly partitions: number;
}

/** No output is ever committed: what every record causes counts as said. */
const SAID = { quiet: String(Number.MAX_SAFE_INTEGER) };

export function fillStore({ store, identity, reserved, isUnderWay, words, standing, change, partitions }: FillStoreParts): StateStore {
  const ended = new Set<number>();
  const note = (partition: number, fields: MetaFields): void => {
    if (change !== null && readEnded(fields)?.change === change) ended.add(partition);
    standing.hasEnded = ended.size === partitions;
  };
  async function alone(member: string, holds: readonly number[], leaseMs: number): Promise<readonly Member[]> {
    const living = await store.beat(member, holds, leaseMs);
    if (leaseMs === 0) return [];
    const others: Member[] = [];
    for (const other of living) {
      if (other.id === member || other.id === reserved.id) continue;
      if (identity?.isGone(other.id) === true) await store.beat(other.id, [], 0);
      else others.push(other);
    }
    await reserved.release();
    // Whoever slept for so long that somebody else took its place: who is at work stays, and of two at work one. Claims keep them apart in any case.
    if (others.some(({ id, holds: theirs }) => theirs.length > 0 && (holds.length === 0 || id < member))) {
      await store.beat(member, [], 0);
      throw busy();
    }
    return [{ id: member, holds }];
  }

  return {
    ...store,
    beat: alone,
    async claim(partition, token) {
      if (!await isUnderWay()) throw new FillOver("the change of rules is not under way any more: it was cancelled, or somebody else has ended it");
      const claim = await store.claim(partition, token);
      words.claimed(partition, claim.meta);
      standing.begun = Math.max(standing.begun, Number(claim.meta["offset"] ?? 0));
      ended.delete(partition);
      note(partition, claim.meta);
      return { ...claim, meta: { ...claim.meta, ...SAID } };
    },
    async commit(commit) {
      const answer = await store.commit(commit);
      if (answer === "done" || answer === "already") {
        words.committed(commit.partition, commit.meta);
        note(commit.partition, commit.meta);
      }
      return answer;
    },
  };
}

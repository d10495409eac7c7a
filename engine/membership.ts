/**
 * This process among those that work on the same store: says every now and then that it lives and what it holds, and knows
 * who else does.
 *
 * A lease runs by the store's own clock, also while the store is away: when it is back, all leases look run out, though
 * everybody lives. So whoever has not heard of the store for long takes those of before for present for a little while yet.
 * A wrong view is never dangerous, since claims fence, but partitions would go back and forth.
 */
import type { Environment } from "./environment.js";
import { StoreUnavailable, type Member, type StateStore } from "./ports.js";
import { shares } from "./sharing.js";

export interface Sharing {
  /** A member says so often that it lives. */
  readonly beatMs: number;
  /** Who has not said so for that long lives no more. */
  readonly leaseMs: number;
}
export const SHARING: Sharing = { beatMs: 1000, leaseMs: 5000 };

/** What tells processes apart that are known beside the store. */
export interface Identity {
  /** Begins the member's id. */
  readonly name: string;
  /** Whether it is sure that the process behind a member's id is gone (killed, on the same machine): its lease need not be waited for. */
  isGone(id: string): boolean;
}

export interface View {
  /** Who lives, itself among them. */
  readonly living: readonly Member[];
  /** Who was there before the store was away, and has not been heard of since. */
  readonly remembered: readonly Member[];
  /** By partition: who ought to have it. */
  readonly owners: readonly string[];
}

export interface Membership {
  readonly id: string;
  readonly sharing: Sharing;
  /** Why the store took nothing at the last beat; null: it did. */
  readonly unheard: StoreUnavailable | null;
  /** Null: the store does not answer. Rejects when it never will. */
  beat(partitions: number, holds: readonly number[]): Promise<View | null>;
  /** Lets the others know at once; says nothing when that fails. */
  leave(): Promise<void>;
}

/** So many beats everybody has to make themselves heard again. */
const BEATS_TO_RETURN = 2.5;
const LEAVE_WITHIN_MS = 500;

/** Two of the same program have ids with the same end. */
export const programOf = (id: string): string => id.slice(id.lastIndexOf(" ") + 1);

export function joinMembers(store: StateStore, environment: Environment, program: string, sharing: Sharing, identity: Identity | undefined): Membership {
  const id = `${identity?.name ?? "-"} ${environment.token()} ${program}`;
  let before: readonly Member[] = [];
  let heardAt: number | null = null;
  let hasAsked = false;
  let unheard: StoreUnavailable | null = null;
  /** Each once, and not for longer when the store stays hard to reach: some have really gone. */
  let missed: readonly { readonly member: Member; readonly until: number }[] = [];
  let owners: readonly string[] = [];
  let ownersFor = "";

  async function withoutTheGone(answered: readonly Member[]): Promise<readonly Member[]> {
    const gone = identity === undefined ? [] : answered.filter((member) => member.id !== id && identity.isGone(member.id));
    for (const member of gone) {
      environment.log("info", "a member's process is gone: its partitions are free", { member: member.id, partitions: member.holds });
      await store.beat(member.id, [], 0);
    }
    return gone.length === 0 ? answered : answered.filter((member) => !gone.includes(member));
  }

  return {
    id, sharing,
    get unheard() { return unheard; },
    async beat(partitions, holds) {
      let living: readonly Member[];
      hasAsked = true;
      try {
        living = await withoutTheGone(await store.beat(id, holds, sharing.leaseMs));
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) throw error;
        unheard = error;
        return null;
      }
      unheard = null;
      const now = environment.seconds();
      if (heardAt !== null && now - heardAt > sharing.leaseMs / 2000) {
        const until = now + (BEATS_TO_RETURN * sharing.beatMs) / 1000;
        missed = [...missed, ...before.map((member) => ({ member, until }))];
      }
      heardAt = now;
      before = living.filter((member) => member.id !== id);
      missed = missed.filter(({ member, until }) => now < until && !living.some((other) => other.id === member.id) && identity?.isGone(member.id) !== true);
      const remembered = missed.map(({ member }) => member);
      const ids = [...living, ...remembered].map((member) => member.id).sort();
      // Sorting all pairs takes a while with very many partitions, and members seldom change.
      const what = `${partitions} ${ids.join("\n")}`;
      if (ownersFor !== what) owners = shares(partitions, ids);
      ownersFor = what;
      return { living, remembered, owners };
    },
    async leave() {
      if (!hasAsked) return;
      const patience = new AbortController();
      await Promise.race([store.beat(id, [], 0).catch(() => undefined), environment.pause(LEAVE_WITHIN_MS, patience.signal)]);
      patience.abort();
    },
  };
}

/**
 * One process at a time works in a scope. Its engine is a member there, but what the scope holds of others is removed before that
 * engine starts: so whoever begins first reserves the scope, as a member that holds nothing, and gives that up when its engine is one.
 *
 * Looking comes before reserving, and leaves no trace. Of two who reserve at the same moment the store hears one first: that one
 * sees nobody, and the other one sees it and goes.
 */
import { StoreUnavailable, type Member, type StateStore } from "../ports.js";
import type { Environment } from "../environment.js";
import { SHARING, type Identity, type Sharing } from "../membership.js";
import { busy } from "./fill-store.js";

export interface ReservationParts {
  readonly scope: Pick<StateStore, "beat">;
  readonly environment: Environment;
  readonly identity?: Identity | undefined;
  readonly sharing?: Sharing | undefined;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
}

export interface Reservation {
  /** Of the member that stands for it. */
  readonly id: string;
  /** Waits for leases of those who are gone to run out; throws FillBusy where somebody lives on, and at once when `isSettled` says that waiting is of no use. May be called again. */
  take(isSettled: () => Promise<boolean>): Promise<void>;
  /** Says nothing when that fails: the lease runs out. */
  release(): Promise<void>;
  /** Keeps it no longer, without a word to the store: for whoever removes the scope now, and the reservation with it. */
  lapse(): Promise<void>;
}

const ATTEMPTS = 7;

export function reservation({ scope, environment, identity, sharing = SHARING, signal }: ReservationParts): Reservation {
  const id = `${identity?.name ?? "-"} ${environment.token()} -`;
  const { leaseMs, beatMs } = sharing;
  let kept: { readonly ending: AbortController; readonly ended: Promise<void> } | null = null;

  const isAlone = (living: readonly Member[]): boolean => living.every((member) => member.id === id || identity?.isGone(member.id) === true);

  async function isTaken(): Promise<boolean> {
    if (!isAlone(await scope.beat(id, [], 0))) return false;
    if (isAlone(await scope.beat(id, [], leaseMs))) return true;
    await scope.beat(id, [], 0);
    return false;
  }

  async function keep({ signal: ended }: AbortController): Promise<void> {
    for (;;) {
      await environment.pause(beatMs, ended);
      if (ended.aborted) return;
      await scope.beat(id, [], leaseMs).catch((error: unknown) => {
        if (!(error instanceof StoreUnavailable)) throw error;
      });
    }
  }

  async function lapse(): Promise<void> {
    const before = kept;
    kept = null;
    before?.ending.abort();
    await before?.ended.catch(() => undefined);
  }

  async function release(): Promise<void> {
    if (kept === null) return;
    await lapse();
    await scope.beat(id, [], 0).catch(() => undefined);
  }

  return {
    id,
    async take(isSettled) {
      if (kept !== null) {
        // The store may have been away for longer than the lease, and somebody else may have come meanwhile.
        if (isAlone(await scope.beat(id, [], leaseMs))) return;
        await release();
      }
      for (let attempt = 1; !await isTaken(); attempt++) {
        if (attempt === ATTEMPTS || signal.aborted || await isSettled()) throw busy();
        await environment.pause(leaseMs / (ATTEMPTS - 2), signal);
      }
      const ending = new AbortController();
      const ended = keep(ending);
      ended.catch(() => undefined); // the store refuses: whoever works on it hears so too
      kept = { ending, ended };
    },
    release, lapse,
  };
}

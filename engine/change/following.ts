/**
 * Carries a change of rules through, or follows whoever does: several engines that watch one folder all want the same change, and
 * one process reads history for it. The others wait for that one, tell how it ends, and take its place when it is gone.
 */
import { insist } from "../environment.js";
import { StoreUnavailable } from "../ports.js";
import { carryThrough, ChangeLost, lost, type ApplyEnd, type ApplyParts, type ApplyProgress } from "./apply.js";
import { CURRENT_FIELD } from "./bundle.js";
import { changeUnderWay, type Change } from "./change.js";
import { FillBusy, FillOver } from "./fill-store.js";
import { fillProgress, STALE_AFTER_MS } from "./progress.js";

export type FollowProgress = ApplyProgress | { readonly k: "following" };

export interface FollowParts extends Omit<ApplyParts, "told"> {
  readonly told: (progress: FollowProgress) => void;
}

const LOOK_EVERY_MS = 250;
/** Whoever has just begun has not said so yet. */
const TRY_AGAIN_SECONDS = 3;

const passes = (error: unknown): boolean => error instanceof StoreUnavailable;

/** Throws ChangeLost. */
export async function carryThroughOrFollow(parts: FollowParts, change: Change): Promise<ApplyEnd> {
  const { store, environment, signal, told } = parts;
  const ask = <T>(what: string, attempt: () => Promise<T>): Promise<T> => insist(environment, signal, what, passes, attempt);
  const underWay = (): Promise<Change | null> => ask("asking whether the change is under way", () => changeUnderWay(store));
  const isBeingRead = async (): Promise<boolean> => {
    const progress = await fillProgress(store);
    return progress?.change === change.id && Math.abs(environment.now() - progress.at) < STALE_AFTER_MS;
  };
  try {
    for (let now: Change | null = change; now?.id === change.id;) {
      try {
        return await carryThrough(parts, now);
      } catch (error) {
        // Whoever ended it while history was read here has perhaps carried it through.
        if (error instanceof ChangeLost && (await underWay())?.id !== change.id) break;
        if (!(error instanceof FillBusy || error instanceof FillOver)) throw error;
      }
      told({ k: "following" });
      const triedAt = environment.seconds();
      for (now = await underWay(); now?.id === change.id; now = await underWay()) {
        if (environment.seconds() - triedAt >= TRY_AGAIN_SECONDS && !await ask("asking who reads history", isBeingRead)) break;
        await environment.pause(LOOK_EVERY_MS, signal);
        if (signal.aborted) return "stopped";
      }
    }
    const [current] = await ask("asking what is in force", () => store.shared([CURRENT_FIELD]));
    if (current === change.program) return "done";
    throw lost();
  } catch (error) {
    if (signal.aborted && passes(error)) return "stopped";
    throw error;
  }
}

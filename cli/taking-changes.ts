/** What an engine needs to take other rules while it runs: programs from the store, and what is filled from history for them. */
import type { Compiled } from "../engine/compile/compiled.js";
import type { StateStore } from "../engine/ports.js";
import { filledBeside, type FilledBeside } from "./filled.js";
import type { Log } from "./logging.js";
import type { Place } from "./place.js";
import { followChanges, storedPrograms, type StoredPrograms } from "./programs.js";

export interface TakingChanges {
  readonly programs: StoredPrograms;
  readonly ports: FilledBeside["ports"];
  close(): Promise<void>;
}

export interface TakingParts {
  readonly place: Place;
  readonly store: StateStore;
  /** The program with which the engine begins. */
  readonly compiled: Compiled;
  readonly now: () => number;
  readonly log: Log;
  /** Ends it. */
  readonly signal: AbortSignal;
}

export function takingChanges({ place, store, compiled, now, log, signal }: TakingParts): TakingChanges {
  const programs = storedPrograms(store, compiled, log);
  const filled = filledBeside(place, now);
  // Ends with the signal; a store that does not answer just then is not waited for.
  void followChanges(programs, filled.release, log, signal);
  return {
    programs, ports: filled.ports,
    close: filled.release,
  };
}

/**
 * Programs as the store keeps them, compiled when they are asked for: what a running engine takes a change of rules from.
 */
import { storedBundle, currentProgram } from "../engine/change/bundle.js";
import { changeUnderWay } from "../engine/change/change.js";
import { compileBundle, storedBundles } from "../engine/change/finishing.js";
import { compile, type Compiled } from "../engine/compile/compiled.js";
import type { Programs } from "../engine/open-partition.js";
import { StoreUnavailable, type StateStore } from "../engine/ports.js";
import { pause } from "./environment.js";
import type { Log } from "./logging.js";

export interface StoredPrograms extends Programs {
  /** Of those that were asked for, and of the engine's own. */
  find(hash: string): Compiled | undefined;
}

/** The one before, the one of now, the one that comes. */
const KEPT = 4;

export function storedPrograms(store: Pick<StateStore, "shared">, own: Compiled, log: Log): StoredPrograms {
  const known = new Map<string, Promise<Compiled | null>>();
  const found = new Map([[own.program.hash, own]]);
  const read = async (hash: string): Promise<Compiled | null> => {
    const bundle = await storedBundle(store, hash);
    if (bundle === null) return null;
    const { program } = await compileBundle(bundle, storedBundles(store));
    if (program === null) {
      log.warn("a program in the store does not compile with this version of Eddy: its partitions run the rules that this process was started with", { program: hash });
      return null;
    }
    const compiled = compile(program);
    found.set(hash, compiled).set(program.hash, compiled);
    for (const old of [...found.keys()].slice(0, -2 * KEPT)) if (old !== own.program.hash) found.delete(old);
    return compiled;
  };
  return {
    find: (hash) => found.get(hash),
    compiled(hash) {
      const before = hash === own.program.hash ? Promise.resolve(own) : known.get(hash);
      if (before !== undefined) return before;
      const reading = read(hash);
      known.set(hash, reading);
      for (const old of [...known.keys()].slice(0, -KEPT)) known.delete(old);
      // What nobody had may come yet, and who did not answer may do so the next time.
      reading.then((compiled) => compiled === null && known.delete(hash), () => known.delete(hash));
      return reading;
    },
    change: () => changeUnderWay(store),
    current: () => currentProgram(store),
  };
}

const LOOK_EVERY_MS = 300;

/**
 * Compiles what a change under way leads to before any partition comes to its place, so that none waits for that; `over` is called when
 * none is under way any more.
 */
export async function followChanges(programs: Programs, over: () => Promise<void>, log: Log, signal: AbortSignal): Promise<void> {
  for (let prepared = ""; !signal.aborted; await pause(LOOK_EVERY_MS, signal)) {
    try {
      const change = await programs.change();
      if (change === null && prepared !== "") await over();
      if (change !== null && change.id !== prepared) await programs.compiled(change.program);
      prepared = change?.id ?? "";
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) log.debug("the change of rules under way cannot be prepared", { reason: (error as Error).message });
    }
  }
}

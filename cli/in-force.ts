/**
 * With what `eddy run` begins: the program that is in force, whatever lies in its folder. Rules in the folder that differ are taken
 * as `eddy apply` takes them, when no other engine is at work: nobody else decides by then.
 */
import { bundleOf, CURRENT_FIELD, programField, storedBundle, writeBundle, type Bundle } from "../engine/change/bundle.js";
import { CHANGE_FIELD, changeUnderWay } from "../engine/change/change.js";
import { compileBundle, storedBundles, withFinishing } from "../engine/change/finishing.js";
import type { SourceFile } from "../dsl/compile.js";
import type { Program } from "../dsl/program.js";
import type { StateStore } from "../engine/ports.js";
import type { Log } from "./logging.js";

export interface InForce {
  readonly program: Program;
  /** What is to be done once the engine is at work: take the rules of the folder; carry the change under way through. */
  readonly then: "apply" | "continue" | null;
}

/** `rules`: of the folder, and what they make. */
export async function inForce(store: StateStore, rules: { readonly files: readonly SourceFile[]; readonly program: Program }, isAlone: () => Promise<boolean>, log: Log): Promise<InForce> {
  const bundle = writeBundle(bundleOf(rules.files));
  const putInForce = (before: string, hash: string, text: string): Promise<boolean> =>
    store.share({ [CURRENT_FIELD]: before, [CHANGE_FIELD]: "" }, { [CURRENT_FIELD]: hash, [programField(hash)]: text });
  for (;;) {
    const [current] = await store.shared([CURRENT_FIELD]);
    const change = await changeUnderWay(store);
    if (current === null || current === undefined) {
      // Whether its markers are in the log yet or not: nothing ever ran, so all of it is the new program's.
      if (change !== null) return { program: await programOf(store, change.program) ?? rules.program, then: "continue" };
      if (await putInForce("", rules.program.hash, bundle)) return { program: rules.program, then: null };
      continue;
    }
    const stored = await storedBundle(store, current);
    const program = await programOf(store, current);
    if (stored === null || program === null) {
      if (change !== null) return { program: rules.program, then: "continue" };
      log.warn(`the rules in force ${stored === null ? "are not in the store" : "do not compile with this version of Eddy"}: those of the folder are in force from now on, and what is new in them begins now`, { before: current, program: rules.program.hash });
      if (await putInForce(current, rules.program.hash, bundle)) return { program: rules.program, then: null };
      continue;
    }
    if (program.hash !== current && change === null) {
      // Another version of Eddy has put it in force, and had another hash for it.
      if (await putInForce(current, program.hash, writeBundle(stored))) log.info("the rules in force have another hash in this version of Eddy", { before: current, program: program.hash });
      continue;
    }
    if (change !== null) return { program, then: "continue" };
    const here = await withWhatIsFinished(rules.files, { hash: current, bundle: stored }, store);
    if (here === program.hash) return { program, then: null };
    if (await isAlone()) return { program, then: "apply" };
    log.warn("the rules in the folder are not the ones in force: other engines are at work, so this one runs those in force; 'eddy apply' takes the ones in the folder", { folder: here ?? rules.program.hash, program: program.hash });
    return { program, then: null };
  }
}

/** Null: the store does not have it, or it does not compile. */
async function programOf(store: StateStore, hash: string): Promise<Program | null> {
  const bundle = await storedBundle(store, hash);
  return bundle === null ? null : (await compileBundle(bundle, storedBundles(store))).program;
}

/** The hash of the folder's rules together with rules of before whose runs are being finished. */
async function withWhatIsFinished(files: readonly SourceFile[], before: { readonly hash: string; readonly bundle: Bundle }, store: StateStore): Promise<string | null> {
  const { compiled } = await withFinishing({ files, before, finish: new Set(), stop: new Set(), standsIn: () => true, load: storedBundles(store) });
  return compiled.program?.hash ?? null;
}

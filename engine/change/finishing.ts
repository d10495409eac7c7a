/**
 * Programs as bundles say them: the rules of now, and rules of older programs that go on until their runs have ended (*finishing*).
 * Such a rule is the text of its day, checked against the declarations of now, so an edit may make it impossible.
 */
import { compileProgram, retiredRule, type Compiled, type SourceFile } from "../../dsl/compile.js";
import type { Step } from "../../dsl/program.js";
import { retiredName, type RetiredRule } from "../../dsl/retired.js";
import { allSteps } from "../../dsl/walk.js";
import { BundleUnreadable, bundleOf, sourcesOf, storedBundle, type Bundle, type Finishing } from "./bundle.js";
import type { StateStore } from "../ports.js";

export type LoadBundle = (hash: string) => Promise<Bundle | null>;

export const storedBundles = (store: Pick<StateStore, "shared">): LoadBundle => (hash) => storedBundle(store, hash);

/** A bundle as the program that it makes. Throws BundleUnreadable where it names a program that nobody has. */
export async function compileBundle(bundle: Bundle, load: LoadBundle): Promise<Compiled> {
  return compileProgram(sourcesOf(bundle), await retiredOf(bundle.finishing, load));
}

async function retiredOf(finishing: readonly Finishing[], load: LoadBundle): Promise<RetiredRule[]> {
  return Promise.all(finishing.map(async ({ rule, from }) => {
    const retired = await retiredIn(await load(from), rule, from);
    if (retired === null) throw new BundleUnreadable(`the runs of ${rule} are finished by the rules of the program ${from}, which the store does not have: put the rules in force anew with "eddy apply --stop ${rule}"`);
    return retired;
  }));
}

const retiredIn = (bundle: Bundle | null, rule: string, from: string): RetiredRule | null => (bundle === null ? null : retiredRule(sourcesOf(bundle), rule, from));

export interface FinishingParts {
  /** The rules of now. */
  readonly files: readonly SourceFile[];
  /** The program in force; null: none is, or nobody has its rules. */
  readonly before: { readonly hash: string; readonly bundle: Bundle } | null;
  /** Names of rules of it whose runs are to be finished, and of those that are being finished and are to be stopped. */
  readonly finish: ReadonlySet<string>;
  readonly stop: ReadonlySet<string>;
  /** Whether runs stand in a rule of it, by its name there. */
  readonly standsIn: (rule: string) => boolean;
  readonly load: LoadBundle;
}

export interface Finished {
  readonly bundle: Bundle;
  readonly compiled: Compiled;
  /** By the name of a rule: why its runs can only be stopped. */
  readonly hindered: ReadonlyMap<string, readonly string[]>;
}

/**
 * The program that the rules of now make together with what is to be finished: what was chosen, and what is being finished and has
 * runs left. What does not fit to the declarations of now is left out, and said; a rule of which every step is still there needs no
 * finishing.
 */
export async function withFinishing({ files, before, finish, stop, standsIn, load }: FinishingParts): Promise<Finished> {
  const wanted: { readonly name: string; readonly entry: Finishing }[] = before === null ? [] : [
    ...before.bundle.finishing.map((entry) => ({ name: retiredName(entry), entry })).filter(({ name }) => standsIn(name) && !stop.has(name)),
    ...[...finish].filter((rule) => !stop.has(rule)).map((rule) => ({ name: rule, entry: { rule, from: before.hash } })),
  ];
  const present = new Map(compileProgram(files).program?.rules.map(({ name, steps }) => [name, new Set(standing(steps))]));
  const hindered = new Map<string, readonly string[]>();
  const finishing: Finishing[] = [];
  const retired: RetiredRule[] = [];
  for (const { name, entry } of wanted) {
    const rule = retiredIn(entry.from === before?.hash ? before.bundle : await load(entry.from), entry.rule, entry.from);
    const why = rule === null ? [`there is no rule "${entry.rule}" in the program ${entry.from}`] : hindrances(files, rule);
    if (why.length > 0) hindered.set(name, why);
    else if (rule !== null && !(name === entry.rule && standing(rule.steps).every((key) => present.get(name)?.has(key) === true))) {
      finishing.push(entry);
      retired.push(rule);
    }
  }
  return { bundle: bundleOf(files, finishing), compiled: compileProgram(files, retired), hindered };
}

/** Keys of the steps at which runs may stand. */
const standing = (steps: readonly Step[]): string[] => allSteps(steps).flatMap(({ k, key }) => (STANDING.has(k) ? [key] : []));

const STANDING: ReadonlySet<Step["k"]> = new Set(["wait", "waitClock", "waitTime", "waitFor", "send"] as const);

/** What a rule of an older program misses in the declarations of now; nothing where these are wrong themselves. */
export function hindrances(files: readonly SourceFile[], rule: RetiredRule): readonly string[] {
  const own = new Set(files.map(({ file }) => file));
  const { file } = rule.declaration.span;
  return compileProgram(files, [rule]).diagnostics.filter(({ severity, span }) => severity === "error" && span.file === file && !own.has(file)).map(({ message }) => message);
}

// Syntax trees in, the checked program out. All findings of all files at once; no program where one is an error.
//
// The order of the work: names are gathered, traits and tiers checked (each when it is first needed), then segments,
// everything else that has a name, and rules; then the order of traits, segments and tiers is made, which finds cycles;
// then tests are read, of which nothing gets into the program; then everything is put together.

import type * as ast from "../ast.js";
import type { Diagnostic } from "../diagnostics/codes.js";
import type { Aggregate, Expr, Metric, Population, Program, Ranking, Rule, Tier } from "../program.js";
import { type RetiredRule, retiredName } from "../retired.js";
import type { Test, TestSuite } from "../tests.js";
import { assemble } from "./assemble.js";
import { type Declared, byCodeUnits, gather } from "./declared.js";
import { readExperiment } from "./experiments.js";
import { aggregateKey } from "./keys.js";
import { lint } from "./lints.js";
import { readMetric } from "./metrics.js";
import { inOrder } from "./order.js";
import type { Parts } from "./parts.js";
import { readChannels } from "./policies.js";
import { readPoints } from "./points.js";
import { refuseNested } from "./rankings.js";
import { readRule } from "./rules.js";
import { readSegment } from "./segments.js";
import { type CheckedTrait, type World, reportInto } from "./site.js";
import { suiteOf } from "./test-suite.js";
import { readTest } from "./tests.js";
import { resolutionOrder, traitTable } from "./traits.js";

export interface Checked {
  /** Null where there is an error. */
  readonly program: Program | null;
  /** In the order in which they were found. */
  readonly diagnostics: readonly Diagnostic[];
  readonly tests: readonly ast.TestDeclaration[];
  /** Puts the tests together with a program of their own; null where there is an error. */
  readonly suite: () => TestSuite | null;
  /** Where each aggregate is written, by its key; in tests too. */
  readonly places: ReadonlyMap<string, readonly ast.Span[]>;
}

export function check(declarations: readonly ast.Declaration[], broken: readonly ast.BrokenDeclaration[], retired: readonly RetiredRule[] = []): Checked {
  const diagnostics: Diagnostic[] = [];
  const report = reportInto(diagnostics);
  const declared = gather(declarations, broken, report);
  const table = aggregateTable(declared);
  const watches: Expr[] = [];
  const rankings: Omit<Ranking, "key">[] = [];
  const rankingNeeds = new Map<string, ReadonlySet<string>>();
  const populations: Omit<Population, "key">[] = [];
  const traits = traitTable(declared, () => world);
  const [traitNames, tierNames] = [[...declared.traitIndex.keys()], [...declared.tierIndex.keys()]];
  const used = new Set<string>();
  let metrics: readonly Metric[] = [];
  const world: World = {
    declared, report, used, ...table,
    watch: placing(watches), population: placing(populations),
    ranking: (ranking, own) => {
      const index = rankings.push(ranking) - 1;
      rankingNeeds.set(`ranking ${index}`, own);
      return index;
    },
    trait: traits.resolve,
    tier: traits.tier,
    traitAt: (index) => traits.resolve(traitNames[index] ?? ""),
    tierAt: (index) => traits.tier(tierNames[index] ?? ""),
    metric: (name) => metrics.find((metric) => metric.name === name) ?? null,
    spans: new WeakMap(),
    written: new Set(),
  };
  for (const name of resolutionOrder(declared)) {
    if (declared.tiers.has(name)) traits.tier(name);
    else traits.resolve(name);
  }
  const needs = new Map<string, ReadonlySet<string>>(traits.needs);
  const segments = sorted(declared.segments).map((written) => {
    const own = new Set<string>();
    needs.set(`segment ${written.name.text}`, own);
    return readSegment(world, written, own);
  });
  const points = sorted(declared.points).map((written) => readPoints(world, written));
  const experiments = sorted(declared.experiments).map((written) => readExperiment(world, written));
  const { channels, policies } = readChannels(world);
  metrics = sorted(declared.metrics).map((written) => readMetric(world, written)).filter((metric): metric is Metric => metric !== null);
  const rules = declared.rules.map((written) => readRule(world, written));
  const retiredRules = retired.map((each) => readRetired(world, diagnostics, each));
  const ends = reportCycles(world, new Map([...needs, ...rankingNeeds])) === 0;
  // A ranking in a circle leads to itself.
  if (ends) refuseNested(world, rankings, new Map([...needs, ...rankingNeeds]));
  reportTooDeep(world, traits.tooDeep, diagnostics);
  const isWrong = (): boolean => broken.length > 0 || diagnostics.some(({ severity }) => severity === "error");
  if (!isWrong()) lint(world, { segments, rules });
  // What only tests mention is no part of the program.
  const own = {
    used: new Set(used), aggregates: [...table.all], rankings: [...rankings], populations: [...populations], needs: new Map([...needs, ...rankingNeeds]),
  };
  const tests = declared.tests.map((written) => readTest(world, written)).filter((test): test is Test => test !== null);
  const places = placesOf(world, table.all);
  if (isWrong()) return { program: null, diagnostics, tests: declared.tests, suite: () => null, places };
  const tiers = tierNames.map((name) => traits.tier(name)).filter((tier): tier is Tier => tier !== null);
  const checkedTraits = traitNames.flatMap((name): readonly CheckedTrait[] => {
    const trait = traits.resolve(name);
    return trait === null ? [] : [trait];
  });
  const parts: Parts = {
    declared, used, retain: declared.retain, aggregates: table.all, watches, rankings, populations,
    traits: checkedTraits, segments, points, tiers, experiments, metrics, channels, policies, rules: [...rules, ...retiredRules],
    retiredSteps: new Map(retired.map((each) => [retiredName(each), each.steps])),
    needs: new Map([...needs, ...rankingNeeds]),
  };
  return { program: assemble({ ...parts, ...own }), diagnostics, tests: declared.tests, suite: () => suiteOf(parts, tests), places };
}

/** Its authors have had their warnings; it starts nothing any more. */
function readRetired(world: World, found: Diagnostic[], { rule, from, declaration }: RetiredRule): Rule {
  const before = found.length;
  const read = readRule(world, declaration);
  const errors = found.splice(before).filter(({ severity }) => severity === "error");
  found.push(...errors);
  return { ...read, name: retiredName({ rule, from }), retired: { rule, from } };
}

function placesOf({ written, spans }: World, all: readonly Aggregate[]): ReadonlyMap<string, readonly ast.Span[]> {
  const places = new Map<string, ast.Span[]>();
  for (const node of written) {
    const [key, span] = [node.k === "aggregate" ? all[node.index]?.key : undefined, spans.get(node)];
    if (key === undefined || span === undefined) continue;
    const known = places.get(key);
    if (known === undefined) places.set(key, [span]);
    else known.push(span);
  }
  return places;
}

/** Where nothing else is wrong, or nobody would know why there is no program. */
function reportTooDeep({ declared, report }: World, tooDeep: ReadonlySet<string>, found: readonly Diagnostic[]): void {
  const [first] = tooDeep;
  const at = first === undefined ? undefined : (declared.traits.get(first) ?? declared.tiers.get(first))?.name;
  if (at === undefined || found.some(({ severity }) => severity === "error")) return;
  report("E0305", at.span, `too many traits lead to "${at.text}" in a row`, { notes: ["fields of list items are called like traits; give the traits other names"] });
}

const sorted = <T>(byName: ReadonlyMap<string, T>): readonly T[] =>
  [...byName].sort(([a], [b]) => byCodeUnits(a, b)).map(([, declaration]) => declaration);

/** Puts something behind what is there and says where it stands. */
const placing = <T>(all: T[]) => (one: T): number => all.push(one) - 1;

/** Equal aggregates stand once. */
function aggregateTable({ points }: Declared): Pick<World, "aggregate" | "counts" | "isSilence"> & { readonly all: readonly Aggregate[] } {
  const all: Aggregate[] = [];
  const byKey = new Map<string, number>();
  return {
    all,
    aggregate: (found) => {
      const key = aggregateKey(found);
      const known = byKey.get(key);
      if (known !== undefined) return known;
      byKey.set(key, all.length);
      all.push({ key, ...found });
      return all.length - 1;
    },
    isSilence: (index) => all[index]?.fn === "absence",
    counts: (index) => {
      const found = all[index];
      return found !== undefined && (found.fn === "count" || found.fn === "distinct" || (found.fn === "sum" && points.has(found.event)));
    },
  };
}

/** Names of a circle in one finding. */
const MOST_SHOWN = 10;

/** A circle of traits, segments and tiers is reported where its first name is declared. How many there are. */
function reportCycles({ declared, report }: World, needs: ReadonlyMap<string, ReadonlySet<string>>): number {
  const { cycles } = inOrder(needs);
  for (const cycle of cycles) {
    // Rankings have no names: whoever reads one needs what it needs.
    const places = cycle.filter((name) => !name.startsWith("ranking ")).map((name) => ({ name: name.slice(name.indexOf(" ") + 1), at: declarationOf(declared, name) }));
    const [first, ...rest] = places;
    if (first?.at === undefined) continue;
    const path = [...rest, first].map(({ name }) => `"${name}"`);
    const shown = path.length <= MOST_SHOWN ? path : [...path.slice(0, MOST_SHOWN - 1), `… ${path.length - MOST_SHOWN} more …`, `"${first.name}"`];
    report("E0301", first.at.span, `"${first.name}" depends on itself`, { notes: [`"${first.name}" needs ${shown.join(", which needs ")}`] });
  }
  return cycles.length;
}

function declarationOf({ traits, tiers, segments }: Declared, name: string): ast.Name | undefined {
  const [kind, text = ""] = name.split(" ");
  return (kind === "trait" ? traits : kind === "tier" ? tiers : segments).get(text)?.name;
}

// Syntax trees in, the checked program out. All findings of all files at once; no program where one is an error.
//
// The order of the work: names are gathered, traits checked (each when it is first needed), then segments, channels and
// rules; then the order of traits and segments is made, which finds cycles; then tests are read, of which nothing gets
// into the program; then everything is put together.

import type * as ast from "../ast.js";
import type { Diagnostic } from "../diagnostics/codes.js";
import type { Aggregate, Program } from "../program.js";
import type { Test, TestSuite } from "../tests.js";
import { type Parts, assemble } from "./assemble.js";
import { type Declared, byCodeUnits, gather } from "./declared.js";
import { aggregateKey } from "./keys.js";
import { lintUnused } from "./lints.js";
import { ordered } from "./order.js";
import { readRule } from "./rules.js";
import { readChannel, readSegment } from "./segments.js";
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

export function check(declarations: readonly ast.Declaration[], broken: readonly ast.BrokenDeclaration[]): Checked {
  const diagnostics: Diagnostic[] = [];
  const report = reportInto(diagnostics);
  const declared = gather(declarations, broken, report);
  const table = aggregateTable();
  const traits = traitTable(declared, () => world);
  const used = new Set<string>();
  const world: World = {
    declared, report, used, ...table,
    trait: traits.resolve,
    spans: new WeakMap(),
    written: new Set(),
  };
  for (const name of resolutionOrder(declared)) traits.resolve(name);
  const needs = new Map<string, ReadonlySet<string>>([...traits.needs].map(([name, own]) => [`trait ${name}`, own]));
  const segments = sorted(declared.segments).map((written) => {
    const own = new Set<string>();
    needs.set(`segment ${written.name.text}`, own);
    return readSegment(world, written, own);
  });
  const channels = sorted(declared.channels).map((written) => readChannel(world, written));
  const rules = declared.rules.map((written) => readRule(world, written));
  const order = orderOf(world, needs);
  reportTooDeep(world, traits.tooDeep, diagnostics);
  const isWrong = (): boolean => broken.length > 0 || diagnostics.some(({ severity }) => severity === "error");
  if (!isWrong()) lintUnused(world);
  // What only tests mention is no part of the program.
  const own = { used: new Set(used), aggregates: [...table.all] };
  const tests = declared.tests.map((written) => readTest(world, written)).filter((test): test is Test => test !== null);
  const places = placesOf(world, table.all);
  if (isWrong()) return { program: null, diagnostics, tests: declared.tests, suite: () => null, places };
  const checkedTraits = [...declared.traitIndex.keys()].flatMap((name): readonly CheckedTrait[] => {
    const trait = traits.resolve(name);
    return trait === null ? [] : [trait];
  });
  const parts: Parts = { declared, used, aggregates: table.all, traits: checkedTraits, segments, channels, rules, order };
  return { program: assemble({ ...parts, ...own }), diagnostics, tests: declared.tests, suite: () => suiteOf(parts, tests), places };
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
  const at = first === undefined ? undefined : declared.traits.get(first)?.name;
  if (at === undefined || found.some(({ severity }) => severity === "error")) return;
  report("E0305", at.span, `too many traits lead to "${at.text}" in a row`, { notes: ["fields of list items are called like traits; give the traits other names"] });
}

const sorted = <T>(byName: ReadonlyMap<string, T>): readonly T[] =>
  [...byName].sort(([a], [b]) => byCodeUnits(a, b)).map(([, declaration]) => declaration);

/** Equal aggregates stand once. */
function aggregateTable(): Pick<World, "aggregate" | "counts"> & { readonly all: readonly Aggregate[] } {
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
    counts: (index) => all[index]?.fn === "count" || all[index]?.fn === "distinct",
  };
}

/** Names of a circle in one finding. */
const MOST_SHOWN = 10;

/** The order of traits and segments; a circle of them is reported where its first name is declared. */
function orderOf({ declared, report }: World, needs: ReadonlyMap<string, ReadonlySet<string>>): readonly string[] {
  const names = [...needs.keys()].sort(byCodeUnits);
  const { order, cycles } = ordered(names, (name) => [...(needs.get(name) ?? [])].sort(byCodeUnits));
  for (const cycle of cycles) {
    const places = cycle.map((name) => ({ name: name.slice(name.indexOf(" ") + 1), at: declarationOf(declared, name) }));
    const [first, ...rest] = places;
    if (first?.at === undefined) continue;
    const path = [...rest, first].map(({ name }) => `"${name}"`);
    const shown = path.length <= MOST_SHOWN ? path : [...path.slice(0, MOST_SHOWN - 1), `… ${path.length - MOST_SHOWN} more …`, `"${first.name}"`];
    report("E0301", first.at.span, `"${first.name}" depends on itself`, { notes: [`"${first.name}" needs ${shown.join(", which needs ")}`] });
  }
  return order;
}

function declarationOf({ traits, segments }: Declared, name: string): ast.Name | undefined {
  const [kind, text = ""] = name.split(" ");
  return kind === "trait" ? traits.get(text)?.name : segments.get(text)?.name;
}

/**
 * The rules that a running place has in force, and what its store holds under them: for whoever compares other rules with them.
 */
import { bundleOf, currentProgram, storedBundle, type Bundle } from "../engine/change/bundle.js";
import { countCustomer, newCensus, readingOf, type Census } from "../engine/change/census.js";
import { compileBundle, storedBundles } from "../engine/change/finishing.js";
import { sideOf, sideOfLayout, type Side } from "../engine/change/side.js";
import { compile, type Compiled } from "../engine/compile/compiled.js";
import { readMeta, type Meta } from "../engine/meta.js";
import type { StateStore } from "../engine/ports.js";
import { compileProgram, type SourceFile } from "../dsl/compile.js";

/** What ran before. */
export interface Before {
  /** Null: nothing ever ran. */
  readonly hash: string | null;
  readonly side: Side | null;
  /** Null: nobody has its rules. */
  readonly bundle: Bundle | null;
}

export const NOTHING_BEFORE: Before = { hash: null, side: null, bundle: null };

/** From rules in a folder. Null: they make no program. */
export function beforeOf(files: readonly SourceFile[]): Before | null {
  const { program } = compileProgram(files);
  return program === null ? null : { hash: program.hash, side: sideOf(compile(program)), bundle: bundleOf(files) };
}

/** What the store says is in force; where it has no rules, what the partitions' states say. */
export async function beforeIn(store: StateStore, metas: readonly Meta[]): Promise<Before> {
  const ran = metas.filter(({ program }) => program !== "");
  const hash = (await currentProgram(store)) ?? ran[0]?.program ?? null;
  if (hash === null) return NOTHING_BEFORE;
  const bundle = await storedBundle(store, hash);
  const program = bundle === null ? null : (await compileBundle(bundle, storedBundles(store))).program;
  if (program !== null) return { hash, side: sideOf(compile(program)), bundle };
  const layout = newestLayout(ran.find((meta) => meta.program === hash) ?? ran[0]);
  return { hash, side: layout === null ? null : sideOfLayout(layout), bundle: null };
}

function newestLayout(meta: Meta | undefined): Meta["layouts"] extends ReadonlyMap<number, infer L> ? L | null : never {
  if (meta === undefined) return null;
  return meta.layouts.get(meta.present) ?? meta.layouts.get(Math.max(0, ...meta.layouts.keys())) ?? null;
}

export async function metasOf(store: Pick<StateStore, "meta">, partitions: number): Promise<Meta[]> {
  return Promise.all(Array.from({ length: partitions }, async (_, index) => readMeta((await store.meta(index)).meta)));
}

/** Everybody, page by page. `counted` is told now and then. */
export async function takeCensus(store: Pick<StateStore, "scan">, metas: readonly Meta[], compiled: Compiled, counted: (customers: number) => void): Promise<Census> {
  const census = newCensus();
  for (const [partition, { layouts }] of metas.entries()) {
    const readings = new Map([...layouts].map(([number, layout]) => [number, readingOf(layout)]));
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<StateStore["scan"]>> = await store.scan(partition, cursor);
      for (const [id, bytes] of page.states) countCustomer(census, id, bytes, readings, compiled);
      cursor = page.cursor;
      counted(census.customers);
    } while (cursor !== null);
  }
  return census;
}

/** Members by segment, over all partitions. */
export async function membersIn(store: Pick<StateStore, "segmentSizes">, partitions: number, segments: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const sums = segments.map(() => 0);
  for (let partition = 0; partition < partitions && segments.length > 0; partition++) {
    (await store.segmentSizes(partition, segments)).forEach((size, i) => { sums[i] = (sums[i] ?? 0) + size; });
  }
  return new Map(segments.map((name, i) => [name, sums[i] ?? 0]));
}

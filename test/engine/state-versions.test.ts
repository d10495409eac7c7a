/**
 * Customers as older versions of the format wrote them: the bytes of stores that were in use then. They must be read for
 * ever, and their rules must go on to do what they would have done.
 *
 * A golden was made by the code of its time and is never made anew: what stands in it is the customer who was written, the
 * traits at an instant and the actions up to another one. Version 1 is from before extras, keys of runs and held messages;
 * version 2 from before a customer's parts could be read one by one, version 3 from before customers were joined.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { compile } from "../../engine/compile/compiled.js";
import { SILENT, evaluator, processWake, read, type Action } from "../../engine/evaluate.js";
import { layoutOf, readCustomer, translation, unpackCustomer, writeCustomer, type Layout } from "../../engine/state.js";
import { writer } from "../../engine/codec.js";

interface Golden {
  readonly rules: readonly string[];
  readonly layout: Layout;
  readonly bytes: readonly string[];
  readonly customer: { readonly [name: string]: unknown };
  readonly traits: unknown;
  readonly actions: readonly unknown[];
}

const goldenOf = (version: number): Golden => JSON.parse(readFileSync(join(import.meta.dirname, `../goldens/state/version-${version}.json`), "utf8")) as Golden;

const WRITTEN: Readonly<Record<number, string>> = { 1: "2026-02-06T12:00:00Z", 2: "2026-02-04T12:00:00Z", 3: "2026-02-04T12:00:00Z" };
const END: Readonly<Record<number, string>> = { 1: "2026-04-15T00:00:00Z", 2: "2026-06-15T00:00:00Z", 3: "2026-06-15T00:00:00Z" };

function compiledOf(text: string): ReturnType<typeof compile> {
  const { program, diagnostics } = compileProgram([{ file: "version.eddy", text }]);
  if (program === null) throw new Error(diagnostics.map(({ code, message }) => `${code} ${message}`).join("\n"));
  return compile(program);
}

const ADDED = `
event added { n: number }
trait all_added = sum(added.n)
segment adding when all_added > 3
rule another { on added wait 1 day emit "more" }
`;

/** Nobody was joined before version 4. */
const withJoined = (extras: object | null = null): unknown => (extras === null ? null : { ...extras, joined: [] });

const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value, (_, each: unknown) => (each === Infinity ? "never" : each === -Infinity ? "unknown" : each)));

test.each([
  [1, "under the same rules", ""],
  [1, "under rules to which something was added", ADDED],
  [2, "under the same rules", ""],
  [2, "under rules to which something was added", ADDED],
  [3, "under the same rules", ""],
  [3, "under rules to which something was added", ADDED],
])("a state of version %i is understood %s", (version, _, added) => {
  const golden = goldenOf(version);
  const compiled = compiledOf(golden.rules.join("\n") + added);
  const stored = Buffer.from(golden.bytes.join(""), "hex");
  expect(stored[0]).toBe(version);
  const translations = new Map([[3, translation(golden.layout, compiled)]]);
  const customer = readCustomer("c7", stored, translations, compiled);
  const { firstSeen, wake, indexed, profile, zone, seen, seenNext, extras } = customer;
  const nameOf = (rule: number): string => compiled.rules[rule]?.name ?? "";
  expect(asJson({
    firstSeen, wake, indexed, profile, zone: zone.name, seen, seenNext, extras,
    segments: customer.segments.map((segment) => compiled.segments[segment]?.name),
    holdings: customer.holdings.map(({ index, since }) => ({ segment: compiled.segments[index >> 1]?.name, side: index & 1, since })),
    runs: customer.runs.map(({ slots: _slots, ...run }) => ({ ...run, rule: nameOf(run.rule) })),
    starts: customer.starts.map(({ rule, times }) => ({ rule: nameOf(rule), times })),
  })).toEqual({
    ...golden.customer, extras: withJoined(golden.customer["extras"] as object | undefined),
    holdings: (golden.customer["holdings"] as { index: number; since: number }[]).map(({ index, since }) => ({ segment: golden.layout.segments[index >> 1], side: index & 1, since })),
    runs: (golden.customer["runs"] as object[]).map((run) => ({ key: null, captured: null, held: null, slotIds: [], ...run })),
  });
  // Written again, as it is from now on, it reads the same.
  const w = writer(64);
  writeCustomer(w, customer, 4, compiled);
  const own = new Map([[4, translation(layoutOf(compiled), compiled)]]);
  expect(readCustomer("c7", w.bytes.subarray(0, w.at), own, compiled)).toEqual(customer);

  const actions: unknown[] = [];
  const e = evaluator(compiled, {
    ...SILENT,
    action: ({ at, rule, cause, channel, template, payload, id }: Action) => { actions.push({ at, rule, cause, channel, template, payload: payload ?? null, id }); },
  });
  const again = unpackCustomer("c7", w.bytes, 0, w.at, own, compiled);
  const shown = compiled.traits.filter(({ name }) => name !== "all_added").map((trait) => [trait.name, read(e, again, Date.parse(WRITTEN[version] as string), trait.shown) ?? null]);
  expect(Object.fromEntries(shown)).toEqual(golden.traits);
  while (again.wake <= Date.parse(END[version] as string)) processWake(e, again, again.wake);
  expect(asJson(actions)).toEqual(golden.actions);
});

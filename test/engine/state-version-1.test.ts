/**
 * A customer as format version 1 wrote them, in the form before extras, keys of runs and held messages: the bytes of a
 * store that was in use then. They must be read for ever, and their rules must go on to do what they would have done.
 *
 * The golden was made by the code of that time and is never made anew: what stands in it is the customer who was written,
 * the traits at noon of 6 February 2026 and the actions up to 15 April.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { compile } from "../../engine/compile/compiled.js";
import { SILENT, evaluator, processWake, read, type Action } from "../../engine/evaluate.js";
import { layoutOf, readCustomer, translation, writeCustomer, type Layout } from "../../engine/state.js";
import { writer } from "../../engine/codec.js";

interface Golden {
  readonly rules: readonly string[];
  readonly layout: Layout;
  readonly bytes: readonly string[];
  readonly customer: { readonly [name: string]: unknown };
  readonly traits: unknown;
  readonly actions: readonly unknown[];
}

const golden = JSON.parse(readFileSync(join(import.meta.dirname, "../goldens/state/version-1.json"), "utf8")) as Golden;
const WRITTEN = Date.parse("2026-02-06T12:00:00Z");
const END = Date.parse("2026-04-15T00:00:00Z");

function compiledOf(text: string): ReturnType<typeof compile> {
  const { program, diagnostics } = compileProgram([{ file: "version-1.eddy", text }]);
  if (program === null) throw new Error(diagnostics.map(({ code, message }) => `${code} ${message}`).join("\n"));
  return compile(program);
}

const text = golden.rules.join("\n");
const ADDED = `
event added { n: number }
trait all_added = sum(added.n)
segment adding when all_added > 3
rule another { on added wait 1 day emit "more" }
`;

test.each([
  ["under the same rules", compiledOf(text)],
  ["under rules to which something was added", compiledOf(text + ADDED)],
])("a state of version 1 is understood %s", (_, compiled) => {
  const stored = Buffer.from(golden.bytes.join(""), "hex");
  expect(stored[0]).toBe(1);
  const translations = new Map([[3, translation(golden.layout, compiled)]]);
  const customer = readCustomer("c7", stored, translations, compiled);
  const { firstSeen, wake, indexed, profile, zone, seen, seenNext } = customer;
  const nameOf = (rule: number): string => compiled.rules[rule]?.name ?? "";
  expect({
    firstSeen, wake, indexed, profile, zone: zone.name, seen, seenNext, extras: customer.extras,
    segments: customer.segments.map((segment) => compiled.segments[segment]?.name),
    holdings: customer.holdings.map(({ index, since }) => ({ segment: compiled.segments[index >> 1]?.name, side: index & 1, since })),
    runs: customer.runs.map((run) => ({ ...run, rule: nameOf(run.rule) })),
    starts: customer.starts.map(({ rule, times }) => ({ rule: nameOf(rule), times })),
  }).toEqual({
    ...golden.customer, extras: null,
    holdings: (golden.customer["holdings"] as { index: number; since: number }[]).map(({ index, since }) => ({ segment: golden.layout.segments[index >> 1], side: index & 1, since })),
    runs: (golden.customer["runs"] as object[]).map((run) => ({ ...run, key: null, captured: null, held: null, slotIds: [], slots: [] })),
  });
  // Written again, as it is from now on, it reads the same.
  const w = writer(64);
  writeCustomer(w, customer, 4, compiled);
  const again = readCustomer("c7", w.bytes.subarray(0, w.at), new Map([[4, translation(layoutOf(compiled), compiled)]]), compiled);
  expect(again).toEqual(customer);

  const actions: unknown[] = [];
  const e = evaluator(compiled, {
    ...SILENT,
    action: ({ at, rule, cause, channel, template, payload, id }: Action) => { actions.push({ at, rule, cause, channel, template, payload: payload ?? null, id }); },
  });
  const shown = compiled.traits.filter(({ name }) => name !== "all_added").map((trait) => [trait.name, read(e, again, WRITTEN, trait.shown) ?? null]);
  expect(Object.fromEntries(shown)).toEqual(golden.traits);
  while (again.wake <= END) processWake(e, again, again.wake);
  expect(actions).toEqual(golden.actions);
});

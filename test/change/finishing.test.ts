/** Runs that are under way when their rule changes: those whose step is gone end under the old steps where somebody asked for that. */
import { expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { retiredName } from "../../dsl/retired.js";
import { writer } from "../../engine/codec.js";
import { compile, type Compiled } from "../../engine/compile/compiled.js";
import { bundleOf, type Bundle } from "../../engine/change/bundle.js";
import { compileBundle, withFinishing } from "../../engine/change/finishing.js";
import type { Customer } from "../../engine/customer.js";
import { layoutOf, readCustomer, translation, writeCustomer } from "../../engine/state.js";
import { countCustomer, newCensus, readingOf } from "../../engine/change/census.js";
import { readMeta } from "../../engine/meta.js";
import { eventSubject } from "../../engine/subjects.js";
import { appendTo, newWorld } from "../engine/simulated-ports.js";
import { story, type Told } from "../engine/story.js";
import { change, editing, engines, firstOf, nextOf } from "./editing.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOON = Date.UTC(2026, 2, 2, 12);

const DECLARED = `
event cart { total: number }
event ordered { total: number }
trait spent = sum(ordered.total)
`;
const rules = (text: string, declared = DECLARED): { readonly file: string; readonly text: string }[] => [{ file: "rules.eddy", text: declared + text }];

const OLD = rules(`
rule recovery {
  on cart
  until ordered
  wait 2 hours
  emit "first" { total: event.total, spent: spent }
  wait 1 day
  emit "last"
}`);
const NEW = rules(`
rule recovery {
  on cart
  until ordered
  wait 3 hours
  emit "other"
  wait 1 day
  emit "last of others"
}`);

function programOf(files: readonly { readonly file: string; readonly text: string }[]): { readonly bundle: Bundle; readonly compiled: Compiled } {
  const { program } = compileProgram(files);
  if (program === null) throw new Error("the rules do not compile");
  return { bundle: bundleOf(files), compiled: compile(program) };
}

async function after(before: { readonly bundle: Bundle; readonly compiled: Compiled }, files: readonly { readonly file: string; readonly text: string }[], finish: readonly string[], known: Map<string, Bundle>, standing = true) {
  const { hash } = before.compiled.program;
  known.set(hash, before.bundle);
  const load = (of: string): Promise<Bundle | null> => Promise.resolve(known.get(of) ?? null);
  const { bundle, compiled, hindered } = await withFinishing({ files, before: { hash, bundle: before.bundle }, finish: new Set(finish), stop: new Set(), standsIn: () => standing, load });
  if (compiled.program === null) throw new Error("the rules do not compile");
  // What is read back from the store is the same program.
  expect((await compileBundle(bundle, load)).program?.hash).toBe(compiled.program.hash);
  return { bundle, compiled: compile(compiled.program), hindered };
}

/** To the store under the one program, and back under the other. */
function under(from: Compiled, customer: Customer, to: Compiled): ReturnType<typeof story> {
  const w = writer(64);
  writeCustomer(w, customer, 1, from);
  return story(to, readCustomer(customer.id, w.bytes.subarray(0, w.at), new Map([[1, translation(layoutOf(from), to)]]), to));
}

const actions = (told: readonly Told[]): unknown[] => told.flatMap((one) => (one.k === "action" ? [[one.what, (one.at - NOON) / HOUR]] : []));

test("a run ends under the old steps, and new ones begin under the new", async () => {
  const known = new Map<string, Bundle>();
  const old = programOf(OLD);
  const s = story(old.compiled);
  s.event("cart", { total: 5 }, NOON);
  const next = await after(old, NEW, ["recovery"], known);
  const later = under(old.compiled, s.customer, next.compiled);
  later.event("cart", { total: 7 }, NOON + HOUR);
  later.until(NOON + 40 * HOUR);
  expect(actions(later.told)).toEqual([["first", 2], ["other", 4], ["last", 26], ["last of others", 28]]);
  expect(later.told.flatMap((one) => (one.k === "action" && one.what === "first" ? [one.payload] : []))).toEqual([{ total: 5, spent: 0 }]);
});

test("without a choice it stops, and what ends a run still ends it", async () => {
  const known = new Map<string, Bundle>();
  const old = programOf(OLD);
  const s = story(old.compiled);
  s.event("cart", { total: 5 }, NOON);
  const stopped = under(old.compiled, s.customer, (await after(old, NEW, [], known)).compiled);
  stopped.until(NOON + 40 * HOUR);
  expect(actions(stopped.told)).toEqual([]);
  const ended = under(old.compiled, s.customer, (await after(old, NEW, ["recovery"], known)).compiled);
  ended.event("ordered", { total: 5 }, NOON + HOUR);
  ended.until(NOON + 40 * HOUR);
  expect(actions(ended.told)).toEqual([]);
});

test("where the step is still there the run goes on in the new rule, whatever was chosen", async () => {
  const known = new Map<string, Bundle>();
  const old = programOf(OLD);
  const s = story(old.compiled);
  s.event("cart", { total: 5 }, NOON);
  s.until(NOON + 3 * HOUR);
  const later = under(old.compiled, s.customer, (await after(old, NEW, ["recovery"], known)).compiled);
  later.until(NOON + 40 * HOUR);
  expect(actions(later.told)).toEqual([["last of others", 26]]);
});

test("it goes on through further changes, and is forgotten when no run is left", async () => {
  const known = new Map<string, Bundle>();
  const old = programOf(OLD);
  const s = story(old.compiled);
  s.event("cart", { total: 5 }, NOON);
  const second = await after(old, NEW, ["recovery"], known);
  const third = await after(second, rules(`rule hello { on ordered  emit "hello" }`), [], known);
  const name = retiredName({ rule: "recovery", from: old.compiled.program.hash });
  expect(third.compiled.program.rules.map((rule) => rule.name)).toEqual(["hello", name]);
  let lived = under(old.compiled, s.customer, second.compiled);
  lived.until(NOON + 3 * HOUR);
  lived = under(second.compiled, lived.customer, third.compiled);
  lived.until(NOON + 40 * HOUR);
  expect(actions(lived.told)).toEqual([["last", 26]]);
  const fourth = await after(third, rules(`rule hello { on ordered  emit "hello you" }`), [], known, false);
  expect(fourth.bundle.finishing).toEqual([]);
});

test("what no longer fits to the declarations can only be stopped", async () => {
  const old = programOf(OLD);
  const next = await after(old, rules(`rule hello { on ordered  emit "hello" }`, "event ordered { total: number }\n"), ["recovery"], new Map());
  expect([...next.hindered]).toEqual([["recovery", [expect.stringContaining("cart"), expect.stringContaining("spent")]]]);
  expect(next.bundle.finishing).toEqual([]);
  expect(next.compiled.program.rules.map((rule) => rule.name)).toEqual(["hello"]);
});

// ---------------------------------------------------------------------------------------------------- nobody is touched in between

const COUNTED = 'rule more { on ordered  emit "more" }';

async function untouched(...edits: readonly { readonly files: ReturnType<typeof rules>; readonly finish?: readonly string[] }[]): Promise<{ readonly said: readonly string[]; readonly finishing: readonly number[] }> {
  const first = firstOf({ text: OLD[0]?.text ?? "" });
  const world = newWorld(1);
  world.now = NOON;
  const e = editing(world, first, () => "none", () => 0.5);
  const event = (type: string, customer: string): void => appendTo(world, [{
    subject: eventSubject(type, customer),
    body: JSON.stringify({ specversion: "1.0", id: `${type} ${world.now}`, source: "test", type, subject: customer, time: new Date(world.now).toISOString(), data: { total: 5 } }),
  }]);
  event("cart", "ann");
  await engines(e, () => true);
  let program = first;
  const finishing: number[] = [];
  for (const [number, { files, finish = [] }] of edits.entries()) {
    const [stored] = world.stores;
    const meta = readMeta(Object.fromEntries(stored?.fields ?? []));
    const census = newCensus();
    const readings = new Map([...meta.layouts].map(([layout, of]) => [layout, readingOf(of)]));
    for (const [id, bytes] of stored?.states ?? []) countCustomer(census, id, bytes, readings, program.compiled);
    const next = await nextOf(program, { text: files[0]?.text ?? "", finish }, e.known, (rule) => census.runs.has(rule));
    finishing.push(next.bundle.finishing.length);
    let over = false;
    const work = engines(e, () => over);
    await change(e, program, next, `change ${number + 1}`);
    over = true;
    await work;
    program = next;
  }
  world.now = NOON + 3 * DAY;
  event("ordered", "bob");
  await engines(e, () => true);
  return { said: world.outputs.flat().flatMap(({ subject, body }) => (subject.startsWith("actions.") && (JSON.parse(body) as { subject: string }).subject === "ann" ? [subject.split(".").at(-1) as string] : [])), finishing };
}

test("a run of somebody whom nothing happens to is finished through further changes", async () => {
  const further = rules(`${NEW[0]?.text.slice(DECLARED.length) ?? ""}\n${COUNTED}`);
  expect(await untouched({ files: NEW, finish: ["recovery"] }, { files: further })).toEqual({ said: ["first", "last"], finishing: [1, 1] });
});

test("a run of somebody whom nothing happens to does not come back with its step", async () => {
  expect(await untouched({ files: NEW }, { files: OLD })).toEqual({ said: [], finishing: [0, 0] });
});

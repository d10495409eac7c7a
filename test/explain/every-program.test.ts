/** Every program there is, and everything in it: whatever has happened to a customer, it can be explained, and explaining changes nothing. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { corpus, withoutCorpus } from "../dsl/corpus.js";
import { documentBlocks, ruleFiles } from "../dsl/rule-files.js";
import { record } from "../engine/customers.js";
import { EVERYTHING } from "../engine/everything.js";
import { instant, life, type Life } from "./life.js";

const joined = (files: readonly { readonly text: string }[]): string => files.map(({ text }) => text).join("\n");
// The rule library is one program, however many folders it has.
const folderOf = ({ name }: { readonly name: string }): string => (name.startsWith("rules/") ? "rules" : name.slice(0, name.lastIndexOf("/")));

const RUNS = `
event a { n: number  at: time? }
event b { n: number }
profile { name: string? }
channel mail { when profile.name != null }
rule one { on a  until count(b) this run >= 2  until sum(b.n) this run > event.n  wait for b where n > event.n up to 2 days as got  if got.n > 3 and since(got.time) < 1 hour { send mail "x" { n: got.n } }  wait for a, b up to 1 day as more { wait until more.time + 1 day } else { stop } }
rule two { on a, b  when count(a where n == event.n) over 7 days >= 1  per event.n  wait 3 days }
rule three { on enter known  wait until event.time + 2 days  emit "y" }
segment known when any(a)
`.replace("wait until event.time + 2 days", "wait until 09:00");

const programs: readonly (readonly [string, string])[] = ([
  ...[...new Set(ruleFiles.map(folderOf))].map((name) => [name, joined(ruleFiles.filter((file) => folderOf(file) === name))] as const),
  [`the scenarios${withoutCorpus}`, joined(corpus)], ["documents", joined(documentBlocks.filter(({ name }) => name.startsWith("README")))],
  ["a program with everything", EVERYTHING], ["what only runs know", RUNS],
] as const).filter(([, text]) => compileProgram([{ file: "x.eddy", text }]).program !== null);

const START = instant("2026-02-20 10:00");
const written = (at: number): string => new Date(at).toISOString().slice(0, 23).replace("T", " ");

/** So that it cannot be about nothing. */
const seen = { told: 0, runs: 0, members: 0 };

/** Of large programs not all. */
const some = <T>(list: readonly T[]): readonly T[] => list.filter((_, i) => i % Math.ceil(list.length / 8) === 0);

function everything(of: Life): void {
  const { program } = of.compiled;
  const before = JSON.stringify({ ...of.customer(), zone: null });
  seen.members += of.customer().segments.length;
  for (const { name } of some(program.segments)) expect(of.segment(name).text).toContain(name);
  for (const { name } of some(program.rules)) {
    const { text, json, history, explained } = of.rule(name, 5);
    seen.told += history.told.length;
    seen.runs += explained.runs.length;
    expect(text).toContain(name);
    expect(text).not.toMatch(/undefined|NaN|\[object|Infinity/);
    expect(json).not.toContain("Infinity");
    // The same records under the same rules: the rule must stand where it stands.
    expect([name, history.agrees]).toEqual([name, true]);
  }
  for (const { name } of [...some(program.traits), ...program.points, ...program.tiers, ...some(program.channels)]) expect(of.other(name).text).toContain(name);
  expect(JSON.stringify({ ...of.customer(), zone: null })).toBe(before);
}

test("there are programs", () => expect(programs.length).toBeGreaterThan(4));

test.each(programs)("%s", (_name, text) => {
  const { events, rules } = life(text).compiled.program;
  const happenings = fc.array(fc.tuple(fc.constantFrom(0, 1, 60, 24 * 60, 9 * 24 * 60), fc.constantFrom(...events).chain((event) => record(event.fields, START).map((data) => ({ event, data })))), { minLength: 2, maxLength: 10 });
  for (const story of fc.sample(happenings, { numRuns: rules.length > 50 ? 1 : 3, seed: 3 })) {
    const of = life(text);
    let at = START;
    for (const [minutes, { event, data }] of story) {
      at += minutes * 60_000;
      // What does not fit the program is a dead letter, as it would be.
      of.event(written(at), event.wire, data as object);
    }
    if (of.works.some(({ k }) => k === "event")) everything(of);
  }
}, 60_000);

test("there was much to explain", () => {
  expect(seen.told).toBeGreaterThan(100);
  expect(seen.runs).toBeGreaterThan(10);
  expect(seen.members).toBeGreaterThan(10);
});

/**
 * Spelt trees mean what they were spelt from: every trait, condition and rule of every text there is, and random
 * expressions over a program with everything, written again from their trees and checked again in their place.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { renderAll } from "../../dsl/diagnostics/render.js";
import type { Expr, Held, Program, Rule, Step, Type, Value } from "../../dsl/program.js";
import { capText, lengthText, literal, spell, spellMoment, spellSchedule, spellStep } from "../../dsl/spell.js";
import * as tree from "../../dsl/check/trees.js";
import { EVERYTHING } from "../engine/everything.js";
import { expressions } from "../engine/expressions.js";
import { corpus, withoutCorpus, type SourceFile } from "./corpus.js";
import { documentBlocks, ruleFiles } from "./rule-files.js";

function checked(text: string): Program {
  const { program, diagnostics } = compileProgram([{ file: "spelt.eddy", text }]);
  if (program === null) throw new Error(renderAll(diagnostics.filter(({ severity }) => severity === "error").slice(0, 3), new Map([["spelt.eddy", text]])));
  return program;
}

/** Names and keys in the place of indexes, which move when something is declared beside. */
const resolved = (program: Program, of: unknown): unknown => {
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== "object" || value === null) return value;
    const node = Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, walk(inner)]));
    const list = {
      aggregate: program.aggregates, trait: program.traits, segment: program.segments, points: program.points, tier: program.tiers,
      variant: program.experiments, percentile: program.rankings, population: program.populations, figure: program.experiments,
    }[String(node["k"])];
    const found = typeof node["index"] === "number" ? list?.[node["index"]] : undefined;
    if (found !== undefined) node["index"] = "key" in found ? found.key : found.name;
    for (const [name, declared] of [["segment", program.segments], ["tier", program.tiers], ["channel", program.channels], ["points", program.points], ["experiment", program.experiments]] as const) {
      if (typeof node[name] === "number") node[name] = declared[node[name]]?.name;
    }
    if (node["k"] === "change") node["watch"] = walk(program.watches[Number(node["watch"])]?.value);
    // Keys of steps are of trees with indexes.
    if (typeof node["key"] === "string") delete node["key"];
    return node;
  };
  return walk(of);
};

const held = (program: Program, of: Held): string => `${spell(program, of.if)}${of.forMs + of.forMonths === 0 ? "" : ` for at least ${lengthText({ ms: of.forMs, months: of.forMonths })}`}`;

// ---- rules ----

function ruleText(program: Program, rule: Rule, name: string): string {
  const each = (of: Expr): string => spell(program, of);
  return [
    `rule ${name} {`,
    ...rule.on.map((moment) => `on ${spellMoment(program, moment)}`), ...rule.schedules.map((schedule) => `on ${spellSchedule(program, schedule)}`),
    ...(rule.when === null ? [] : [`when ${each(rule.when)}`]), ...(rule.per === null ? [] : [`per ${each(rule.per)}`]),
    ...rule.until.map((until) => `until ${until.k === "condition" ? each(until.if) : spellMoment(program, until)}`),
    ...(rule.restart ? ["repeat restart"] : []), ...rule.caps.map(capText), `priority ${rule.priority}`,
    ...rule.steps.map((step) => stepText(program, step)), "}",
  ].join("\n");
}

function stepText(program: Program, step: Step): string {
  const block = (steps: readonly Step[]): string => `{ ${steps.map((inner) => stepText(program, inner)).join("\n")} }`;
  const payload = (of: Expr | null): string => (of === null ? "" : ` ${spell(program, of)}`);
  const own = spellStep(program, step);
  switch (step.k) {
    case "if": return `${own} ${block(step.then)} else ${block(step.else)}`;
    case "take": return step.then.length + step.else.length === 0 ? own : `${own} ${block(step.then)} else ${block(step.else)}`;
    case "waitFor": return step.then === null ? own : `${own} ${block(step.then)} else ${block(step.else)}`;
    case "split": return `${own} { ${step.branches.map(({ variant, steps }) => `${variant} ${block(steps)}`).join("\n")} }`;
    case "send": return `${own}${payload(step.payload)}${step.urgent ? " urgent" : ""}`;
    case "emit": return `${own}${payload(step.payload)}`;
    default: return own;
  }
}

// ---- every text there is ----

function roundTrip(text: string, program: Program): void {
  const named = new Map<string, unknown>();
  const lines: string[] = [];
  const fresh = (kind: string): string => `spelt_${kind}_${lines.length}`;
  program.traits.forEach(({ value }) => {
    const name = fresh("trait");
    named.set(name, resolved(program, value));
    lines.push(`trait ${name} = ${spell(program, value)}`);
  });
  program.segments.forEach(({ enter, leave }) => {
    const name = fresh("segment");
    named.set(name, resolved(program, { enter, leave }));
    lines.push(`segment ${name} when ${held(program, enter)}${leave === null ? "" : ` until ${held(program, leave)}`}`);
  });
  program.tiers.forEach(({ value, levels }) => {
    const name = fresh("tier");
    named.set(name, resolved(program, { value, levels }));
    lines.push(`tier ${name} by ${spell(program, value)} { ${levels.map((level) => `${level.name} at ${level.at}`).join(" ")} }`);
  });
  program.metrics.forEach(({ value }) => {
    const name = fresh("metric");
    named.set(name, resolved(program, value));
    lines.push(`metric ${name} = ${spell(program, value)}`);
  });
  program.policies.forEach(({ when, quiet }) => {
    const name = fresh("channel");
    named.set(name, resolved(program, { when, quiet: quiet.filter(({ k }) => k === "condition") }));
    lines.push(`channel ${name} { ${when.map((each) => `when ${spell(program, each)}`).join(" ")} ${quiet.flatMap((each) => (each.k === "condition" ? [`quiet when ${spell(program, each.if)}`] : [])).join(" ")} }`);
  });
  program.rules.forEach((rule) => {
    const name = fresh("rule");
    named.set(name, resolved(program, { ...rule, name: null, label: null }));
    lines.push(ruleText(program, rule, name));
  });
  const again = checked(`${text}\n${lines.join("\n")}`);
  const found = new Map<string, unknown>([
    ...again.traits.map(({ name, value }) => [name, value] as const),
    ...again.segments.map(({ name, enter, leave }) => [name, { enter, leave }] as const),
    ...again.tiers.map(({ name, value, levels }) => [name, { value, levels }] as const),
    ...again.metrics.map(({ name, value }) => [name, value] as const),
    ...again.policies.map(({ name, when, quiet }) => [name, { when, quiet }] as const),
    ...again.rules.map((rule) => [rule.name, { ...rule, name: null, label: null }] as const),
  ].map(([name, of]) => [name, resolved(again, of)]));
  for (const [name, was] of named) expect({ [name]: found.get(name) }, lines.find((line) => line.includes(`${name} `))).toEqual({ [name]: was });
}

// The rule library is one program, however many folders it has.
const folderOf = ({ name }: SourceFile): string => (name.startsWith("rules/") ? "rules" : name.slice(0, name.lastIndexOf("/")));
const joined = (files: readonly SourceFile[]): string => files.map(({ text }) => text).join("\n");

/** Files of one folder are one program; what is shown in documents stands alone. */
const texts: readonly SourceFile[] = [
  ...[...new Set(ruleFiles.map(folderOf))].map((name) => ({ name, text: joined(ruleFiles.filter((file) => folderOf(file) === name)) })),
  { name: `the scenarios${withoutCorpus}`, text: joined(corpus) },
  ...documentBlocks,
];

const programs: readonly (SourceFile & { readonly program: Program })[] = texts.flatMap(({ name, text }) => {
  const { program } = compileProgram([{ file: name, text }]);
  return program === null ? [] : [{ name, text, program }];
});

describe("every text there is", () => {
  test("there are many", () => {
    expect(programs.length).toBeGreaterThan(20);
  });

  test.each(programs.map((each) => [each.name, each] as const))("%s", (_name, { text, program }) => {
    roundTrip(text, program);
  });

  test("a program with everything", () => {
    roundTrip(EVERYTHING, checked(EVERYTHING));
  });
});

describe("random expressions", () => {
  const program = checked(EVERYTHING);
  const profile = tree.node({ k: "input", of: "profile" }, { k: "record", fields: program.profile }, false);
  const reads = [profile, ...program.traits.map(({ value }) => value)];
  const make = expressions({ clock: "watched", reads, outside: reads });
  const kinds = fc.constantFrom("boolean", "boolean", "number", "string", "duration", "date");

  /** Of two ways to write the same the checker makes one; types are narrower where texts are literals. */
  const shape = (of: unknown): string => JSON.stringify(of, (name, value: unknown) => {
    if (name === "type" || name === "maybe") return undefined;
    const node = value as { readonly k?: unknown; readonly of?: { readonly k?: unknown; readonly value?: unknown }; readonly fn?: unknown } | null;
    if (node?.k === "negate" && node.of?.k === "const") return { k: "const", value: -Number(node.of.value) };
    return node?.k === "fold" && node.fn === "any" ? { ...node, value: null } : value;
  });

  /** `any(items.price)` asks whether there is a price: the checker makes another tree of it than the generator. */
  const asksForAny = (of: Expr): boolean => (of.k === "fold" && of.fn === "any" && of.list.k === "pluck") || tree.children(of).some(asksForAny);

  test("are the same again wherever the language has words for them", () => {
    const exprs = fc.sample(kinds.chain((kind) => make(kind, 3)), { numRuns: 400, seed: 20260302 }).filter((expr) => !asksForAny(expr));
    const named = exprs.map((expr, i) => ({ name: `spelt_${i}`, expr, text: spell(program, expr) }));
    const file = "spelt.eddy";
    const head = `${EVERYTHING}\n`;
    const textOf = (of: typeof named): string => head + of.map(({ name, text }) => `trait ${name} = ${text}\n`).join("");
    const whole = textOf(named);
    const firstLine = head.split("\n").length;
    // The generator makes what cannot be written: empty lists without a type, items of computed lists.
    const refused = new Set(compileProgram([{ file, text: whole }]).diagnostics.filter(({ severity }) => severity === "error").map(({ span }) => whole.slice(0, span.start).split("\n").length - firstLine));
    expect(Math.min(...refused)).toBeGreaterThanOrEqual(0);
    expect(refused.size / named.length).toBeLessThan(0.2);
    const kept = named.filter((_, i) => !refused.has(i));
    const again = checked(textOf(kept));
    const values = new Map(again.traits.map(({ name, value }) => [name, value]));
    for (const { name, expr, text } of kept) {
      const value = values.get(name);
      expect(shape(resolved(again, value)), text).toBe(shape(resolved(program, expr)));
    }
  });
});

describe("as its author would write it", () => {
  const SMALL = `
event bought { total: number  at: time  items: { sku: string, price: number }[] }
profile { joined: date?  club_until: time?  tags: string[] = []  tz: string? }
trait last_buy = last(bought).time
tier status by sum(bought.total) { low at 1  high at 100 }
`;
  test.each([
    "since(last(bought).time) >= 30 days", "since(last(bought).time) > 2 months", "since(last_buy) / 1 day >= 3 ⇒ since(last_buy) >= 3 days", "last_buy + 30 days <= now",
    "30 days + last_buy <= now ⇒ since(last_buy) >= 30 days", "last_buy + 1 year <= now ⇒ since(last_buy) >= 12 months", "profile.club_until > now", "now >= 2026-03-02 10:00",
    "status >= \"high\"", "status == \"low\"", "\"low\" < status", "not (count(bought) >= 1 and last_buy > now)", "not count(bought) >= 1",
    "(count(bought) > 1 or count(bought) > 2) and profile.joined == 2026-03-02", "count(bought where total > 1 or total < -1) > 1",
    "any(bought where any(items where price > 2 and sku like \"A*\"))", "quintile(since(last_buy) among count(bought) >= 1) >= 4",
    "count(bought) this month > 2", "count(bought) over 2 months - (1 - 2) > 1", "no bought where total > 5 for 1 month",
    "sum(price * 2 of bought.items where sku == \"x\") over 14 days > 3",
    "first(profile.tags) == \"x\"", "recent(bought.total, 5)[0] == 1", "(if count(bought) > 1 then 2 else 3) + 1 > 3", "profile.tz ?? \"x\" == \"x\"", "-(count(bought) + 1) < 0",
  ])("%s", (line) => {
    const [written = "", wanted = written] = line.split(" ⇒ ");
    const again = checked(`${SMALL}\nsegment it when ${written}`);
    expect(spell(again, (again.segments[0] as Program["segments"][number]).enter.if)).toBe(wanted);
  });

  test("every step", () => {
    const steps = [
      "wait 2 months", "wait until 09:00", "wait until monday 09:00:30", "wait until event.at + 1 day", "wait for bought where total > event.total up to 7 days as more",
      "wait for enter big, leave big up to 1 month", "if more.total > 3", "send mail \"x\"", "emit \"y\"", "set profile.tz = \"UTC\"", "tag \"new\"", "untag \"old\"", "award 2 * event.total stars", "take 5 stars", "split trial", "stop",
    ].filter((step) => !step.includes(" leave "));
    const text = `${SMALL}
points stars { earn 1 on bought }
experiment trial { holdout 10%  red 90% }
segment big when count(bought) > 3
channel mail { when true }
rule r { on bought  ${steps.map((step) => (step.startsWith("if") ? `${step} { stop }` : step.startsWith("split") ? `${step} { red { stop } }` : step)).join("\n")} }`;
    const again = checked(text);
    expect(again.rules[0]?.steps.map((step) => spellStep(again, step))).toEqual(steps);
  });

  test.each([["every day at 09:00"], ["every monday at 09:05"], ["every month on 31 at 23:59"], ["every year on profile.joined at 10:00"]])("on %s", (schedule) => {
    const again = checked(`${SMALL}\nrule r { on ${schedule}  emit "x" }`);
    expect(again.rules[0]?.schedules.map((each) => spellSchedule(again, each))).toEqual([schedule]);
  });

  test.each<[Value, Type, string]>([
    [90_061_000, { k: "duration" }, "90061 seconds"], [-172_800_000, { k: "duration" }, "-2 days"], [604_800_000, { k: "duration" }, "7 days"], [1_209_600_000, { k: "duration" }, "14 days"],
    [0, { k: "duration" }, "0 seconds"], [20_514, { k: "date" }, "2026-03-02"], [1_772_445_600_000, { k: "time" }, "2026-03-02 10:00 UTC"], [null, { k: "number" }, "null"],
    [["a\"", "b"], { k: "list", of: { k: "string" }, maybe: false }, '["a\\"", "b"]'],
  ])("the value %j of %j", (value, type, text) => {
    expect(literal(value, type)).toBe(text);
  });
});

test.each<[number, number, string]>([
  [0, 12, "12 months"], [0, 1, "1 month"], [0, 24, "24 months"], [14 * 86_400_000, 0, "14 days"], [86_400_000, 0, "1 day"], [7 * 86_400_000, 0, "7 days"],
  [400 * 86_400_000, 0, "400 days"], [36 * 3_600_000, 0, "36 hours"], [90 * 60_000, 0, "90 minutes"], [1500, 0, "1.5 seconds"],
])("a length of %d ms and %d months is %s", (ms, months, text) => {
  expect(lengthText({ ms, months })).toBe(text);
});

test.each<[string, string]>([["24 hours", "24 hours"], ["1 day", "24 hours"], ["day", "day"], ["14 days", "14 days"], ["12 months", "12 months"], ["week", "week"]])("a cap per %s is one per %s", (written, spelt) => {
  const [cap] = checked(`event a\nrule r { on a  at most 1 per ${written}  emit "x" }`).rules[0]?.caps ?? [];
  expect(cap === undefined ? null : capText(cap)).toBe(`at most 1 per ${spelt}`);
});

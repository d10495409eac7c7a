// Random sentences of the grammar, for tests: the same seed makes the same ones.
//
// Half of the fields are called like words that begin or continue something: there the dangers are. Repetitions
// rather go on, expressions rather stay small, rules, segments and tests come more often than the rest.

import { type GrammarRule, type GrammarSymbol, rules, start } from "../../dsl/grammar.generated.js";
import { HARD, SOFT } from "../../dsl/lexer.js";

/** Numbers from 0 to 1 (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const LONGEST = 60;
const DEPTHS = [12, 16, 20, 24];
const HARMLESS = /^(mon|tues|wednes|thurs|fri|satur|sun)day$|^(second|minute|hour|day|week|month|year)s?$/;
const ALL = [...SOFT];
const RISKY = ALL.filter((word) => !HARMLESS.test(word));

const byName = new Map<string, GrammarRule[]>();
for (const rule of rules) byName.set(rule.name, [...(byName.get(rule.name) ?? []), rule]);

/** Of the smallest tree under a name. */
const heights = (() => {
  const known = new Map<string, number>();
  for (let settled = false; !settled; ) {
    settled = true;
    for (const rule of rules) {
      const height = 1 + tallest(rule, known);
      if (height >= (known.get(rule.name) ?? Infinity)) continue;
      known.set(rule.name, height);
      settled = false;
    }
  }
  return known;
})();

function tallest(rule: GrammarRule, known: ReadonlyMap<string, number>): number {
  return rule.symbols.reduce((most, symbol) => (typeof symbol === "string" ? Math.max(most, known.get(symbol) ?? Infinity) : most), 0);
}

const FREQUENT: Readonly<Record<string, number>> = { rule: 8, segment: 3, test: 3 };

function weight({ name, symbols }: GrammarRule): number {
  if (name.includes("$ebnf")) return symbols.length > 0 ? 3 : 1;
  const [first] = symbols;
  if (name === start) return typeof first === "object" && "literal" in first ? (FREQUENT[first.literal] ?? 1) : 1;
  return symbols.length === 1 && typeof first === "string" ? 3 : 1;
}

/** The words of one declaration. */
export type Sentence = readonly string[];

export function* sentences(seed: number, count: number): Generator<Sentence> {
  const random = seeded(seed);
  const pick = (list: readonly string[]): string => list[Math.floor(random() * list.length)] ?? "x";
  const words: Readonly<Record<string, () => string>> = {
    name: () => pick(["x", "y", "vip"]),
    soft: () => pick(random() < 0.5 ? RISKY : ALL),
    hard: () => pick([...HARD]),
    number: () => "3",
    string: () => '"s"',
    date: () => "2026-03-02",
    clock: () => "10:00",
  };
  const choose = (name: string, depth: number): GrammarRule | undefined => {
    const all = byName.get(name) ?? [];
    const least = Math.min(...all.map((rule) => tallest(rule, heights)));
    const list = depth > 0 ? all : all.filter((rule) => tallest(rule, heights) === least);
    let at = random() * list.reduce((sum, rule) => sum + weight(rule), 0);
    return list.find((rule) => (at -= weight(rule)) < 0) ?? list.at(-1);
  };
  const write = (symbol: GrammarSymbol, depth: number, out: string[]): void => {
    if (out.length > LONGEST) return;
    if (typeof symbol === "string") for (const part of choose(symbol, depth)?.symbols ?? []) write(part, depth - 1, out);
    else out.push("literal" in symbol ? symbol.literal : (words[symbol.type]?.() ?? ""));
  };
  for (let made = 0; made < count; ) {
    const out: string[] = [];
    write(start, DEPTHS[Math.floor(random() * DEPTHS.length)] ?? 12, out);
    if (out.length > LONGEST) continue;
    made++;
    yield out;
  }
}

/** As text, with a line break here and there. */
export function written(sentence: Sentence, random: () => number): string {
  return sentence.reduce((text, word) => text + (text === "" ? "" : random() < 0.1 ? "\n" : " ") + word, "");
}

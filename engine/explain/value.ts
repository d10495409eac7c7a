/** What the value of a trait, points or a tier is made of, and what would change it. */
import type { Expr, Program } from "../../dsl/program.js";
import { forecast, silently, look, copyOf, type Subject } from "./forecast.js";
import { nextBalance } from "../points.js";
import type { Outline, Outliner } from "./outline.js";
import { partsOf, type Part } from "./parts.js";

export interface ValueExplanation {
  readonly name: string;
  readonly kind: "trait" | "points" | "tier";
  /** The value, and below it what it is made of. */
  readonly value: Part;
  /** Of a tier: the level above, and what is missing to it. */
  readonly more: readonly Part[];
  /** When the value changes by time alone; null: not in sight. A condition says it in its part. */
  readonly changesAt: number | null;
}

export interface ValueQuestion {
  readonly name: string;
  readonly kind: ValueExplanation["kind"];
  readonly index: number;
  readonly value: Outline;
  readonly more: readonly Outline[];
}

/** To be asked before the program is finished; null: there is nothing of this name that has a value. */
export function askValue(program: Program, outliner: Outliner, name: string): ValueQuestion | null {
  const found = named(program, name);
  if (found === null) return null;
  const { of, kind, index } = found;
  const more: readonly Expr[] = of.k !== "tier" ? [] : [{ ...of, fn: "next" }, { ...of, fn: "missing", type: { k: "number" } }];
  return { name, kind, index, value: outliner.outline(of), more: more.map((each) => outliner.outline(each)) };
}

function named(program: Program, name: string): { readonly of: Expr; readonly kind: ValueExplanation["kind"]; readonly index: number } | null {
  const trait = program.traits.findIndex((each) => each.name === name);
  const value = program.traits[trait]?.value;
  if (value !== undefined) return { kind: "trait", index: trait, of: { k: "trait", index: trait, type: value.type, maybe: value.maybe } };
  const points = program.points.findIndex((each) => each.name === name);
  if (points >= 0) return { kind: "points", index: points, of: { k: "points", fn: "balance", index: points, type: { k: "number" }, maybe: false } };
  const tier = program.tiers.findIndex((each) => each.name === name);
  return tier < 0 ? null : { kind: "tier", index: tier, of: { k: "tier", fn: "level", index: tier, type: { k: "string" }, maybe: true } };
}

export function explainValue(subject: Subject, { name, kind, index, value, more }: ValueQuestion): ValueExplanation {
  const [part, ...rest] = partsOf(subject, [value, ...more], null);
  const { watches } = forecast(subject, { watches: [value.watch], segments: [], run: null });
  return { name, kind, value: part as Part, more: rest, changesAt: kind === "points" ? expiry(subject, index) : (watches.get(value.watch)?.at ?? null) };
}

function expiry(subject: Subject, index: number): number | null {
  const e = silently(subject);
  look(e, copyOf(subject.customer), subject.now, null);
  const next = nextBalance(e.x, index, subject.compiled.program.points[index]?.expire ?? null);
  return next === Infinity ? null : next;
}

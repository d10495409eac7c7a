// The checked declarations to the program: references get their final places, steps their keys, everything its order.

import type { Aggregate, Channel, Expr, Held, Program, Rule, Segment, Step } from "../program.js";
import { type Declared, PROFILE_UPDATED, TAGS, byCodeUnits, eventType } from "./declared.js";
import { type Meanings, heldMeaning, keyOf, meaning } from "./keys.js";
import { impliedTagsUsed } from "./names.js";
import type { CheckedTrait } from "./site.js";
import * as tree from "./trees.js";

export interface Parts {
  readonly declared: Declared;
  readonly used: ReadonlySet<string>;
  /** In the order in which they were first met, which is what trees refer to. */
  readonly aggregates: readonly Aggregate[];
  /** By name, as trees refer to them. */
  readonly traits: readonly CheckedTrait[];
  readonly segments: readonly Segment[];
  readonly channels: readonly Channel[];
  readonly rules: readonly Rule[];
  /** `trait x` and `segment y`, each after what it needs. */
  readonly order: readonly string[];
}

export interface Assembled {
  readonly program: Program;
  /** A checked tree with the references that it has in this program. */
  readonly placed: (of: Expr) => Expr;
}

export const assemble = (parts: Parts): Program => assembled(parts).program;

/** For those who have trees of their own beside the program's. */
export function assembled(parts: Parts): Assembled {
  const { declared, segments } = parts;
  const meanings = meaningsOf(parts);
  const places = new Map(parts.aggregates.map((aggregate, met) => ({ aggregate, met })).sort((a, b) => byCodeUnits(a.aggregate.key, b.aggregate.key)).map(({ met }, place) => [met, place]));
  const traits = parts.order.flatMap((name) => (name.startsWith("trait ") ? [traitNamed(parts, name.slice("trait ".length))] : []));
  const traitPlaces = new Map(traits.map(({ index }, place) => [index, place]));
  const placed = (of: Expr): Expr => tree.withReferences(of, (reference) => {
    if (reference.k === "aggregate") return { ...reference, index: places.get(reference.index) ?? 0 };
    return reference.k === "trait" ? { ...reference, index: traitPlaces.get(reference.index) ?? 0 } : reference;
  });
  const placedHeld = ({ if: condition, forMs, forMonths }: Held): Held => ({ if: placed(condition), forMs, forMonths });
  const byPriority = (a: Rule, b: Rule): number => b.priority - a.priority || byCodeUnits(a.name, b.name);
  const rules = [...parts.rules].sort(byPriority);
  const events = [...declared.events.values()].filter(({ name }) => name !== PROFILE_UPDATED || parts.used.has(name));
  const profile = declared.profile.fields.filter(({ name }) => name !== TAGS.name || !declared.impliedTags || impliedTagsUsed(parts.used));
  const program = {
    events: events.map(eventType).sort((a, b) => byCodeUnits(a.name, b.name)),
    profile,
    aggregates: [...parts.aggregates].sort((a, b) => byCodeUnits(a.key, b.key)),
    traits: traits.map(({ name, value }) => ({ name, value: placed(value) })),
    segments: segments.map((segment) => ({ ...segment, enter: placedHeld(segment.enter), leave: segment.leave === null ? null : placedHeld(segment.leave) })),
    order: parts.order.flatMap((name) => (name.startsWith("segment ") ? [declared.segmentIndex.get(name.slice("segment ".length)) ?? 0] : [])),
    channels: parts.channels.map(({ name, when }) => ({ name, when: when.map(placed) })),
    rules: rules.map((rule) => placedRule(rule, placed, keyed(rule.steps, stepKeys(parts, meanings), placed))),
  };
  return { program: { ...program, hash: hashOf(parts, meanings, program.events, profile, rules) }, placed };
}

function traitNamed({ traits, declared }: Parts, name: string): CheckedTrait {
  const trait = traits[declared.traitIndex.get(name) ?? -1];
  if (trait === undefined) throw new Error(`the trait ${name} is in the order and was not checked`);
  return trait;
}

// ---- meanings ----

/** Keys of all that trees refer to, made in dependency order, so that none is made within another. */
function meaningsOf(parts: Parts): Meanings {
  const { declared, aggregates, segments } = parts;
  const traits = new Map<number, string>();
  const members = new Map<number, string>();
  const meanings: Meanings = {
    aggregate: (index) => aggregates[index]?.key ?? "",
    trait: (index) => traits.get(index) ?? "",
    segment: (index) => members.get(index) ?? "",
  };
  for (const name of parts.order) {
    if (name.startsWith("trait ")) {
      const trait = traitNamed(parts, name.slice("trait ".length));
      traits.set(trait.index, keyOf(meaning(trait.value, meanings)));
    } else {
      const index = declared.segmentIndex.get(name.slice("segment ".length)) ?? 0;
      const segment = segments[index];
      if (segment !== undefined) members.set(index, keyOf([heldMeaning(segment.enter, meanings), heldMeaning(segment.leave, meanings)]));
    }
  }
  return meanings;
}

// ---- rules ----

type StepKey = (step: Step) => string;

/** Of one rule: the second of two equal steps has another key than the first, whatever stands between them. */
function stepKeys({ channels }: Parts, meanings: Meanings): StepKey {
  const met = new Map<string, number>();
  return (step) => {
    const content = keyOf(stepMeaning(step, channels, meanings));
    const place = met.get(content) ?? 0;
    met.set(content, place + 1);
    return keyOf([content, place]);
  };
}

function stepMeaning(step: Step, channels: readonly Channel[], meanings: Meanings): unknown {
  const of = (expression: Expr | null): unknown => (expression === null ? null : meaning(expression, meanings));
  switch (step.k) {
    case "wait": return [step.k, of(step.for)];
    // What stands in its blocks has keys of its own.
    case "if": return [step.k, of(step.if)];
    case "send": return [step.k, channels[step.channel]?.name ?? "", step.template, of(step.payload), step.urgent];
    case "emit": return [step.k, step.name, of(step.payload)];
    case "set": return [step.k, step.path, of(step.value)];
    case "stop": return [step.k];
  }
}

function keyed(steps: readonly Step[], keyFor: StepKey, placed: (of: Expr) => Expr): readonly Step[] {
  return steps.map((step): Step => {
    const key = keyFor(step);
    switch (step.k) {
      case "wait": return { ...step, key, for: placed(step.for) };
      case "if": return { ...step, key, if: placed(step.if), then: keyed(step.then, keyFor, placed), else: keyed(step.else, keyFor, placed) };
      case "send": return { ...step, key, payload: step.payload === null ? null : placed(step.payload) };
      case "emit": return { ...step, key, payload: step.payload === null ? null : placed(step.payload) };
      case "set": return { ...step, key, value: placed(step.value) };
      case "stop": return { ...step, key };
    }
  });
}

function placedRule(rule: Rule, placed: (of: Expr) => Expr, steps: readonly Step[]): Rule {
  const where = <M extends { readonly k: string }>(moment: M): M =>
    "where" in moment && moment.where !== null ? { ...moment, where: placed(moment.where as Expr) } : moment;
  return {
    ...rule,
    on: rule.on.map(where),
    when: rule.when === null ? null : placed(rule.when),
    until: rule.until.map((until) => (until.k === "condition" ? { k: until.k, if: placed(until.if) } : where(until))),
    steps,
  };
}

// ---- the whole ----

/** Of everything, but by meaning: a program has the same hash however its files are arranged. */
function hashOf(parts: Parts, meanings: Meanings, events: Program["events"], profile: Program["profile"], rules: readonly Rule[]): string {
  const { declared, aggregates, traits, segments, channels } = parts;
  const of = (expression: Expr | null): unknown => (expression === null ? null : meaning(expression, meanings));
  const moment = (each: Rule["until"][number]): unknown => {
    switch (each.k) {
      case "event": return [each.k, each.event, of(each.where)];
      case "enter": case "leave": return [each.k, segments[each.segment]?.name ?? ""];
      case "condition": return [each.k, of(each.if)];
    }
  };
  const steps = (all: readonly Step[]): unknown => all.map((step) => [stepMeaning(step, channels, meanings), ...(step.k === "if" ? [steps(step.then), steps(step.else)] : [])]);
  return keyOf({
    events, profile,
    aggregates: aggregates.map(({ key }) => key).sort(byCodeUnits),
    traits: [...declared.traitIndex].map(([name, index]) => [name, meanings.trait(index), traits[index]?.value.type.k]),
    segments: segments.map(({ name, label }, index) => [name, label, meanings.segment(index)]),
    channels: channels.map(({ name, when }) => [name, when.map(of)]),
    rules: rules.map((rule) => ({
      ...rule, on: rule.on.map(moment), when: of(rule.when), until: rule.until.map(moment), steps: steps(rule.steps),
    })),
  });
}

// The checked declarations to the program: references get their final places, steps their keys, everything its order.

import type { Expr, Held, Points, Policy, Program, Rule, Settled, Step } from "../program.js";
import { TAGS, byCodeUnits, eventType } from "./declared.js";
import { type Meanings, keyOf } from "./keys.js";
import { type Context, hashOf, meaningsOf, stepMeaning, watchKey } from "./meanings.js";
import { impliedTagsUsed } from "./names.js";
import { orderOf } from "./order.js";
import type { Parts } from "./parts.js";
import type { CheckedTrait } from "./site.js";
import { changedMoment, changedSchedule, changedSteps, changedUntil } from "./step-trees.js";
import * as tree from "./trees.js";
import { allSteps } from "../walk.js";

export interface Assembled {
  readonly program: Program;
  /** A checked tree with the references that it has in this program. */
  readonly placed: (of: Expr) => Expr;
}

export const assemble = (parts: Parts): Program => assembled(parts).program;

/** For those who have trees of their own beside the program's. */
export function assembled(parts: Parts): Assembled {
  const { declared } = parts;
  const { meanings, order } = understood(parts);
  const context: Context = { parts, meanings };
  const traits = order.flatMap((name) => (name.startsWith("trait ") ? [traitNamed(parts, name.slice("trait ".length))] : []));
  const aggregates = placesByKey(parts.aggregates.map(({ key }) => key));
  const watches = placesByKey(parts.watches.map((_, index) => watchKey(context, index)));
  const rankings = placesByKey(parts.rankings.map((_, index) => meanings.ranking(index)));
  const populations = placesByKey(parts.populations.map((_, index) => meanings.population(index)));
  const traitPlaces = new Map(traits.map(({ index }, place) => [index, place]));
  const placed = (of: Expr): Expr => tree.withReferences(of, (reference) => {
    switch (reference.k) {
      case "aggregate": return { ...reference, index: aggregates.place(reference.index) };
      case "trait": return { ...reference, index: traitPlaces.get(reference.index) ?? 0 };
      case "percentile": return { ...reference, index: rankings.place(reference.index) };
      case "population": return { ...reference, index: populations.place(reference.index) };
      case "segment": case "points": case "tier": case "variant": case "figure": return reference;
    }
  });
  const placedOr = (of: Expr | null): Expr | null => (of === null ? null : placed(of));
  const placedHeld = (held: Held): Held => ({ ...held, if: placed(held.if) });
  const rules = [...parts.rules].sort((a, b) => b.priority - a.priority || byCodeUnits(a.name, b.name));
  const events = [...declared.events.values()].filter((event) => event.declared !== null || parts.used.has(event.name));
  const eventTypes = events.map(eventType).sort((a, b) => byCodeUnits(a.name, b.name));
  const profile = declared.profile.fields.filter(({ name }) => name !== TAGS.name || !declared.impliedTags || impliedTagsUsed(parts.used));
  const changes = { tree: placed, watch: watches.place };
  const program: Omit<Program, "hash"> = {
    events: eventTypes,
    profile,
    retain: parts.retain,
    aggregates: aggregates.chosen(parts.aggregates),
    traits: traits.map(({ name, value }) => ({ name, value: placed(value) })),
    segments: parts.segments.map((segment) => ({ ...segment, enter: placedHeld(segment.enter), leave: segment.leave === null ? null : placedHeld(segment.leave) })),
    order: [
      ...order.flatMap((name) => settled(parts, rankings, name)),
      ...watches.keys.map((_, index): Settled => ({ k: "watch", index })),
      ...populations.keys.map((_, index): Settled => ({ k: "population", index })),
    ],
    points: parts.points.map((points): Points => ({ ...points, earn: points.earn.map((line) => ({ ...line, where: placedOr(line.where), amount: placed(line.amount) })) })),
    tiers: parts.tiers.map((tier) => ({ ...tier, value: placed(tier.value) })),
    experiments: parts.experiments.map((each) => ({ ...each, goal: each.goal === null ? null : { ...each.goal, where: placedOr(each.goal.where), value: placedOr(each.goal.value) } })),
    watches: watches.chosen(parts.watches).map((value, i) => ({ key: watches.keys[i] ?? "", value: placed(value) })),
    rankings: rankings.chosen(parts.rankings).map(({ value, among }, i) => ({ key: rankings.keys[i] ?? "", value: placed(value), among: placed(among) })),
    populations: populations.chosen(parts.populations).map(({ fn, of }, i) => ({ key: populations.keys[i] ?? "", fn, of: placed(of) })),
    metrics: parts.metrics.map(({ name, value }) => ({ name, value: placed(value) })),
    channels: parts.channels,
    policies: parts.policies.map((policy): Policy => ({
      ...policy, when: policy.when.map(placed), quiet: policy.quiet.map((quiet) => (quiet.k === "condition" ? { ...quiet, if: placed(quiet.if) } : quiet)),
    })),
    rules: rules.map((rule): Rule => ({
      ...rule,
      on: rule.on.map((moment) => changedMoment(moment, changes)),
      schedules: rule.schedules.map((schedule) => changedSchedule(schedule, changes)),
      when: placedOr(rule.when),
      per: placedOr(rule.per),
      until: rule.until.map((until) => changedUntil(until, changes)),
      steps: changedSteps(rule.steps, { ...changes, key: keysOf(context, rule) }),
    })),
  };
  return { program: { ...program, hash: hashOf(context, eventTypes, profile, rules) }, placed };
}

function traitNamed({ traits, declared }: Parts, name: string): CheckedTrait {
  const trait = traits[declared.traitIndex.get(name) ?? -1];
  if (trait === undefined) throw new Error(`the trait ${name} is in the order and was not checked`);
  return trait;
}

interface Understood {
  readonly meanings: Meanings;
  /** Rankings by their keys. */
  readonly order: readonly string[];
}

/**
 * Rankings have no names but their keys, which are known only when everything that they need has its own. So whatever
 * order there is gives the keys, and the keys give the order that is always the same.
 */
function understood(parts: Parts): Understood {
  const order = orderOf(parts.needs);
  const meanings = meaningsOf(parts, order);
  if (parts.rankings.length === 0) return { meanings, order };
  const named = (name: string): string => (name.startsWith("ranking ") ? `ranking ${meanings.ranking(Number(name.slice("ranking ".length)))}` : name);
  return { meanings, order: orderOf(new Map([...parts.needs].map(([name, needs]) => [named(name), new Set([...needs].map(named))]))) };
}

/** Traits are in an order of their own. */
function settled({ declared }: Parts, rankings: Places, entry: string): readonly Settled[] {
  const [k, name = ""] = entry.split(" ");
  switch (k) {
    case "segment": return [{ k, index: declared.segmentIndex.get(name) ?? 0 }];
    case "tier": return [{ k, index: declared.tierIndex.get(name) ?? 0 }];
    case "ranking": return [{ k, index: rankings.placeOf(name) }];
    default: return [];
  }
}

interface Places {
  /** In order, each once. */
  readonly keys: readonly string[];
  readonly placeOf: (key: string) => number;
  /** Where what was met as the n-th stands in the end. */
  readonly place: (met: number) => number;
  /** One of each, in order, of a list of all that were met. */
  readonly chosen: <T>(met: readonly T[]) => readonly T[];
}

/** What has a key stands by it. */
function placesByKey(met: readonly string[]): Places {
  const keys = [...new Set(met)].sort(byCodeUnits);
  const places = new Map(keys.map((key, place) => [key, place]));
  const first = new Map<string, number>();
  for (const [index, key] of met.entries()) if (!first.has(key)) first.set(key, index);
  return {
    keys,
    placeOf: (key) => places.get(key) ?? 0,
    place: (index) => places.get(met[index] ?? "") ?? 0,
    chosen: (all) => keys.flatMap((key) => all.slice(first.get(key) ?? 0, (first.get(key) ?? 0) + 1)),
  };
}

/** The steps of a rule of an older program are the same, in the same order, as they were there. */
function keysOf(context: Context, { name }: Rule): (step: Step) => string {
  const own = stepKeys(context);
  const old = context.parts.retiredSteps.get(name);
  if (old === undefined) return own;
  const keys = allSteps(old).map(({ key }) => key).values();
  return (step) => keys.next().value ?? own(step);
}

/** Of one rule: the second of two equal steps has another key than the first, whatever stands between them. */
function stepKeys(context: Context): (step: Step) => string {
  const met = new Map<string, number>();
  return (step) => {
    const content = keyOf(stepMeaning(context, step));
    const place = met.get(content) ?? 0;
    met.set(content, place + 1);
    return keyOf([content, place]);
  };
}

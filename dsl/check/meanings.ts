// What the references of trees mean, and what steps, moments and rules mean: everything that enters a key or the hash of
// the program besides the trees themselves.

import type { Experiment, Expr, Points, Policy, Program, Quiet, Rule, Schedule, Segment, Step, Tier } from "../program.js";
import { byCodeUnits } from "./declared.js";
import { type Meanings, heldMeaning, keyOf, meaning } from "./keys.js";
import type { Parts } from "./parts.js";
import { blocksOf } from "../walk.js";

/** Keys of all that trees refer to, made in dependency order, so that none is made far within another. */
export function meaningsOf(parts: Parts, order: readonly string[]): Meanings {
  const { declared, aggregates, segments, tiers, points, experiments, rankings, populations } = parts;
  const traits = new Map<number, string>();
  const members = new Map<number, string>();
  const levels = new Map<number, string>();
  const ranks = new Map<number, string>();
  const meanings: Meanings = {
    aggregate: (index) => aggregates[index]?.key ?? "",
    trait: (index) => traits.get(index) ?? "",
    segment: (index) => members.get(index) ?? "",
    tier: (index) => levels.get(index) ?? "",
    points: (index) => points[index]?.name ?? "",
    experiment: (index) => experiments[index]?.name ?? "",
    ranking: (index) => ranks.get(index) ?? "",
    population: (index) => {
      const population = populations[index];
      return population === undefined ? "" : keyOf([population.fn, meaning(population.of, meanings)]);
    },
  };
  for (const entry of order) {
    const [kind, name = ""] = entry.split(" ");
    if (kind === "trait") {
      const index = declared.traitIndex.get(name) ?? -1;
      const trait = parts.traits[index];
      if (trait !== undefined) traits.set(index, keyOf(meaning(trait.value, meanings)));
    } else if (kind === "segment") {
      const index = declared.segmentIndex.get(name) ?? -1;
      const segment = segments[index];
      if (segment !== undefined) members.set(index, keyOf([heldMeaning(segment.enter, meanings), heldMeaning(segment.leave, meanings)]));
    } else if (kind === "ranking") {
      const index = Number(name);
      const ranking = rankings[index];
      if (ranking !== undefined) ranks.set(index, keyOf([meaning(ranking.value, meanings), meaning(ranking.among, meanings)]));
    } else {
      const index = declared.tierIndex.get(name) ?? -1;
      const tier = tiers[index];
      if (tier !== undefined) levels.set(index, keyOf([meaning(tier.value, meanings), tier.levels]));
    }
  }
  return meanings;
}

// ---- steps and moments ----

export interface Context {
  readonly parts: Parts;
  readonly meanings: Meanings;
}

const tree = ({ meanings }: Context, of: Expr | null): unknown => (of === null ? null : meaning(of, meanings));

export const watchKey = (context: Context, index: number): string => keyOf(tree(context, context.parts.watches[index] ?? null));

/** Without what stands in its blocks: that has keys of its own. */
export function stepMeaning(context: Context, step: Step): unknown {
  const { channels, points, experiments } = context.parts;
  const of = (expression: Expr | null): unknown => tree(context, expression);
  switch (step.k) {
    case "wait": return [step.k, of(step.for)];
    case "waitClock": return [step.k, step.at, step.weekday];
    case "waitTime": return [step.k, of(step.until)];
    // A run that waits has not taken the event yet, so what becomes of it may change.
    case "waitFor": return [step.k, step.moments.map((each) => momentMeaning(context, each)), step.within.ms, step.within.months];
    case "if": return [step.k, of(step.if)];
    case "send": return [step.k, channels[step.channel]?.name ?? "", step.template, of(step.payload), step.urgent];
    case "emit": return [step.k, step.name, of(step.payload)];
    case "set": return [step.k, step.path, of(step.value)];
    case "award": case "take": return [step.k, points[step.points]?.name ?? "", of(step.amount)];
    case "split": return [step.k, experiments[step.experiment]?.name ?? ""];
    case "stop": return [step.k];
  }
}

function momentMeaning(context: Context, moment: Rule["until"][number]): unknown {
  const { meanings } = context;
  switch (moment.k) {
    case "event": return [moment.k, moment.event, tree(context, moment.where)];
    case "enter": case "leave": return [moment.k, meanings.segment(moment.segment)];
    case "up": case "down": return [moment.k, meanings.tier(moment.tier)];
    case "change": return [moment.k, watchKey(context, moment.watch)];
    case "condition": return [moment.k, tree(context, moment.if)];
  }
}

/** Moments are found by names in the hash: segments of one meaning and two names are two. */
function momentName(context: Context, moment: Rule["until"][number]): unknown {
  const { segments, tiers } = context.parts;
  if (moment.k === "enter" || moment.k === "leave") return [moment.k, segments[moment.segment]?.name ?? ""];
  return moment.k === "up" || moment.k === "down" ? [moment.k, tiers[moment.tier]?.name ?? ""] : momentMeaning(context, moment);
}

// ---- the whole ----

/** Of everything, but by meaning: a program has the same hash however its files are arranged. */
export function hashOf(context: Context, events: Program["events"], profile: Program["profile"], rules: readonly Rule[]): string {
  const { parts, meanings } = context;
  const { declared, aggregates, traits, segments, points, tiers, experiments, metrics, channels, policies } = parts;
  const of = (expression: Expr | null): unknown => tree(context, expression);
  return keyOf({
    events, profile, retain: parts.retain,
    aggregates: aggregates.map(({ key }) => key).sort(byCodeUnits),
    traits: [...declared.traitIndex].map(([name, index]) => [name, meanings.trait(index), traits[index]?.value.type.k]),
    segments: segments.map(({ name, label }: Segment, index) => [name, label, meanings.segment(index)]),
    points: points.map((each: Points) => ({ ...each, earn: each.earn.map((line) => ({ ...line, where: of(line.where), amount: of(line.amount) })) })),
    tiers: tiers.map(({ name }: Tier, index) => [name, meanings.tier(index)]),
    experiments: experiments.map((each: Experiment) => ({
      ...each, goal: each.goal === null ? null : { ...each.goal, where: of(each.goal.where), value: of(each.goal.value) },
    })),
    rankings: parts.rankings.map((_, index) => meanings.ranking(index)).sort(byCodeUnits),
    metrics: metrics.map(({ name, value }) => [name, of(value)]),
    channels: channels.map(({ name, policies: own }) => [name, own.map((index) => policies[index]?.name ?? "")]),
    policies: policies.map((each: Policy) => ({ ...each, when: each.when.map(of), quiet: each.quiet.map((quiet: Quiet) => (quiet.k === "condition" ? { ...quiet, if: of(quiet.if) } : quiet)) })),
    rules: rules.map((rule) => ({
      ...rule,
      on: rule.on.map((each) => momentName(context, each)),
      schedules: rule.schedules.map((each: Schedule) => (each.k === "yearly" ? { ...each, date: of(each.date) } : each)),
      when: of(rule.when), per: of(rule.per),
      until: rule.until.map((each) => momentName(context, each)),
      steps: stepsMeaning(context, rule.steps),
    })),
  });
}

function stepsMeaning(context: Context, steps: readonly Step[]): unknown {
  return steps.map((step) => [
    stepMeaning(context, step),
    ...(step.k === "split" ? [step.branches.map(({ variant }) => variant)] : step.k === "waitFor" ? [step.as, step.keeps, step.then !== null, step.moments.map((each) => momentName(context, each))] : []),
    ...blocksOf(step).map((block) => stepsMeaning(context, block)),
  ]);
}

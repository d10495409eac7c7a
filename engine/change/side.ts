/**
 * What a comparison of two programs knows of one of them: each of its parts by its name, with the hash of what it means. Of a
 * program whose rules nobody has any more, what its states' layout says: keys and names, and of most things no meaning.
 */
import { keyOf, meaning } from "../../dsl/check/keys.js";
import type { Expr, Policy, Program } from "../../dsl/program.js";
import { spell } from "../../dsl/spell.js";
import { standingKey } from "../compile/steps.js";
import type { Compiled } from "../compile/compiled.js";
import { layoutOf, type Layout } from "../state.js";
import { shapeOf } from "../state-types.js";
import { referenceMeanings } from "./meanings.js";
import { ruleAspects } from "./rule-meaning.js";

export const KINDS = [
  "event", "profile", "retention", "aggregate", "trait", "segment", "points", "tier", "experiment", "group", "channel", "ranking", "metric", "rule",
] as const;
export type Kind = (typeof KINDS)[number];

export interface Known {
  /** As a person calls it; aggregates and rankings as their author would write them. */
  readonly name: string;
  /** The same for two parts of one kind exactly where they mean the same; null: nobody knows. */
  readonly meaning: string | null;
  /** Hashes of what it is made of, by what a person calls that: where two differ, these tell in what. */
  readonly aspects: { readonly [aspect: string]: string };
}

export interface Side {
  /** By kind; aggregates and rankings by key, all else by name. Undefined: of this kind nobody knows anything. */
  readonly parts: { readonly [K in Kind]?: ReadonlyMap<string, Known> };
  readonly layout: Layout;
  /** Null: nobody has the rules any more. */
  readonly program: Program | null;
}

/** All that a layout says of a rule's steps. */
export const STANDS = "steps that wait";

type Parts = Map<string, Known>;

const NOTHING: { readonly [aspect: string]: string } = {};

export function sideOf(compiled: Compiled): Side {
  const { program } = compiled;
  const layout = layoutOf(compiled);
  const meanings = referenceMeanings(program);
  const of = (tree: Expr | null): unknown => (tree === null ? null : meaning(tree, meanings));
  const named = <T extends { readonly name: string }>(list: readonly T[], aspectsOf: (one: T, index: number) => Readonly<Record<string, unknown>>): Parts =>
    new Map(list.map((one, index) => [one.name, known(one.name, aspectsOf(one, index))]));
  const parts: { readonly [K in Kind]: Parts } = {
    event: named(program.events, ({ wire, fields }) => ({ "name on the wire": wire, fields })),
    profile: named(program.profile, ({ wire, type, maybe, default: usual }) => ({ type: shapeOf(type), values: type, "name on the wire": wire, default: [maybe, usual] })),
    retention: new Map(program.retain === null ? [] : [["retain", known("retain", { length: program.retain })]]),
    aggregate: new Map(program.aggregates.map((aggregate, index) => [
      aggregate.key, { name: spell(program, { k: "aggregate", index, key: null, type: aggregate.type, maybe: aggregate.maybe }), meaning: aggregate.key, aspects: NOTHING },
    ])),
    trait: named(program.traits, ({ value }) => ({ value: of(value) })),
    // Meaning what layouts say that they mean: those may be all that is known of the other side.
    segment: new Map(program.segments.map(({ name, label, enter, leave }, index) => [name, {
      ...known(name, { condition: [of(enter.if), enter.forMs, enter.forMonths], until: leave === null ? null : [of(leave.if), leave.forMs, leave.forMonths], label }),
      meaning: meanings.segment(index),
    }])),
    points: named(program.points, ({ earn, expire }) => ({ earn: earn.map((line) => ({ ...line, where: of(line.where), amount: of(line.amount) })), expire })),
    tier: named(program.tiers, ({ value, levels }) => ({ value: of(value), levels })),
    experiment: named(program.experiments, ({ arms, goal }) => ({
      variants: arms.map(({ name }) => name), shares: arms.map(({ percent }) => percent), goal: goal === null ? null : { ...goal, where: of(goal.where), value: of(goal.value) },
    })),
    group: named(groupsOf(program), (policy) => policyAspects(policy, of)),
    channel: named(program.channels, ({ name, policies }) => {
      const own = policies.map((index) => program.policies[index]).find((policy) => policy?.name === name);
      return { ...(own === undefined ? {} : policyAspects(own, of)), groups: policies.map((index) => program.policies[index]?.name ?? "").filter((group) => group !== name).sort() };
    }),
    ranking: new Map(program.rankings.map(({ key }, index) => [
      key, { name: spell(program, { k: "percentile", index, type: { k: "number" }, maybe: true }), meaning: key, aspects: NOTHING },
    ])),
    metric: named(program.metrics, ({ value }) => ({ value: of(value) })),
    rule: new Map(program.rules.map((rule, index) => [rule.name, {
      ...known(rule.name, { ...ruleAspects(rule, meanings, program), label: rule.label, [STANDS]: layout.rules[index]?.ops }), meaning: layout.rules[index]?.key ?? null,
    }])),
  };
  return { parts, layout, program };
}

/** Of a program whose rules nobody has: aggregates and rankings go by their keys, all else by its name. */
export function sideOfLayout(layout: Layout): Side {
  const byName = (names: readonly string[], meaningAt: (index: number) => string | null = () => null): Parts =>
    new Map(names.map((name, index) => [name, { name, meaning: meaningAt(index), aspects: NOTHING }]));
  const byKey = (list: readonly { readonly key: string; readonly name: string }[]): Parts => new Map(list.map(({ key, name }) => [key, { name, meaning: key, aspects: NOTHING }]));
  const names = (list: readonly { readonly name: string }[] | undefined): readonly string[] => (list ?? []).map(({ name }) => name);
  return {
    parts: {
      ...(layout.events === undefined ? {} : { event: byName(Object.keys(layout.events)) }),
      ...(layout.profile === undefined ? {} : { profile: profileOf(layout) }),
      aggregate: byKey(layout.aggregates.map(({ key, fn }) => ({ key, name: `${fn} ${key}` }))),
      segment: byName(layout.segments, (index) => layout.meanings?.segments[index] ?? null),
      ...(layout.points === undefined ? {} : { points: byName(layout.points) }),
      ...(layout.tiers === undefined ? {} : { tier: byName(names(layout.tiers)) }),
      ...(layout.experiments === undefined ? {} : { experiment: byName(names(layout.experiments)) }),
      ...(layout.rankings === undefined ? {} : { ranking: byKey(layout.rankings.map((key) => ({ key, name: `percentile ${key}` }))) }),
      rule: new Map(layout.rules.map(({ name, ops, key }) => [name, { name, meaning: key ?? null, aspects: { [STANDS]: keyOf(ops) } }])),
    },
    layout, program: null,
  };
}

function profileOf({ profile }: Layout): Parts {
  const fields = typeof profile === "object" && !Array.isArray(profile) ? Object.entries(profile) : [];
  return new Map(fields.map(([name, shape]) => [name, { name, meaning: null, aspects: { type: keyOf(shape) } }]));
}

function known(name: string, aspects: Readonly<Record<string, unknown>>): Known {
  const hashes = Object.fromEntries(Object.entries(aspects).map(([aspect, of]) => [aspect, keyOf(of ?? null)]));
  return { name, meaning: keyOf(hashes), aspects: hashes };
}

/** Policies that are not a channel's own. */
const groupsOf = ({ policies, channels }: Program): readonly Policy[] => policies.filter(({ name }) => channels.every((channel) => channel.name !== name));

const policyAspects = ({ when, quiet, caps }: Policy, of: (tree: Expr) => unknown): Readonly<Record<string, unknown>> => ({
  consent: when.map(of), quiet: quiet.map((each) => (each.k === "condition" ? of(each.if) : each)), caps,
});

/** The steps of a rule at which runs may stand, by key. */
export const standsOf = ({ rules }: Compiled): ReadonlyMap<string, ReadonlySet<string>> =>
  new Map(rules.map(({ rule, ops }) => [rule.name, new Set(ops.flatMap((op) => standingKey(op) ?? []))]));

// The checked parts of a program before they are put together. Their trees refer to aggregates, watches, rankings and
// populations by the order in which these were first met, and to everything else by its place among its kind by name.

import type { Aggregate, Channel, Experiment, Expr, Length, Metric, Points, Policy, Population, Ranking, Rule, Segment, Step, Tier } from "../program.js";
import type { Declared } from "./declared.js";
import type { CheckedTrait } from "./site.js";

export interface Parts {
  readonly declared: Declared;
  readonly used: ReadonlySet<string>;
  /** Of `profile retain D`. */
  readonly retain: Length | null;
  /** Each once, in the order in which they were met. */
  readonly aggregates: readonly Aggregate[];
  /** In the order in which they were met; assemble.ts sees which of them are equal. */
  readonly watches: readonly Expr[];
  readonly rankings: readonly Omit<Ranking, "key">[];
  readonly populations: readonly Omit<Population, "key">[];
  /** All that follow stand by name. */
  readonly traits: readonly CheckedTrait[];
  readonly segments: readonly Segment[];
  readonly points: readonly Points[];
  readonly tiers: readonly Tier[];
  readonly experiments: readonly Experiment[];
  readonly metrics: readonly Metric[];
  readonly channels: readonly Channel[];
  readonly policies: readonly Policy[];
  readonly rules: readonly Rule[];
  /** By the name of a rule of an older program: its steps with the keys that they had there. */
  readonly retiredSteps: ReadonlyMap<string, readonly Step[]>;
  /** What each `trait x`, `segment y`, `tier z` and `ranking 0` (its place in `rankings`) needs of these. */
  readonly needs: ReadonlyMap<string, ReadonlySet<string>>;
}

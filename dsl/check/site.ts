// Where an expression stands: what it may see there, and where findings about it go.
//
// A check that finds something reports it and returns null; whoever gets null has nothing more to say about it. So
// one mistake makes one finding, however deep it sits.

import type * as ast from "../ast.js";
import { type Diagnostic, type DiagnosticCode, diagnostic } from "../diagnostics/codes.js";
import type { Aggregate, Expr, Metric, Population, Ranking, Tier, Type } from "../program.js";
import type { Declared, DeclaredEvent } from "./declared.js";
import type { RecordType } from "./types.js";

export type Report = (
  code: DiagnosticCode,
  span: ast.Span,
  message: string,
  more?: { readonly label?: string | undefined; readonly notes?: readonly string[] | undefined },
) => null;

export const reportInto = (found: Diagnostic[]): Report => (code, span, message, more) => {
  found.push(diagnostic(code, span, message, more));
  return null;
};

/** A trait as others refer to it. */
export interface CheckedTrait {
  readonly name: string;
  /** Its place among the traits by name; assemble.ts gives the final one. */
  readonly index: number;
  readonly value: Expr;
  /** It changes with every moment: its tree is put where its name stands. */
  readonly continuous: boolean;
}

/** What all checks of one program share. */
export interface World {
  readonly declared: Declared;
  readonly report: Report;
  /** Null where the trait is wrong itself, or just being checked (a cycle, reported elsewhere). */
  readonly trait: (name: string) => CheckedTrait | null;
  readonly tier: (name: string) => Tier | null;
  /** By the index that trees have. */
  readonly traitAt: (index: number) => CheckedTrait | null;
  readonly tierAt: (index: number) => Tier | null;
  /** Only when all of them have been read: in tests. */
  readonly metric: (name: string) => Metric | null;
  /** Index of an equal aggregate, or of this one from now on. */
  readonly aggregate: (aggregate: Omit<Aggregate, "key">) => number;
  /** Places of these in the lists of all that were met; equal ones are joined when the program is put together. */
  readonly watch: (value: Expr) => number;
  /** `needs`: what its trees refer to, as in Site; whoever reads it needs `ranking INDEX`. */
  readonly ranking: (ranking: Omit<Ranking, "key">, needs: ReadonlySet<string>) => number;
  readonly population: (population: Omit<Population, "key">) => number;
  /** Whether the aggregate of this index is a number of things, never below 0. */
  readonly counts: (index: number) => boolean;
  /** Whether the aggregate of this index is a `no E for D`. */
  readonly isSilence: (index: number) => boolean;
  /** What has been referred to, by name: for the lints and for the events that need no declaration. */
  readonly used: Set<string>;
  /** Where the trees stand in the text. */
  readonly spans: WeakMap<Expr, ast.Span>;
  /** The nodes that stand for aggregates, wherever they are written. */
  readonly written: Set<Expr>;
}

/** The event that a rule's run was started by, or that a wait took, as far as all that it can be agree. */
export interface Start {
  /** Null where no event starts the rule. */
  readonly type: RecordType | null;
  /** There may be none: some start is no event, or the wait has not come to its end. */
  readonly maybe: boolean;
  /** Fields that only some of the events have, with those that lack them. */
  readonly partly: ReadonlyMap<string, readonly string[]>;
}

/**
 * Where an expression stands: in a declaration that speaks of the customer at any time, before a rule's run (`when`,
 * `per`), in a run (steps and what ends it), in what is compared with its past (`change`), in a metric, in what is ranked, or in a test.
 */
export type Place = "declaration" | "start" | "run" | "change" | "metric" | "ranking" | "test";

export interface Site {
  readonly world: World;
  readonly place: Place;
  /** The event looked at: inside aggregates and `where`. */
  readonly row: DeclaredEvent | null;
  /** The innermost list item looked at. */
  readonly item: { readonly type: Type; readonly maybe: boolean } | null;
  /** Null outside rules. */
  readonly start: Start | null;
  /** Events that `wait for … as name` has taken, by that name. */
  readonly captured: ReadonlyMap<string, Start>;
  /** All names that waits of this rule give, known here or not. */
  readonly given: ReadonlySet<string>;
  /** What sees only its own event's fields and constants, as messages call it; null where everything is seen. */
  readonly filter: string | null;
  /** What this declaration refers to: `trait x`, `segment y`, `tier z`, `ranking 0`. */
  readonly needs: Set<string>;
  /** Names of what could not be read; nothing is said about their use. */
  readonly unknown: ReadonlySet<string>;
}

export const siteIn = (world: World, needs: Set<string> = new Set()): Site => ({
  world, place: "declaration", row: null, item: null, start: null, captured: new Map(), given: new Set(), filter: null, needs, unknown: new Set(),
});

/** From the beginning of the one to the end of the other. */
export const between = (from: ast.Span, to: ast.Span): ast.Span => ({ file: from.file, start: from.start, end: to.end });

export const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(", ");

// How declarations and the lines in them are laid out: a line for each clause, field, level, variant; a segment in one
// line or, where that is too long, with `when` and `until` in lines of their own.

import type { Cap, Declaration, EarnLine, ExperimentLine, Goal, Held, Name, PointsLine, Policy, SegmentDeclaration } from "../ast.js";
import { type Doc, group, indent, LINE, SPACE } from "./document.js";
import { eventMatch, expression, fields, value } from "./expressions.js";
import { rule } from "./rules.js";
import type { Cursor } from "./source.js";
import { testBlock } from "./tests.js";
import { block, duration, optional, separated, word, words } from "./words.js";

export function declaration(c: Cursor, d: Declaration): Doc {
  switch (d.k) {
    case "event":
      return [words(c, 2), optional(d.from, () => words(c, 2)), optional(d.retain, (kept) => [word(c), SPACE, duration(c, kept)]), optional(d.type, (type) => fields(c, type))];
    case "profile": return [word(c), optional(d.retain, (kept) => [word(c), SPACE, duration(c, kept)]), SPACE, fields(c, d.type)];
    case "trait": case "metric": return [words(c, 2), SPACE, word(c, "equals"), group(indent(LINE, expression(c, d.value)))];
    case "segment": return segment(c, d);
    case "channel": return [words(c, 2), SPACE, block(c, d.policy, (one) => policy(c, one))];
    case "channels": return [words(c, 3), SPACE, names(c, d.members), SPACE, block(c, d.policy, (one) => policy(c, one))];
    case "points": return [words(c, 2), SPACE, block(c, d.lines, (one) => pointsLine(c, one))];
    case "tier": return [words(c, 3), SPACE, expression(c, d.value), SPACE, block(c, d.levels, () => words(c, 3))];
    case "experiment": return [words(c, 2), SPACE, block(c, d.lines, (one) => experimentLine(c, one))];
    case "rule": return rule(c, d);
    case "test": return testBlock(c, d);
  }
}

export const names = (c: Cursor, all: readonly Name[]): Doc => group(indent(...separated(c, all, () => word(c))));

function segment(c: Cursor, { label, enter, leave }: SegmentDeclaration): Doc {
  const head: Doc = [words(c, 2), optional(label, () => word(c))];
  return group(head, indent(LINE, word(c), SPACE, held(c, enter), leave === null ? [] : [LINE, word(c), SPACE, held(c, leave)]));
}

/** `CONDITION for at least D`. */
const held = (c: Cursor, { if: condition, for: least }: Held): Doc =>
  least === null ? expression(c, condition) : group(expression(c, condition), indent(LINE, words(c, 3), SPACE, duration(c, least)));

function policy(c: Cursor, p: Policy): Doc {
  switch (p.k) {
    case "when": return [word(c), value(c, p.if)];
    case "quiet": return words(c, 4);
    case "quietif": return [words(c, 2), SPACE, expression(c, p.if)];
    case "cap": return cap(c, p);
  }
}

/** `at most 3 per 7 days`, `at most 1 per day`. */
export const cap = (c: Cursor, { per }: Cap): Doc => [words(c, 4), SPACE, per.k === "duration" ? duration(c, per) : word(c)];

const pointsLine = (c: Cursor, line: PointsLine): Doc => (line.k === "earn" ? earn(c, line) : [words(c, 2), SPACE, duration(c, line.after)]);

function earn(c: Cursor, { amount, on, cap: most }: EarnLine): Doc {
  const amountDoc: Doc = [word(c), SPACE, expression(c, amount)];
  const event: Doc = [word(c), SPACE, eventMatch(c, on)];
  return group(amountDoc, indent(LINE, event, most === null ? [] : [LINE, cap(c, most)]));
}

const experimentLine = (c: Cursor, line: ExperimentLine): Doc => (line.k === "arm" ? [words(c, 2), word(c)] : goal(c, line));

function goal(c: Cursor, { on, within, value: worth }: Goal): Doc {
  const event: Doc = [word(c), SPACE, eventMatch(c, on)];
  const bound: Doc = [word(c), SPACE, duration(c, within)];
  return group(event, indent(LINE, bound, worth === null ? [] : [LINE, word(c), SPACE, expression(c, worth)]));
}

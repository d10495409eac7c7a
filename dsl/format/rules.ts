// How rules are laid out: a line for each clause and each step, and a blank line between the former and the latter.

import type { Clause, Fork, IfStep, RuleDeclaration, Schedule, Step, WaitForStep } from "../ast.js";
import { cap } from "./declarations.js";
import { type Doc, FLUSH_SPACE, group, LINE, SPACE } from "./document.js";
import { expression, moment, object, value } from "./expressions.js";
import type { Cursor } from "./source.js";
import { block, duration, optional, word, words } from "./words.js";

export function rule(c: Cursor, { label, clauses, steps }: RuleDeclaration): Doc {
  const head: Doc = [words(c, 2), optional(label, () => word(c)), SPACE];
  const lines = [...clauses.map((one) => () => clause(c, one)), ...steps.map((one) => () => step(c, one))];
  return [head, block(c, lines, (one) => one(), { before: (i) => (i === clauses.length ? "one" : "kept") })];
}

function clause(c: Cursor, one: Clause): Doc {
  switch (one.k) {
    case "start": return [word(c), SPACE, moment(c, one.moment)];
    case "schedule": return [word(c), SPACE, schedule(c, one.every)];
    case "when": return [word(c), value(c, one.if)];
    case "per": return [word(c), SPACE, expression(c, one.key)];
    case "repeat": case "priority": return words(c, 2);
    case "cap": return cap(c, one);
    case "untilif": return [word(c), SPACE, expression(c, one.if)];
    case "untilon": return [word(c), SPACE, moment(c, one.moment)];
  }
}

function schedule(c: Cursor, every: Schedule): Doc {
  switch (every.k) {
    case "daily": case "weekly": return words(c, 4);
    case "monthly": return words(c, 6);
    case "yearly": return [words(c, 3), SPACE, expression(c, every.date), SPACE, words(c, 2)];
  }
}

const steps = (c: Cursor, all: readonly Step[]): Doc => block(c, all, (one) => step(c, one));

function step(c: Cursor, s: Step): Doc {
  switch (s.k) {
    case "wait": return [word(c), SPACE, expression(c, s.for)];
    case "waitclock": return words(c, 3);
    case "waitday": return words(c, 4);
    case "waittime": return [words(c, 2), SPACE, expression(c, s.at)];
    case "waitfor": return waitFor(c, s);
    case "if": return choice(c, s);
    case "send": return [words(c, 3), optional(s.payload, (data) => object(c, data)), optional(s.urgent, () => word(c))];
    case "emit": return [words(c, 2), optional(s.payload, (data) => object(c, data))];
    // The dots of the target stand close.
    case "set": return [words(c, 2), s.target.map(() => [word(c), word(c)]), SPACE, word(c), value(c, s.value)];
    case "tag": case "untag": return words(c, 2);
    case "award": return [word(c), SPACE, expression(c, s.amount), SPACE, word(c)];
    case "take": return [word(c), SPACE, expression(c, s.amount), SPACE, word(c), optional(s.fork, (one) => fork(c, one))];
    case "split": return [words(c, 2), SPACE, block(c, s.branches, ({ steps: inner }) => [word(c), SPACE, steps(c, inner)])];
    case "stop": return word(c);
  }
}

function waitFor(c: Cursor, s: WaitForStep): Doc {
  const head: Doc = [words(c, 2), SPACE, moment(c, s.moment), SPACE, words(c, 2), SPACE, duration(c, s.within)];
  return [head, optional(s.as, () => words(c, 2)), optional(s.fork, (one) => fork(c, one))];
}

/** `{ … } else { … }`. */
const fork = (c: Cursor, one: Fork): Doc => [steps(c, one.then), one.else === null ? [] : [FLUSH_SPACE, word(c), SPACE, steps(c, one.else)]];

/** The `{` behind a condition of several lines begins a line, so that condition and steps are told apart. */
function choice(c: Cursor, one: IfStep): Doc {
  const head: Doc = [group(word(c), SPACE, expression(c, one.if), LINE), steps(c, one.then)];
  if (one.else === null) return head;
  const keyword: Doc = [FLUSH_SPACE, word(c), SPACE];
  const [only] = one.else;
  // `else if` is a tree like `else { if }`: which it is, the text says.
  return [head, keyword, c.peek() === "if" && only?.k === "if" ? choice(c, only) : steps(c, one.else)];
}

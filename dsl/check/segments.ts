// Segments: conditions that are watched.

import type * as ast from "../ast.js";
import type { Expr, Held, Segment } from "../program.js";
import { watchedCondition } from "./conditions.js";
import { knownTruth } from "./constants.js";
import { positiveLength } from "./durations.js";
import { keyOf } from "./keys.js";
import { type World, siteIn } from "./site.js";
import * as tree from "./trees.js";

const NEVER: Held = { if: tree.truth(false), forMs: 0, forMonths: 0 };

/** What is wrong stands as `false`; such a program is never run. */
export function readSegment(world: World, written: ast.SegmentDeclaration, needs: Set<string>): Segment {
  const { name, label } = written;
  const enter = readHeld(world, written.enter, needs);
  const leave = written.leave === null ? null : readHeld(world, written.leave, needs);
  if (enter !== null && (written.leave === null || leave !== null)) lintSegment(world, name, enter, leave);
  return { name: name.text, label: label?.value ?? null, enter: enter ?? NEVER, leave };
}

function readHeld(world: World, written: ast.Held, needs: Set<string>): Held | null {
  // A constant condition is a finding about the whole segment.
  const condition = watchedCondition(siteIn(world, needs), written.if, false);
  const length = written.for === null ? { ms: 0, months: 0 } : positiveLength(written.for, world.report);
  return condition === null || length === null ? null : { if: condition, forMs: length.ms, forMonths: length.months };
}

function lintSegment(world: World, name: ast.Name, enter: Held, leave: Held | null): void {
  const truth = (of: Expr): boolean | null => knownTruth(of, world);
  const nobody = (why: string): null => world.report("W0008", name.span, `nobody can enter "${name.text}"`, { notes: [why] });
  const everlasting = (why: string): null => world.report("W0009", name.span, `nobody can leave "${name.text}"`, { notes: [why] });
  if (truth(enter.if) === false) nobody("its condition is never true");
  else if (leave !== null && truth(leave.if) === true && leave.forMs + leave.forMonths === 0) nobody("what ends the membership is always true");
  else if (leave !== null && leave.forMs + leave.forMonths === 0 && keyOf(leave.if) === keyOf(enter.if)) nobody("what begins the membership ends it at the same time");
  else if (leave !== null && truth(leave.if) === false) everlasting("what ends the membership is never true");
  else if (leave === null && truth(enter.if) === true) everlasting("its condition is always true");
}

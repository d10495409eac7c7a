// Segments and channels: conditions that are watched.

import type * as ast from "../ast.js";
import type { Expr, Held, Policy, Segment } from "../program.js";
import { watchedCondition } from "./conditions.js";
import { knownTruth } from "./constants.js";
import { positiveLength } from "./durations.js";
import { keyOf } from "./keys.js";
import { type World, siteIn, unsupported } from "./site.js";
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
  const truth = (of: Expr): boolean | null => knownTruth(of, world.counts);
  const nobody = (why: string): null => world.report("W0008", name.span, `nobody can enter "${name.text}"`, { notes: [why] });
  const everlasting = (why: string): null => world.report("W0009", name.span, `nobody can leave "${name.text}"`, { notes: [why] });
  if (truth(enter.if) === false) nobody("its condition is never true");
  else if (leave !== null && truth(leave.if) === true && leave.forMs + leave.forMonths === 0) nobody("what ends the membership is always true");
  else if (leave !== null && leave.forMs + leave.forMonths === 0 && keyOf(leave.if) === keyOf(enter.if)) nobody("what begins the membership ends it at the same time");
  else if (leave !== null && truth(leave.if) === false) everlasting("what ends the membership is never true");
  else if (leave === null && truth(enter.if) === true) everlasting("its condition is always true");
}

export function readChannel(world: World, written: ast.ChannelDeclaration): Policy {
  const when: Expr[] = [];
  let conditions = 0;
  for (const line of written.policy) {
    switch (line.k) {
      case "when": {
        conditions++;
        // `when true` is how one says that everyone may be reached.
        const condition = watchedCondition(siteIn(world), line.if, line.if.k !== "true");
        if (condition !== null) when.push(condition);
        break;
      }
      case "quiet": unsupported(world.report, "`quiet`", line.span); break;
      case "quietif": unsupported(world.report, "`quiet`", line.span); break;
      case "cap": unsupported(world.report, "`at most` of a channel", line.span); break;
    }
  }
  if (conditions === 0) {
    world.report("W0007", written.name.span, `"${written.name.text}" reaches everyone, with or without consent`, { label: "write `when CONDITION`, or `when true`" });
  }
  return { name: written.name.text, when, quiet: [], caps: [] };
}

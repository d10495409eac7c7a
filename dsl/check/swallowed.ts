// `wait for E` in a rule with `until E`: the run ends before the wait can take E. A lint of what is written.

import type * as ast from "../ast.js";
import { sameMeaning } from "../format/same.js";
import type { World } from "./site.js";

/** What the clauses end the run at, and may come by itself. */
type Ending = ast.EventMatch | Exclude<ast.Moment, ast.EventsMoment>;

export function lintSwallowed(world: World, { clauses, steps }: ast.RuleDeclaration): void {
  const endings = clauses.flatMap((clause) => endingsOf(world, clause));
  if (endings.length === 0) return;
  for (const { moment } of waitsAmong(steps)) {
    for (const awaited of momentsOf(moment)) {
      if (!endings.some((ending) => swallows(ending, awaited))) continue;
      world.report("W0017", awaited.span, "`until` ends the run before this wait can take it", { label: "wait for something else, or take it out of `until`" });
    }
  }
}

const momentsOf = (moment: ast.Moment): readonly Ending[] => (moment.k === "events" ? moment.events : [moment]);

function endingsOf({ declared }: World, clause: ast.Clause): readonly Ending[] {
  if (clause.k === "untilon") return momentsOf(clause.moment);
  if (clause.k !== "untilif" || clause.if.k !== "name" || !declared.events.has(clause.if.name.text)) return [];
  return [{ k: "on", event: clause.if.name, where: null, span: clause.span }];
}

/** Whether whatever meets `awaited` also meets `ending`. */
function swallows(ending: Ending, awaited: Ending): boolean {
  if (ending.k === "on" && awaited.k === "on") {
    return ending.event.text === awaited.event.text && (ending.where === null || sameMeaning(ending.where, awaited.where));
  }
  return sameMeaning(ending, awaited);
}

function waitsAmong(steps: readonly ast.Step[]): readonly ast.WaitForStep[] {
  return steps.flatMap((step): readonly ast.WaitForStep[] => {
    switch (step.k) {
      case "if": return waitsAmong([...step.then, ...(step.else ?? [])]);
      case "waitfor": return [step, ...waitsAmong([...(step.fork?.then ?? []), ...(step.fork?.else ?? [])])];
      case "take": return waitsAmong([...(step.fork?.then ?? []), ...(step.fork?.else ?? [])]);
      case "split": return step.branches.flatMap((branch) => waitsAmong(branch.steps));
      default: return [];
    }
  });
}

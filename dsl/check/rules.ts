// Rules: what starts a run, what ends it, how often, and what it keeps of its events.

import type * as ast from "../ast.js";
import { didYouMean } from "../diagnostics/suggest.js";
import type { Cap, Expr, Rule } from "../program.js";
import { readCap, wholeNumber } from "./caps.js";
import { momentaryCondition, momentaryValue, watchedCondition } from "./conditions.js";
import { byCodeUnits } from "./declared.js";
import { type ReadWhere, eventAmong, readEvents, readMoment } from "./moments.js";
import { type Site, type World, siteIn } from "./site.js";
import { readStarts } from "./starts.js";
import { momentTrees, stepTrees } from "../walk.js";
import { type WaitFor, withKeeps } from "./step-trees.js";
import { readSteps } from "./steps.js";
import { lintSwallowed } from "./swallowed.js";
import * as tree from "./trees.js";
import { type RecordType, describe, isScalar } from "./types.js";
import { type Captures, capturesOf, namesGiven } from "./waits.js";

const HIGHEST_PRIORITY = 1_000_000;

type Until = Rule["until"][number];

export function readRule(world: World, written: ast.RuleDeclaration): Rule {
  const { on, schedules, start, whole } = readStarts(world, written);
  const before: Site = { ...siteIn(world), place: "start", start, given: namesGiven(written.steps), unknown: new Set(whole ? [] : ["event"]) };
  const captures: Captures = new Map();
  const steps = readSteps({ ...before, place: "run" }, written.steps, captures);
  const during: Site = { ...before, place: "run", captured: capturesOf(captures) };
  const until: Until[] = [];
  const caps: Cap[] = [];
  let when: Expr | null = null;
  let per: Expr | null = null;
  const given = new Set<string>();
  const once = (what: string, span: ast.Span): void => {
    if (given.has(what)) world.report("E0304", span, `\`${what}\` is given twice`);
    given.add(what);
  };
  let priority = 0;
  for (const clause of written.clauses) {
    switch (clause.k) {
      case "start": case "schedule": break;
      case "per":
        once("per", clause.span);
        per = readPer(before, clause.key);
        break;
      case "when": when = tree.both(when, momentaryCondition(before, clause.if)); break;
      case "repeat": once("repeat restart", clause.span); break;
      case "priority":
        once("priority", clause.span);
        priority = wholeNumber(world, clause.value, 0, HIGHEST_PRIORITY) ?? 0;
        break;
      case "cap": {
        const cap = readCap(world, clause);
        if (cap !== null) caps.push(cap);
        break;
      }
      case "untilif": case "untilon": until.push(...readUntil(during, clause)); break;
    }
  }
  lintSwallowed(world, written);
  if (written.steps.length === 0) world.report("W0012", written.name.span, `"${written.name.text}" does nothing`);
  const reads = readsOf([...stepTrees(steps), ...until.flatMap(momentTrees)]);
  return {
    name: written.name.text,
    label: written.label?.value ?? null,
    priority, on, schedules, when, per,
    restart: given.has("repeat restart"),
    caps, until,
    steps: withKeeps(steps, (step) => keptOfWait(world, step, reads)),
    keeps: kept(start.type, reads.get(EVENT)),
  };
}

/** One run per value, so it must be one that can be told from others at a glance. */
function readPer(site: Site, written: ast.Expression): Expr | null {
  const value = momentaryValue(site, written);
  if (value === null || isScalar(value.type)) return value;
  return site.world.report("E0205", written.span, `\`per\` takes a single value, this is ${describe(value.type)}`);
}

// ---- what ends a run ----

function readUntil(site: Site, clause: ast.UntilIfClause | ast.UntilOnClause): readonly Until[] {
  const { declared, report } = site.world;
  const where: ReadWhere = (row, written) => momentaryCondition({ ...site, row }, written);
  if (clause.k === "untilon") return readMoment(site, clause.moment, where).moments;
  const { if: written } = clause;
  const name = written.k === "name" ? written.name : null;
  if (name !== null) {
    if (declared.events.has(name.text)) return readEvents(site, [{ k: "on", event: name, where: null, span: name.span }], where).moments;
    if (!site.captured.has(name.text) && name.text !== "event" && name.text !== "profile" && name.text !== "now" && !declared.names.has(name.text)) {
      report("E0103", name.span, `there is no event, segment or trait "${name.text}"`, {
        label: didYouMean(name.text, [...declared.events.keys(), ...declared.segments.keys(), ...declared.traits.keys()]),
      });
      return [];
    }
  }
  if (written.k === "duration") {
    report("E0203", written.span, "a condition must be true or false, this is a duration", { label: `\`until since(event.time) >= ${written.count} ${written.unit}${written.count === 1 ? "" : "s"}\` ends the run after it` });
    return [];
  }
  const condition = watchedCondition(site, written);
  return condition === null ? [] : [{ k: "condition", if: condition }];
}

// ---- what a run keeps ----

/** What is read of an event: some of its top-level fields, or all of it. */
interface Reads {
  readonly fields: Set<string>;
  whole: boolean;
}

/** By the name of the event: `event`, or what a wait calls it. No wait can take that name, which is a word of the language. */
const EVENT = "event";

/** What these trees read of the run's events. What waits have taken is known only when everything that may read it is. */
function readsOf(trees: readonly Expr[]): ReadonlyMap<string, Reads> {
  const all = new Map<string, Reads>();
  const of = (name: string): Reads => {
    const known = all.get(name) ?? { fields: new Set(), whole: false };
    all.set(name, known);
    return known;
  };
  const wholly = (node: Expr): void => {
    const name = eventNamed(node);
    if (name !== null) of(name).whole = true;
  };
  for (const root of trees) {
    wholly(root);
    for (const node of tree.nodes(root)) {
      const name = node.k === "field" ? eventNamed(node.of) : null;
      if (name !== null && node.k === "field") of(name).fields.add(node.name);
      else tree.children(node).forEach(wholly);
    }
  }
  return all;
}

const eventNamed = (of: Expr): string | null => (of.k === "input" && of.of === "event" ? EVENT : of.k === "captured" ? of.name : null);

function kept(type: RecordType | null, reads: Reads | undefined): readonly string[] {
  const all = type?.fields.map(({ name }) => name) ?? [];
  return all.filter((name) => reads !== undefined && (reads.whole || reads.fields.has(name))).sort(byCodeUnits);
}

function keptOfWait({ declared }: World, { as, moments }: WaitFor, reads: ReadonlyMap<string, Reads>): readonly string[] {
  if (as === null) return [];
  const events = moments.flatMap((moment) => (moment.k === "event" ? [declared.events.get(moment.event)] : [])).filter((event) => event !== undefined);
  return kept(eventAmong(events, false).type, reads.get(as));
}

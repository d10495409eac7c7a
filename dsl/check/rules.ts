// Rules: what starts a run, what ends it, how often, and what it keeps of its event.

import type * as ast from "../ast.js";
import { didYouMean } from "../diagnostics/suggest.js";
import type { Cap, Expr, Moment, Rule } from "../program.js";
import { eventOf } from "./aggregates.js";
import { momentaryCondition, watchedCondition } from "./conditions.js";
import { type DeclaredEvent, UNSUPPORTED_EVENTS, byCodeUnits } from "./declared.js";
import { isCalendar, positiveLength } from "./durations.js";
import { type Site, type Start, type World, siteIn, unsupported } from "./site.js";
import { momentTrees, stepTrees } from "./step-trees.js";
import { readSteps } from "./steps.js";
import * as tree from "./trees.js";
import { type RecordType, join, plainField } from "./types.js";

/** The starts that a cap counts are kept with the customer. */
const HIGHEST_CAP = 1000;
const HIGHEST_PRIORITY = 1_000_000;

type Until = Rule["until"][number];

export function readRule(world: World, written: ast.RuleDeclaration): Rule {
  const outside = siteIn(world);
  const { events, moments, whole } = readStarts(outside, written);
  const start = startOf(events, moments.some(({ k }) => k !== "event"));
  // Where a start could not be read, nobody knows what `event` is.
  const site: Site = { ...outside, start, unknown: new Set(whole ? [] : ["event"]) };
  const until: Until[] = [];
  const caps: Cap[] = [];
  let when: Expr | null = null;
  let priority: number | null = null;
  let restart = false;
  const twice = (what: string, span: ast.Span): null => world.report("E0304", span, `\`${what}\` is given twice`);
  for (const clause of written.clauses) {
    switch (clause.k) {
      case "start": break;
      case "schedule": unsupported(world.report, "`on every`", clause.span); break;
      case "per":
        unsupported(world.report, "`per`", clause.span);
        break;
      case "when": when = tree.both(when, momentaryCondition(site, clause.if)); break;
      case "repeat":
        if (restart) twice("repeat restart", clause.span);
        restart = true;
        break;
      case "priority":
        if (priority !== null) twice("priority", clause.span);
        priority = wholeNumber(world, clause.value, 0, HIGHEST_PRIORITY);
        break;
      case "cap": {
        const cap = readCap(world, clause);
        if (cap !== null) caps.push(cap);
        break;
      }
      case "untilif": case "untilon": until.push(...readUntil(site, clause)); break;
    }
  }
  if (written.steps.length === 0) world.report("W0012", written.name.span, `"${written.name.text}" does nothing`);
  const steps = readSteps(site, written.steps);
  return {
    name: written.name.text,
    label: written.label?.value ?? null,
    priority: priority ?? 0,
    on: moments, schedules: [], when, per: null, restart, caps, until, steps,
    keeps: keptFields(start.type, [...stepTrees(steps), ...until.flatMap(momentTrees)]),
  };
}

// ---- starts ----

interface Starts {
  readonly events: readonly DeclaredEvent[];
  readonly moments: readonly Moment[];
  /** All of them could be read. */
  readonly whole: boolean;
}

function readStarts(site: Site, { name, clauses }: ast.RuleDeclaration): Starts {
  const events: DeclaredEvent[] = [];
  const moments: Moment[] = [];
  const starts = clauses.filter((clause) => clause.k === "start" || clause.k === "schedule");
  if (starts.length === 0) site.world.report("E0303", name.span, `nothing starts "${name.text}"`, { label: "it needs an `on EVENT`, `on enter SEGMENT` or `on leave SEGMENT`" });
  let whole = true;
  for (const clause of starts) {
    if (clause.k !== "start" || clause.moment.k !== "events") {
      const change = clause.k === "start" && clause.moment.k !== "events" ? readChange(site, clause.moment) : null;
      if (change === null) whole = false;
      else moments.push(change);
      continue;
    }
    for (const match of clause.moment.events) {
      const event = eventOf(site, match.event);
      if (event === null) {
        whole = false;
        continue;
      }
      events.push(event);
      const where = match.where === null ? null : momentaryCondition({ ...site, row: event, filter: "the `where` of a start" }, match.where);
      moments.push({ k: "event", event: event.name, where });
    }
  }
  return { events, moments, whole };
}

function readChange(site: Site, moment: Exclude<ast.Moment, ast.EventsMoment>): Moment | null {
  const { report, declared, used } = site.world;
  if (moment.k === "up" || moment.k === "down") return unsupported(report, `a tier's \`${moment.k}\``, moment.span);
  if (moment.k === "change") return unsupported(report, "`change`", moment.span);
  const { name: { text, span }, k } = moment;
  const segment = declared.segmentIndex.get(text);
  if (segment !== undefined) {
    used.add(text);
    return { k, segment };
  }
  const kind = declared.names.get(text);
  if (kind === "broken" || kind === "unsupported") return null;
  return report("E0104", span, `there is no segment "${text}"`, {
    label: kind === undefined ? didYouMean(text, declared.segments.keys()) : `"${text}" is ${kind === "event" ? "an event" : `a ${kind}`}`,
  });
}

/** What `event` is: the fields that all of the events have, with one type. */
function startOf(events: readonly DeclaredEvent[], maybe: boolean): Start {
  const kinds = [...new Map(events.map((event) => [event.name, event])).values()];
  const [first, ...rest] = kinds;
  if (first === undefined) return { type: null, maybe, partly: new Map() };
  let type: RecordType = first.record;
  for (const other of rest) type = common(type, other.record);
  const partly = new Map<string, string[]>();
  for (const { name } of kinds.flatMap(({ record }) => record.fields)) {
    if (type.fields.some((field) => field.name === name) || partly.has(name)) continue;
    const lacking = kinds.filter(({ record }) => !record.fields.some((field) => field.name === name));
    partly.set(name, (lacking.length > 0 ? lacking : rest).map((event) => event.name));
  }
  return { type, maybe, partly };
}

function common(a: RecordType, b: RecordType): RecordType {
  const fields = a.fields.flatMap((field) => {
    const other = b.fields.find(({ name }) => name === field.name);
    const type = other === undefined ? null : join(field.type, other.type);
    return other === undefined || type === null ? [] : [plainField(field.name, type, field.maybe || other.maybe)];
  });
  return { k: "record", fields };
}

// ---- clauses ----

function readUntil(site: Site, clause: ast.UntilIfClause | ast.UntilOnClause): readonly Until[] {
  const { declared } = site.world;
  if (clause.k === "untilif") {
    const { if: written } = clause;
    const name = written.k === "name" ? written.name : null;
    if (name !== null && (declared.events.has(name.text) || UNSUPPORTED_EVENTS.has(name.text))) {
      return endingEvent(site, { k: "on", event: name, where: null, span: name.span });
    }
    if (name !== null && name.text !== "event" && name.text !== "profile" && name.text !== "now" && !declared.names.has(name.text)) {
      site.world.report("E0103", name.span, `there is no event, segment or trait "${name.text}"`, {
        label: didYouMean(name.text, [...declared.events.keys(), ...declared.segments.keys(), ...declared.traits.keys()]),
      });
      return [];
    }
    const condition = watchedCondition(site, written);
    return condition === null ? [] : [{ k: "condition", if: condition }];
  }
  const { moment } = clause;
  if (moment.k === "events") return moment.events.flatMap((match) => endingEvent(site, match));
  const change = readChange(site, moment);
  return change === null ? [] : [change];
}

function endingEvent(site: Site, { event: name, where: written }: ast.EventMatch): readonly Until[] {
  const event = eventOf(site, name);
  if (event === null) return [];
  const where = written === null ? null : momentaryCondition({ ...site, row: event }, written);
  return written !== null && where === null ? [] : [{ k: "event", event: event.name, where }];
}

function readCap(world: World, { count, per }: ast.Cap): Cap | null {
  const most = wholeNumber(world, count, 1, HIGHEST_CAP);
  if (per.k === "period") return unsupported(world.report, `\`per ${per.period}\``, per.span);
  if (isCalendar(per)) return unsupported(world.report, "`at most` per months or years", per.span);
  const length = positiveLength(per, world.report);
  return most === null || length === null ? null : { count: most, window: { k: "sliding", ms: length.ms } };
}

function wholeNumber(world: World, { value, span }: ast.NumberLiteral, least: number, most: number): number | null {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  return world.report("E0215", span, `this must be a whole number from ${least} to ${most}`);
}

/** The fields of the starting event that these trees read; all where one of them takes it as a whole. */
function keptFields(type: RecordType | null, trees: readonly Expr[]): readonly string[] {
  const fields = new Set<string>();
  let whole = false;
  const isEvent = (of: Expr): boolean => of.k === "input" && of.of === "event";
  for (const root of trees) {
    if (isEvent(root)) whole = true;
    for (const node of tree.nodes(root)) {
      if (node.k === "field" && isEvent(node.of)) fields.add(node.name);
      else if (tree.children(node).some(isEvent)) whole = true;
    }
  }
  const kept = whole ? (type?.fields.map(({ name }) => name) ?? []) : [...fields];
  return kept.sort(byCodeUnits);
}


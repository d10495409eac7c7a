// What a bare name means, innermost first, and what a field is of.
//
// Inside `where` and inside an aggregate's brackets: a field of the list item looked at, then of the event looked at,
// whose own time is `time`. Then `event`, `profile` and `now`, then traits, segments, points and tiers.

import type * as ast from "../ast.js";
import { didYouMean } from "../diagnostics/suggest.js";
import type { Expr, Field } from "../program.js";
import { TAGS } from "./declared.js";
import { metricOf } from "./metrics.js";
import { balanceOf } from "./points.js";
import { type Site, type Start, quoted } from "./site.js";
import { levelOf } from "./tiers.js";
import { SPECIAL_NAMES } from "./words.js";
import { node, now } from "./trees.js";
import { BOOLEAN, type RecordType, TIME, describe, listOf } from "./types.js";

export function bareName(site: Site, name: ast.Name): Expr | null {
  const inner = innerName(site, name);
  if (inner === undefined) return outerName(site, name);
  if (inner !== null && site.captured.has(name.text)) {
    site.world.report("W0010", name.span, `"${name.text}" is the field here, not the event that came`);
  } else if (inner !== null && site.filter === null && ["trait", "segment", "points", "tier"].includes(site.world.declared.names.get(name.text) ?? "")) {
    site.world.report("W0010", name.span, `"${name.text}" is the field here, not the ${site.world.declared.names.get(name.text)} of that name`);
  }
  return inner;
}

/** Undefined where there is no such name inside. */
export function innerName(site: Site, name: ast.Name): Expr | null | undefined {
  const { item, row } = site;
  if (item !== null && item.type.k === "record" && item.type.fields.some((field) => field.name === name.text)) {
    return fieldOf(site, node({ k: "input", of: "item" }, item.type, item.maybe), name);
  }
  if (row === null) return undefined;
  if (name.text === "time") return node({ k: "timeOf", of: "row" }, TIME, false);
  return row.record.fields.some((field) => field.name === name.text) ? fieldOf(site, rowOf(site), name) : undefined;
}

const rowOf = ({ row }: Site): Expr => node({ k: "input", of: "row" }, row?.record ?? { k: "record", fields: [] }, false);

function outerName(site: Site, name: ast.Name): Expr | null {
  const { text, span } = name;
  const { world } = site;
  if (site.unknown.has(text)) return null;
  const came = site.captured.get(text);
  if (came !== undefined) return capturedOf(site, name, came);
  if (text === "event") return startedBy(site, span);
  if (text === "profile" || text === "now") {
    if (site.filter !== null) return notInFilter(site, `\`${text}\``, span);
    return text === "now" ? now : node({ k: "input", of: "profile" }, world.declared.profile, false);
  }
  const kind = world.declared.names.get(text);
  switch (kind) {
    case "trait": return site.filter === null ? traitOf(site, text) : notInFilter(site, `the trait "${text}"`, span, text);
    case "segment": return site.filter === null ? segmentOf(site, text) : notInFilter(site, `the segment "${text}"`, span, text);
    case "points": return balanceOf(site, name);
    case "tier": return levelOf(site, name);
    case "metric": return metricOf(site, name);
    case "broken": return null;
    case "experiment": return world.report("E0112", span, `"${text}" is an experiment, which is no value by itself`, { label: `the customer's variant is variant(${text})` });
    case "channels": return world.report("E0112", span, `"${text}" is a group of channels, which is no value`);
    case "event": return world.report("E0112", span, `"${text}" is an event, which is no value by itself`, {
      label: awaits(site) ? `several events have commas between them: \`EVENT where …, ${text}\`` : `write any(${text}) or count(${text})`,
    });
    case "channel": case "rule": return world.report("E0112", span, `"${text}" is a ${kind}, which is no value`);
    case undefined: return unknownName(site, name);
  }
}

/** Within the `where` of `on`, `until` or `wait for`. */
const STARTS = "the `where` of a start";
const awaits = ({ row, filter }: Site): boolean => row !== null && (filter === null || filter === STARTS);

function traitOf(site: Site, name: string): Expr | null {
  const { world } = site;
  site.needs.add(`trait ${name}`);
  world.used.add(name);
  const trait = world.trait(name);
  if (trait === null) return null;
  const { value, index, continuous } = trait;
  return continuous ? value : node({ k: "trait", index }, value.type, value.maybe);
}

function segmentOf(site: Site, name: string): Expr {
  site.needs.add(`segment ${name}`);
  site.world.used.add(name);
  return node({ k: "segment", index: site.world.declared.segmentIndex.get(name) ?? 0 }, BOOLEAN, false);
}

/** What a filter compares a field with sees the run's events and nothing else of the run. */
export const SEES_EVENT = "what a field is compared with in a filter";

/** An event that `wait for … as name` has taken. */
function capturedOf(site: Site, { text, span }: ast.Name, { type, maybe }: Start): Expr | null {
  if (site.filter !== null && site.filter !== SEES_EVENT) return notInFilter(site, `"${text}"`, span, text);
  return type === null ? null : node({ k: "captured", name: text }, type, maybe);
}

/** `event`: what started the run. */
function startedBy(site: Site, span: ast.Span): Expr | null {
  const { report } = site.world;
  if (site.place === "change") return report("E0114", span, "there is no `event` here: this is about the customer, before anything starts");
  if (site.start === null) {
    return site.filter === null
      ? report("E0114", span, "`event` is known only in rules: it is the event that started one", { label: site.row === null ? undefined : `the fields of "${site.row.name}" are bare names here` })
      : notInFilter(site, "`event`", span);
  }
  if (site.filter !== null && site.filter !== SEES_EVENT) return notInFilter(site, "`event`", span);
  if (site.start.type === null) return report("E0114", span, "no event starts this rule, so there is no `event`");
  return node({ k: "input", of: "event" }, site.start.type, site.start.maybe);
}

export const notInFilter = (site: Site, what: string, span: ast.Span, name?: string): null => {
  if (site.place === "metric") return site.world.report("E0311", span, `a metric is about all customers together, so ${what} cannot stand here`, { label: "inside `customers(…)`, `total(…)` or `mean(…)` it can" });
  const near = (name === undefined ? undefined : didYouMean(name, innerNames(site))) ?? elsewhere(site, what);
  return site.world.report("E0113", span, `${site.filter ?? "a filter"} sees only the event's own fields and constants, not ${what}`, { label: near });
};

/** What to write instead of what a filter does not see. */
function elsewhere({ row, filter }: Site, what: string): string | undefined {
  if (what === "`event`" && row !== null) return `the fields of "${row.name}" are bare names here, without \`event.\``;
  return filter === STARTS ? "conditions on the customer stand in `when`" : undefined;
}

const fieldNames = (record: RecordType): readonly string[] => record.fields.map(({ name }) => name);

export function innerNames({ item, row }: Site): readonly string[] {
  return [...(item?.type.k === "record" ? fieldNames(item.type) : []), ...(row === null ? [] : fieldNames(row.record))];
}

/** One by one: of thousands of mistakes most are told without looking at any. */
function* namesKnown(site: Site): Iterable<string> {
  yield* innerNames(site);
  if (site.filter !== null) return;
  const { traits, segments, points, tiers, events } = site.world.declared;
  for (const names of [traits, segments, points, tiers, events]) yield* names.keys();
  yield* site.captured.keys();
  yield* SPECIAL_NAMES;
}

function unknownName(site: Site, { text, span }: ast.Name): null {
  const { report } = site.world;
  const inner = innerNames(site);
  const label = site.given.has(text) ? "known in the first block of its `wait for`, or behind one without a block" : constantOf(text) ?? didYouMean(text, namesKnown(site)) ?? belongingTo(site, text);
  if (site.row !== null && site.filter !== null) return report("E0107", span, `"${site.row.name}" has no field "${text}"`, { label });
  const what = inner.length > 0 ? "field, trait or segment" : "trait or segment";
  return report("E0106", span, `there is no ${what} "${text}"`, { label });
}

/** What other languages call null, true and false, and days that are written in another way. */
function constantOf(text: string): string | undefined {
  if (/^(mon|tues|wednes|thurs|fri|satur|sun)day$/.test(text)) return `write \`weekday(now) == "${text}"\`, or behind \`wait until\` a time too: \`${text} 09:00\``;
  if (/^(today|tomorrow|yesterday)$/.test(text)) return text === "today" ? "write `date(now)`" : `write \`now ${text === "tomorrow" ? "+" : "-"} 1 day\`, or for the day \`date(now) ${text === "tomorrow" ? "+" : "-"} 1 day\``;
  if (/^(null|none|nil|undefined)$/i.test(text)) return "write `null`";
  return /^(true|false)$/i.test(text) ? `write \`${text.toLowerCase()}\`` : undefined;
}

/** A field that was meant, but of what? */
function belongingTo({ world, start, filter }: Site, name: string): string | undefined {
  if (filter !== null) return undefined;
  if (start?.type?.fields.some((field) => field.name === name) === true) return `write event.${name}`;
  return world.declared.profile.fields.some((field) => field.name === name) ? `write profile.${name}` : undefined;
}

// ---- fields ----

/** `of.name`: of a record, or of every record of a list. */
export function fieldOf(site: Site, of: Expr, name: ast.Name): Expr | null {
  const { report } = site.world;
  const { type } = of;
  if (of.k === "input" && name.text === "time" && (of.of === "row" || of.of === "event")) {
    return node({ k: "timeOf", of: of.of }, TIME, of.maybe);
  }
  if (of.k === "captured" && name.text === "time") return node({ k: "timeOfCaptured", name: of.name }, TIME, of.maybe);
  if (of.k === "input" && of.of === "profile") site.world.used.add(`profile.${name.text}`);
  if (type.k === "record") {
    const field = fieldNamed(type, name.text);
    if (field === null) return unknownField(site, of, type, name);
    return node({ k: "field", of, name: name.text }, field.type, field.maybe || of.maybe);
  }
  if (type.k === "list" && type.of.k === "record") {
    const field = fieldNamed(type.of, name.text);
    if (field === null) return unknownField(site, of, type.of, name);
    const items = field.type.k === "list" ? listOf(field.type.of, field.type.maybe || field.maybe || type.maybe) : listOf(field.type, field.maybe || type.maybe);
    return node({ k: "pluck", of, name: name.text }, items, of.maybe);
  }
  return report("E0214", name.span, `${describe(type)} has no fields`);
}

export const fieldNamed = (record: RecordType, name: string): Field | null => record.fields.find((field) => field.name === name) ?? null;

function unknownField(site: Site, of: Expr, record: RecordType, { text, span }: ast.Name): null {
  const { report, declared } = site.world;
  if (record === declared.profile && declared.brokenProfile) return null;
  const ran = of.k === "input" && of.of === "event" ? site.start : of.k === "captured" ? site.captured.get(of.name) : undefined;
  const lacking = ran?.partly.get(text);
  if (lacking !== undefined) {
    const which = of.k === "captured" ? `is waited for as "${of.name}"` : "starts this rule";
    return report("E0107", span, `not every event that ${which} has a field "${text}"`, { notes: [`it is not, or not of the same type, in ${quoted(lacking)}`] });
  }
  const whose = of.k === "captured" ? `"${of.name}" has` : of.k !== "input" ? "there is" : of.of === "profile" ? "the profile has" : of.of === "event" ? "the event has" : of.of === "row" ? `"${site.row?.name ?? ""}" has` : "there is";
  return report("E0107", span, `${whose} no field "${text}"`, { label: didYouMean(text, fieldNames(record)) });
}

/** The names of a path, `a.b.c`, or null where the expression is none. */
export function pathOf(written: ast.Expression): readonly ast.Name[] | null {
  const names: ast.Name[] = [];
  let at = written;
  while (at.k === "dot") {
    names.push(at.field);
    at = at.of;
  }
  return at.k === "name" ? [...names, at.name].reverse() : null;
}

/** Whether a path begins with an event, and with nothing that lies further in. */
export function beginsWithEvent(site: Site, path: readonly ast.Name[]): boolean {
  const [root] = path;
  if (root === undefined || site.unknown.has(root.text) || site.captured.has(root.text)) return false;
  const { names, events } = site.world.declared;
  const isEvent = (names.get(root.text) ?? (events.has(root.text) ? "event" : undefined)) === "event";
  return isEvent && innerName(silent(site), root) === undefined;
}

/** Whether a path begins with a name that means nothing here. */
export function beginsUnknown(site: Site, path: readonly ast.Name[]): boolean {
  const [root] = path;
  if (root === undefined || site.unknown.has(root.text) || site.captured.has(root.text) || SPECIAL_NAMES.includes(root.text) || site.world.declared.names.has(root.text)) return false;
  return innerName(silent(site), root) === undefined;
}

// Asking what a name means must not find anything wrong with it.
export const silent = (site: Site): Site => ({ ...site, world: { ...site.world, report: () => null } });

export const impliedTagsUsed = (used: ReadonlySet<string>): boolean => used.has(`profile.${TAGS.name}`);

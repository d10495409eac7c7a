// Moments: events, memberships that begin or end, tiers that go up or down, values that change. What they are, and what
// is known of the event that came.

import type * as ast from "../ast.js";
import { didYouMean } from "../diagnostics/suggest.js";
import type { Expr, Moment } from "../program.js";
import { eventOf } from "./aggregates.js";
import { traitValue } from "./conditions.js";
import { type DeclaredEvent, type NameKind, whatItIs } from "./declared.js";
import { type Site, type Start, type World, siteIn } from "./site.js";
import { nodes } from "../walk.js";
import { type RecordType, join, plainField } from "./types.js";

export interface ReadMoments {
  readonly moments: readonly Moment[];
  /** Those that are waited for, in the order of the text. */
  readonly events: readonly DeclaredEvent[];
  /** Nothing is wrong with them. */
  readonly whole: boolean;
}

/** Reads what stands behind `where`, with the event looked at as `row`; null where it is wrong. */
export type ReadWhere = (row: DeclaredEvent, written: ast.Expression) => Expr | null;

export function readMoment(site: Site, written: ast.Moment, where: ReadWhere): ReadMoments {
  if (written.k === "events") return readEvents(site, written.events, where);
  const moment = readTurn(site, written);
  return { moments: moment === null ? [] : [moment], events: [], whole: moment !== null };
}

export function readEvents(site: Site, written: readonly ast.EventMatch[], where: ReadWhere): ReadMoments {
  const moments: Moment[] = [];
  const events: DeclaredEvent[] = [];
  for (const match of written) {
    const event = eventOf(site, match.event, turnOf);
    if (event === null) continue;
    events.push(event);
    const condition = match.where === null ? null : where(event, match.where);
    if (match.where === null || condition !== null) moments.push({ k: "event", event: event.name, where: condition });
  }
  return { moments, events, whole: events.length === written.length };
}

/** How a moment is written that was hardly meant to be an event. */
function turnOf(name: string, kind: NameKind): string | undefined {
  switch (kind) {
    case "segment": return `"${name}" is a segment: write \`enter ${name}\` or \`leave ${name}\``;
    case "tier": return `"${name}" is a tier: write \`${name} up\` or \`${name} down\``;
    case "trait": case "points": return `${whatItIs(name, kind)}: write \`change ${name}\``;
    default: return undefined;
  }
}

function readTurn(site: Site, moment: Exclude<ast.Moment, ast.EventsMoment>): Moment | null {
  const { declared, used } = site.world;
  switch (moment.k) {
    case "enter": case "leave": {
      const segment = declared.segmentIndex.get(moment.name.text);
      if (segment === undefined) return unknown(site.world, moment.name, "E0104", "segment", declared.segments.keys());
      used.add(moment.name.text);
      return { k: moment.k, segment };
    }
    case "up": case "down": {
      const tier = declared.tierIndex.get(moment.name.text);
      if (tier === undefined) return unknown(site.world, moment.name, "E0116", "tier", declared.tiers.keys());
      used.add(moment.name.text);
      return { k: moment.k, tier };
    }
    case "change": return readChange(site.world, moment);
  }
}

function unknown({ declared, report }: World, { text, span }: ast.Name, code: "E0104" | "E0116", what: string, known: Iterable<string>): null {
  const kind = declared.names.get(text);
  if (kind === "broken") return null;
  return report(code, span, `there is no ${what} "${text}"`, { label: kind === undefined ? didYouMean(text, known) : whatItIs(text, kind) });
}

/** What is compared with its past is the customer's, not that of a run. */
function readChange(world: World, { of, span }: ast.ChangeMoment): Moment | null {
  const settled = traitValue({ ...siteIn(world), place: "change" }, of);
  if (settled === null) return null;
  const { value, continuous } = settled;
  if (continuous) {
    return world.report("E0320", of.span, "this changes with every moment, so there is no moment at which it does", {
      label: "write a comparison, or a whole number of days, as date(now) - date(t)",
    });
  }
  if ([...nodes(value)].every(({ k }) => k === "const" || k === "record" || k === "list")) world.report("W0005", span, "this never changes");
  return { k: "change", watch: world.watch(value) };
}

/** What is known of an event that may be of any of these kinds: the fields that all of them have, with one type. */
export function eventAmong(events: readonly DeclaredEvent[], maybe: boolean): Start {
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

export function common(a: RecordType, b: RecordType): RecordType {
  const fields = a.fields.flatMap((field) => {
    const other = b.fields.find(({ name }) => name === field.name);
    const type = other === undefined ? null : join(field.type, other.type);
    return other === undefined || type === null ? [] : [plainField(field.name, type, field.maybe || other.maybe)];
  });
  return { k: "record", fields };
}

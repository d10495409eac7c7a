// What the program declares: one namespace, gathered before anything is looked into.
//
// Declarations of one event, and of the profile, are joined here. Names of broken declarations are known, so that their
// uses are no findings of their own.

import type * as ast from "../ast.js";
import type { EventType, Field, Length, Type } from "../program.js";
import { positiveLength } from "./durations.js";
import { FORBIDDEN_FIELDS, readRecord } from "./fields.js";
import { FUNCTION_NAMES } from "./words.js";
import type { Report } from "./site.js";
import { BOOLEAN, NUMBER, type RecordType, STRING, listOf, plainField } from "./types.js";

export interface DeclaredEvent {
  readonly name: string;
  readonly wire: string;
  readonly record: RecordType;
  /** How far back it may be counted; null: as far as there is anything. */
  readonly retain: Length | null;
  /** Null for those that the language knows. */
  readonly declared: ast.Name | null;
}

export type NameKind = "event" | "trait" | "segment" | "channel" | "channels" | "rule" | "points" | "tier" | "experiment" | "metric" | "broken";

/** What the name stands for, as the label of a finding: `"vip" is a segment`. */
export const whatItIs = (name: string, kind: NameKind): string =>
  kind === "points" ? `"${name}" are points` : kind === "channels" ? `"${name}" is a group of channels` : `"${name}" is ${article(kind)}`;

export interface Declared {
  readonly events: ReadonlyMap<string, DeclaredEvent>;
  readonly profile: RecordType;
  readonly traits: ReadonlyMap<string, ast.TraitDeclaration>;
  readonly segments: ReadonlyMap<string, ast.SegmentDeclaration>;
  readonly channels: ReadonlyMap<string, ast.ChannelDeclaration>;
  readonly groups: ReadonlyMap<string, ast.ChannelsDeclaration>;
  readonly points: ReadonlyMap<string, ast.PointsDeclaration>;
  readonly tiers: ReadonlyMap<string, ast.TierDeclaration>;
  readonly experiments: ReadonlyMap<string, ast.ExperimentDeclaration>;
  readonly metrics: ReadonlyMap<string, ast.MetricDeclaration>;
  readonly rules: readonly ast.RuleDeclaration[];
  readonly tests: readonly ast.TestDeclaration[];
  readonly names: ReadonlyMap<string, NameKind>;
  /** By name: the place in the program. Traits get their final one in assemble.ts. */
  readonly segmentIndex: ReadonlyMap<string, number>;
  readonly channelIndex: ReadonlyMap<string, number>;
  readonly traitIndex: ReadonlyMap<string, number>;
  readonly pointsIndex: ReadonlyMap<string, number>;
  readonly tierIndex: ReadonlyMap<string, number>;
  readonly experimentIndex: ReadonlyMap<string, number>;
  /** Of channels and of groups of them. */
  readonly policyIndex: ReadonlyMap<string, number>;
  /** `profile retain D`: a customer without events for so long is erased. */
  readonly retain: Length | null;
  /** A declaration of the profile could not be read, so it may have more fields. */
  readonly brokenProfile: boolean;
  /** `tags` is among the profile's fields only because the language knows it. */
  readonly impliedTags: boolean;
}

/** They change what is known about a customer; the engine acts on them whether a rule does or not. */
export const PROFILE_UPDATED = "profile_updated";
const KNOWN_EVENTS: ReadonlySet<string> = new Set([PROFILE_UPDATED, "customer_identified", "customer_erased"]);
/** Event types that begin so are the engine's. */
const OWN = "eddy_";

/** `tag` and `untag` edit it, so it needs no declaration. */
export const TAGS: Field = { ...plainField("tags", listOf(STRING, false), false), default: [] };

export const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const indexByName = (names: Iterable<string>): ReadonlyMap<string, number> =>
  new Map([...names].sort(byCodeUnits).map((name, index) => [name, index]));

export function gather(declarations: readonly ast.Declaration[], broken: readonly ast.BrokenDeclaration[], report: Report): Declared {
  const taken = new Map<string, { readonly kind: NameKind; readonly what: string; readonly name: ast.Name }>();
  const events = new Map<string, ast.EventDeclaration[]>();
  const profiles: ast.ProfileDeclaration[] = [];
  const traits = new Map<string, ast.TraitDeclaration>();
  const segments = new Map<string, ast.SegmentDeclaration>();
  const channels = new Map<string, ast.ChannelDeclaration>();
  const rules: ast.RuleDeclaration[] = [];
  const tests: ast.TestDeclaration[] = [];
  const groups = new Map<string, ast.ChannelsDeclaration>();
  const points = new Map<string, ast.PointsDeclaration>();
  const tiers = new Map<string, ast.TierDeclaration>();
  const experiments = new Map<string, ast.ExperimentDeclaration>();
  const metrics = new Map<string, ast.MetricDeclaration>();

  const takes = (name: ast.Name, kind: NameKind, what: string): boolean => {
    if (FUNCTION_NAMES.has(name.text)) report("E0102", name.span, `"${name.text}" is a function of the language`);
    else if (KNOWN_EVENTS.has(name.text)) report("E0102", name.span, `"${name.text}" is an event that the language knows: it needs no declaration`);
    else if (kind === "event" && name.text.startsWith(OWN)) report("E0102", name.span, `events whose names begin with ${OWN} are the engine's own`);
    const other = taken.get(name.text);
    if (other === undefined) {
      taken.set(name.text, { kind, what, name });
      return true;
    }
    if (other.kind === "broken" || (other.kind === "event" && kind === "event")) return true;
    report("E0101", name.span, `"${name.text}" is declared twice`, {
      notes: [`it is ${article(other.what)} already, declared in ${other.name.span.file}`],
    });
    return false;
  };

  for (const { name, kind } of broken) if (name !== null) taken.set(name.text, { kind: "broken", what: kind, name });
  for (const declaration of declarations) {
    switch (declaration.k) {
      case "event": {
        if (!takes(declaration.name, "event", "event")) break;
        const same = events.get(declaration.name.text);
        if (same === undefined) events.set(declaration.name.text, [declaration]);
        else same.push(declaration);
        break;
      }
      case "profile": profiles.push(declaration); break;
      case "trait": if (takes(declaration.name, "trait", "trait")) traits.set(declaration.name.text, declaration); break;
      case "segment": if (takes(declaration.name, "segment", "segment")) segments.set(declaration.name.text, declaration); break;
      case "channel": if (takes(declaration.name, "channel", "channel")) channels.set(declaration.name.text, declaration); break;
      case "rule": takes(declaration.name, "rule", "rule"); rules.push(declaration); break;
      case "test": tests.push(declaration); break;
      case "channels": if (takes(declaration.name, "channels", "group of channels")) groups.set(declaration.name.text, declaration); break;
      case "points": if (takes(declaration.name, "points", "points")) points.set(declaration.name.text, declaration); break;
      case "tier": if (takes(declaration.name, "tier", "tier")) tiers.set(declaration.name.text, declaration); break;
      case "experiment": if (takes(declaration.name, "experiment", "experiment")) experiments.set(declaration.name.text, declaration); break;
      case "metric": if (takes(declaration.name, "metric", "metric")) metrics.set(declaration.name.text, declaration); break;
    }
  }
  const profile = joinProfile(profiles, report);
  return {
    ...profile,
    events: joinEvents(events, profile.profile, report),
    traits, segments, channels, groups, points, tiers, experiments, metrics, rules, tests,
    retain: agreedLength(profiles.map(({ retain }) => retain), "the profile", report),
    brokenProfile: broken.some(({ kind }) => kind === "profile"),
    names: new Map([...taken].map(([name, { kind }]) => [name, kind])),
    segmentIndex: indexByName(segments.keys()),
    channelIndex: indexByName(channels.keys()),
    traitIndex: indexByName(traits.keys()),
    pointsIndex: indexByName(points.keys()),
    tierIndex: indexByName(tiers.keys()),
    experimentIndex: indexByName(experiments.keys()),
    policyIndex: indexByName([...channels.keys(), ...groups.keys()]),
  };
}

const article = (what: string): string => (/^[aeiou]/.test(what) ? `an ${what}` : what === "channels" || what === "points" ? what : `a ${what}`);

/** `retain D`, wherever it stands: of several declarations one is enough, and those that say it must agree. */
function agreedLength(written: readonly (ast.DurationLiteral | null)[], what: string, report: Report): Length | null {
  let agreed: Length | null = null;
  for (const literal of written) {
    const length = literal === null ? null : positiveLength(literal, report);
    if (literal === null || length === null) continue;
    if (agreed !== null && (agreed.ms !== length.ms || agreed.months !== length.months)) {
      report("E0110", literal.span, `another declaration of ${what} retains it for another time`);
    }
    agreed ??= length;
  }
  return agreed;
}

// ---- events ----

function joinEvents(declared: ReadonlyMap<string, readonly ast.EventDeclaration[]>, profile: RecordType, report: Report): ReadonlyMap<string, DeclaredEvent> {
  const events = new Map<string, DeclaredEvent>();
  const byWire = new Map<string, string>();
  for (const [name, all] of declared) {
    const [first] = all;
    if (first === undefined) continue;
    const retain = agreedLength(all.map((each) => each.retain), `the event "${name}"`, report);
    const wire = wireOf(all, report);
    const other = byWire.get(wire);
    if (other !== undefined) report("E0111", first.from?.span ?? first.name.span, `"${other}" and "${name}" are both called "${wire}" on the wire`);
    byWire.set(wire, name);
    const record = joinFields(all.flatMap(({ type }) => (type === null ? [] : [type])), `the event "${name}"`, report);
    events.set(name, { name, wire, record, retain, declared: first.name });
  }
  // What these two do to a customer is the engine's; for rules they are events like others.
  const identified: RecordType = { k: "record", fields: [plainField("anonymous_id", STRING, false)] };
  events.set("customer_identified", { name: "customer_identified", wire: "customer_identified", record: identified, retain: null, declared: null });
  events.set("customer_erased", { name: "customer_erased", wire: "customer_erased", record: { k: "record", fields: [] }, retain: null, declared: null });
  events.set(PROFILE_UPDATED, { name: PROFILE_UPDATED, wire: PROFILE_UPDATED, record: allOptional(profile), retain: null, declared: null });
  return events;
}

function wireOf(all: readonly ast.EventDeclaration[], report: Report): string {
  const [first, ...rest] = all.flatMap(({ from }) => (from === null ? [] : [from]));
  for (const other of rest) {
    if (other.value !== first?.value) report("E0110", other.span, `another declaration of this event says that it is called "${first?.value ?? ""}" on the wire`);
  }
  if (first?.value === "") report("E0306", first.span, "a name on the wire cannot be empty");
  if (first !== undefined && (KNOWN_EVENTS.has(first.value) || first.value.startsWith(OWN))) report("E0102", first.span, `"${first.value}" is an event that the language knows`);
  return first?.value ?? all[0]?.name.text ?? "";
}

/** The fields of several declarations; one that stands in two of them must be the same in both. */
function joinFields(declared: readonly ast.RecordType[], what: string, report: Report): RecordType {
  const fields = new Map<string, Field>();
  const wires = new Map<string, string>();
  for (const written of declared) {
    const spans = new Map(written.fields.map((field) => [field.name.text, field]));
    const earlier = new Map(wires);
    for (const field of readRecord(written, report).fields) {
      const at = spans.get(field.name)?.name.span ?? written.span;
      const other = fields.get(field.name);
      if (other !== undefined && !sameField(field, other)) {
        report("E0110", at, `${what} has a field "${field.name}" already, declared differently`);
      }
      const holder = earlier.get(field.wire);
      if (other === undefined && holder !== undefined) report("E0111", at, `"${holder}" and "${field.name}" are both called "${field.wire}" on the wire`);
      wires.set(field.wire, field.name);
      if (other === undefined) fields.set(field.name, field);
    }
  }
  return { k: "record", fields: [...fields.values()].sort((a, b) => byCodeUnits(a.name, b.name)) };
}

const sameField = (a: Field, b: Field): boolean => JSON.stringify(plain(a)) === JSON.stringify(plain(b));

// Without regard to the order in which unions and records list what they consist of.
const plain = ({ name, wire, type, maybe, default: value }: Field): unknown => [name, wire, plainType(type), maybe, value ?? null];
function plainType(type: Type): unknown {
  switch (type.k) {
    case "string": return ["string", type.of === undefined ? null : [...type.of].sort(byCodeUnits)];
    case "list": return ["list", plainType(type.of), type.maybe];
    case "record": return ["record", [...type.fields].sort((a, b) => byCodeUnits(a.name, b.name)).map(plain)];
    default: return type.k;
  }
}

/** What `profile_updated` brings: any part of the profile. */
function allOptional(record: RecordType): RecordType {
  const fields = record.fields.map(({ name, wire, type }) => ({ name, wire, type: type.k === "record" ? allOptional(type) : type, maybe: true }));
  return { k: "record", fields };
}

// ---- the profile ----

function joinProfile(profiles: readonly ast.ProfileDeclaration[], report: Report): { readonly profile: RecordType; readonly impliedTags: boolean } {
  for (const { type } of profiles) {
    for (const field of type.fields) checkKnown(field, report);
  }
  const { fields } = joinFields(profiles.map(({ type }) => type), "the profile", report);
  requireValues(fields, profiles, report);
  const impliedTags = !fields.some(({ name }) => name === TAGS.name);
  const all = impliedTags ? [...fields, TAGS].sort((a, b) => byCodeUnits(a.name, b.name)) : fields;
  return { profile: { k: "record", fields: all }, impliedTags };
}

// Two fields have a meaning of their own: the customer's zone, and what tag and untag edit.
function checkKnown(field: ast.Field, report: Report): void {
  const { name, type } = field;
  if (name.text === "timezone" && !(type.k === "type" && type.name === "string") && !(type.k === "optional" && type.of.k === "type" && type.of.name === "string") && type.k !== "union") {
    report("E0205", type.span, "`timezone` is the customer's time zone, so it must be a string");
  }
  if (name.text === "tags" && !(type.k === "listof" && type.of.k === "type" && type.of.name === "string")) {
    report("E0205", type.span, "`tags` is what `tag` and `untag` edit, so it must be `string[]`");
  }
}

function requireValues(fields: readonly Field[], profiles: readonly ast.ProfileDeclaration[], report: Report): void {
  const missing = new Map(fields.filter((field) => !field.maybe && field.default === undefined).map((field) => [field.name, field]));
  for (const { type } of profiles) {
    for (const written of type.fields) {
      const field = missing.get(written.name.text);
      // A default that was refused has been reported, and is as good as one here.
      if (field === undefined || written.default !== null || FORBIDDEN_FIELDS.has(field.name)) continue;
      missing.delete(field.name);
      report("E0211", written.name.span, `the profile field "${field.name}" needs a default, or may be missing`, { label: wayOut(field) });
    }
  }
}

function wayOut({ name, type }: Field): string {
  switch (type.k) {
    case "list": return `write \`${name}: … = []\``;
    case "record": return "each of its fields needs a default, or may be missing";
    case "string": return `write \`${name}: string?\` or \`${name}: string = "…"\``;
    default: return type === BOOLEAN ? `write \`${name}: boolean = false\`` : type === NUMBER ? `write \`${name}: number = 0\` or \`${name}: number?\`` : `write \`${name}: ${type.k}?\``;
  }
}

export const eventType = ({ name, wire, record }: DeclaredEvent): EventType => ({ name, wire, fields: record.fields });

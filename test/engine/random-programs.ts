/**
 * Random programs of every form, as texts, and what differs between two of them: the types of fields, the declarations, the
 * steps of rules. Expressions are made for a type, so most of what is made is a program; declarations that the checker
 * refuses are left out. Nothing here knows what they ought to do: they are for asking whether the engine can be brought
 * to fail.
 */
import { compileProgram } from "../../dsl/compile.js";
import type { Program } from "../../dsl/program.js";

export type Random = (below: number) => number;

/** mulberry32 */
export function random(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below);
  };
}

const one = <T>(r: Random, of: readonly T[]): T => of[r(of.length)] as T;

export const TYPES = ["string", "number", "boolean", "time", "date", "duration", "strings", "numbers", "record", "records"] as const;
export type TypeName = (typeof TYPES)[number];

const WRITTEN: Readonly<Record<TypeName, string>> = {
  string: "string", number: "number", boolean: "boolean", time: "time", date: "date", duration: "duration", strings: "string[]", numbers: "number[]",
  record: "{ p: number, q: string, z: { deep: string }? }", records: "{ p: number, q: string, t: time? }[]",
};
const DEFAULTS: Readonly<Partial<Record<TypeName, readonly string[]>>> = {
  string: ['"s"', '""'], number: ["0", "-1.5", "9007199254740991"], boolean: ["true", "false"], date: ["2024-02-29"], duration: ["1 hour"], strings: ["[]", '["s"]'],
};

export interface FieldOf {
  readonly name: string;
  readonly type: TypeName;
  readonly maybe: boolean;
  readonly default: string | null;
}

export interface Schema {
  /** Of the events a, b and c. */
  readonly events: Readonly<Record<string, readonly FieldOf[]>>;
  readonly profile: readonly FieldOf[];
}

const NAMES = ["f1", "f2", "f3", "f4", "constructor", "toString"];
export const EVENTS = ["a", "b", "c"];

function fieldsOf(r: Random, isProfile: boolean): FieldOf[] {
  return NAMES.flatMap((name): FieldOf[] => {
    if (r(5) === 0) return [];
    const type = one(r, TYPES);
    const values = DEFAULTS[type];
    const way = r(3);
    if (values !== undefined && way === 0) return [{ name, type, maybe: false, default: one(r, values) }];
    return [{ name, type, maybe: isProfile || way === 1, default: null }];
  });
}

export function schema(r: Random): Schema {
  return { events: Object.fromEntries(EVENTS.map((event) => [event, fieldsOf(r, false)])), profile: fieldsOf(r, true) };
}

/** Some fields are of another type, gone, or new. */
export function changedSchema(r: Random, of: Schema): Schema {
  const change = (fields: readonly FieldOf[], isProfile: boolean): FieldOf[] => {
    const others = fieldsOf(r, isProfile);
    return NAMES.flatMap((name) => {
      const from = r(4) === 0 ? others : fields;
      return from.filter((field) => field.name === name);
    });
  };
  return { events: Object.fromEntries(Object.entries(of.events).map(([event, fields]) => [event, change(fields, false)])), profile: change(of.profile, true) };
}

const written = (fields: readonly FieldOf[]): string =>
  fields.map(({ name, type, maybe, default: value }) => `${name}: ${WRITTEN[type]}${maybe ? "?" : ""}${value === null ? "" : ` = ${value}`}`).join("  ");

// ---------------------------------------------------------------------------------------------------- expressions

interface Place {
  readonly r: Random;
  readonly schema: Schema;
  /** Fields that stand behind these words: `event`, a name, nothing (the event looked at). */
  readonly sources: readonly { readonly word: string; readonly fields: readonly FieldOf[] }[];
  /** `this run` may stand. */
  readonly isRun: boolean;
}

function fieldFor({ r, schema, sources }: Place, type: TypeName): string | null {
  const all = [...sources, { word: "profile.", fields: schema.profile }].flatMap(({ word, fields }) => fields.flatMap((field) => {
    const path = word === "" ? field.name : `${word}${field.name}`;
    if (field.type === type) return [path];
    if (field.type === "record") return type === "number" ? [`${path}.p`] : type === "string" ? [`${path}.q`, `${path}.z.deep`] : [];
    if (field.type === "records") {
      if (type === "number") return [`${path}[0].p`, `sum(${path}.p)`, `count(${path} where q == "s")`, `max(${path}.p)`];
      if (type === "string") return [`${path}[1].q`, `last(${path}.q)`];
      if (type === "strings") return [`${path}.q`];
      return type === "time" ? [`first(${path}.t)`] : [];
    }
    if (field.type === "strings") return type === "string" ? [`${path}[0]`] : type === "number" ? [`length(${path})`, `count(${path})`] : [];
    return field.type === "numbers" && type === "number" ? [`${path}[0]`, `sum(${path})`, `avg(${path})`] : [];
  }));
  return all.length === 0 ? null : one(r, all);
}

const WINDOWS = ["", "", " over 2 hours", " over 3 days", " over 1 month", " this day", " this month"];

function aggregate({ r, schema, isRun }: Place, type: TypeName, fns: readonly string[]): string | null {
  const event = one(r, EVENTS);
  const fields = (schema.events[event] ?? []).filter((field) => field.type === type);
  if (fields.length === 0) return null;
  const window = isRun && r(3) === 0 ? " this run" : one(r, WINDOWS);
  const { name } = one(r, fields);
  const of = one(r, fns);
  return of === "recent" ? `recent(${event}.${name}, 3)${window}` : `${of}(${event}.${name})${window}`;
}

/** An expression of the type; null where there is none to be had. */
export function expression(place: Place, type: TypeName, depth: number): string {
  const { r } = place;
  const inner = (of: TypeName): string => expression(place, of, depth - 1);
  const leaf = r(3) === 0 ? null : fieldFor(place, type);
  const event = one(r, EVENTS);
  if (depth <= 0 || r(4) === 0) {
    if (leaf !== null) return leaf;
    switch (type) {
      case "string": return one(r, ['"s"', '""', "level", "variant(exp)", "\"ü🙂\""]);
      case "number": return one(r, ["0", "1", "-2.5", "9007199254740991", "stars", "stars.earned over 2 days", "stars.expiring within 1 day", "level.missing", `count(${event})`]);
      case "boolean": return one(r, ["true", "false", "seg_a", "seg_b", `any(${event}) over 1 day`, `no ${event} for 2 days`, 'level >= "mid"']);
      case "time": return one(r, ["2026-03-29 02:30", `last(${event}).time`, `first(${event}).time over 2 days`]);
      case "date": return one(r, ["2024-02-29", `date(last(${event}).time)`, "date(now)"]);
      case "duration": return one(r, ["90 minutes", `gap(${event})`, "0 hours", "30 days"]);
      case "strings": return '["s", "t"]';
      case "numbers": return "[1, 2]";
      default: return '{ p: 1, q: "s" }';
    }
  }
  const chosen = ((): string | null => {
    switch (type) {
      case "string": return one(r, [
        () => `lower(${inner("string")})`, () => `upper(${inner("string")})`, () => `(${inner("string")} + ${inner("string")})`, () => `trim(${inner("string")})`,
        () => `(${inner("string")} ?? "x")`, () => `(if ${inner("boolean")} then ${inner("string")} else ${inner("string")})`,
        () => aggregate(place, "string", ["first", "last", "top"]), () => `${inner("strings")}[${inner("number")}]`, () => "level.next", () => "t_string", () => `weekday(${inner("time")})`,
      ])();
      case "number": return one(r, [
        () => `(${inner("number")} + ${inner("number")})`, () => `(${inner("number")} * ${inner("number")})`, () => `(${inner("number")} / ${inner("number")})`, () => `(${inner("number")} % 7)`,
        () => `round(${inner("number")})`, () => `length(${inner("string")})`, () => `year(${inner("time")})`, () => `age(${inner("date")})`, () => `hour(${inner("time")})`,
        () => `(${inner("duration")} / ${inner("duration")})`, () => aggregate(place, "number", ["sum", "avg", "min", "max", "first", "last", "distinct", "top"]),
        () => `min(${inner("number")}, ${inner("number")})`, () => "t_number", () => "percentile(stars among seg_a)", () => `day(${inner("date")})`, () => `-${inner("number")}`,
      ])();
      case "boolean": return one(r, [
        () => `${inner("number")} < ${inner("number")}`, () => `${inner("string")} == ${inner("string")}`, () => `${inner("string")} like "*s?"`, () => `not (${inner("boolean")})`,
        () => `(${inner("boolean")}) and (${inner("boolean")})`, () => `(${inner("boolean")}) or (${inner("boolean")})`, () => `${inner("strings")} contains ${inner("string")}`,
        () => `${inner("time")} < now`, () => `${inner("string")} in ["s", "t", "x"]`, () => `since(${inner("time")}) > 2 hours`, () => `${inner("record")} == ${inner("record")}`,
        () => `hour(now) >= 12`, () => `age(${inner("date")}) > 3`, () => `${inner("duration")} > 1 hour`, () => `${inner("number")} != null`, () => `${inner("date")} <= ${inner("date")}`,
      ])();
      case "time": return one(r, [
        () => `(${inner("time")} + ${inner("duration")})`, () => `(${inner("time")} - 1 month)`, () => aggregate(place, "time", ["first", "last", "min", "max"]), () => "now", () => `(${inner("time")} ?? now)`,
      ])();
      case "date": return one(r, [() => `date(${inner("time")})`, () => `(${inner("date")} + ${inner("duration")})`, () => `(${inner("date")} + 1 year)`, () => aggregate(place, "date", ["max", "last"])])();
      case "duration": return one(r, [
        () => `(${inner("number")} * 1 hour)`, () => `since(${inner("time")})`, () => `(${inner("time")} - ${inner("time")})`, () => `(${inner("date")} - ${inner("date")})`,
        () => `(${inner("duration")} + ${inner("duration")})`, () => aggregate(place, "duration", ["sum", "avg", "max"]),
      ])();
      case "strings": return one(r, [() => aggregate(place, "string", ["recent"]), () => `(${inner("strings")} without ${inner("strings")})`, () => fieldFor(place, "strings")])();
      default: return null;
    }
  })();
  return chosen ?? leaf ?? expression(place, type, 0);
}

// ---------------------------------------------------------------------------------------------------- declarations

const moment = (place: Place, isStart: boolean): string => {
  const { r, schema } = place;
  switch (r(8)) {
    case 0: return `enter ${one(r, ["seg_a", "seg_b"])}`;
    case 1: return `leave ${one(r, ["seg_a", "seg_b"])}`;
    case 2: return `level ${one(r, ["up", "down"])}`;
    case 3: return `change ${expression({ ...place, sources: [], isRun: false }, one(r, ["string", "number", "record", "strings", "boolean"]), 1)}`;
    default: {
      const event = one(r, EVENTS);
      if (r(3) > 0) return event;
      const own = { word: "", fields: schema.events[event] ?? [] };
      const where: Place = isStart ? { ...place, schema: { ...schema, profile: [] }, sources: [own], isRun: false } : { ...place, sources: [...place.sources, own] };
      return `${event} where ${expression(where, "boolean", 1)}`;
    }
  }
};

function stepsOf(place: Place, depth: number, names: { n: number }): string {
  const { r } = place;
  let now = place;
  const lines: string[] = [];
  for (let left = 1 + r(depth === 0 ? 2 : 5); left > 0; left--) {
    const value = (type: TypeName): string => expression(now, type, 2);
    const block = (within = now): string => `{ ${depth === 0 ? `emit "leaf" { v: ${value("string")} }` : stepsOf(within, depth - 1, names)} }`;
    const payload = (): string => `{ s: ${value("string")}, n: ${value("number")}, t: ${value("time")}, d: ${value("date")}, x: ${value(one(r, TYPES))} }`;
    switch (r(13)) {
      case 0: lines.push(`wait ${r(2) === 0 ? one(r, ["30 minutes", "1 day", "1 month"]) : value("duration")}`); break;
      case 1: lines.push(`wait until ${one(r, ["09:00", "monday 00:00", value("time")])}`); break;
      case 2: case 3: {
        const event = one(r, EVENTS);
        const isNamed = r(2) === 0;
        const what = isNamed ? event : moment(now, false);
        const name = `it${names.n++}`;
        const with_ = { ...now, sources: [...now.sources, { word: `${name}.`, fields: now.schema.events[event] ?? [] }] };
        const head = `wait for ${what} up to ${one(r, ["1 hour", "2 days", "1 month"])}${isNamed ? ` as ${name}` : ""}`;
        if (r(2) === 0) {
          lines.push(head);
          if (isNamed) now = with_;
        } else lines.push(`${head} ${block(isNamed ? with_ : now)} else ${block()}`);
        break;
      }
      case 4: lines.push(`if ${value("boolean")} ${block()} else ${block()}`); break;
      case 5: lines.push(`send ${one(r, ["email", "push"])} "m" ${payload()}${r(4) === 0 ? " urgent" : ""}`); break;
      case 6: {
        const field = now.schema.profile.length === 0 ? null : one(r, now.schema.profile);
        if (field !== null) lines.push(`set profile.${field.name} = ${r(4) === 0 && field.type !== "records" ? "null" : value(field.type)}`);
        break;
      }
      case 7: lines.push(one(r, ['tag "x"', 'untag "x"', `set profile.timezone = ${value("string")}`])); break;
      case 8: lines.push(`award ${value("number")} stars`); break;
      case 9: lines.push(`take ${value("number")} stars ${block()} else ${block()}`); break;
      case 10: lines.push(`split exp { one ${block()} two ${block()} }`); break;
      default: lines.push(`emit "e" ${payload()}`); break;
    }
  }
  return lines.join("\n  ");
}

function rule(r: Random, of: Schema, name: string): string {
  const started = r(4) > 0 ? one(r, EVENTS) : null;
  const own = started === null ? [] : [{ word: "event.", fields: of.events[started] ?? [] }];
  const bare: Place = { r, schema: of, sources: [], isRun: false };
  const begun: Place = { ...bare, sources: own };
  const running: Place = { ...begun, isRun: true };
  const clauses = [
    started === null ? `on ${one(r, ["every day at 09:00", "every monday at 02:30", "every month on 31 at 00:00", `every year on ${expression(bare, "date", 2)} at 12:00`, moment(bare, true)])}` : `on ${started}`,
    r(5) === 0 ? `on ${one(r, ["every day at 21:30", moment(bare, true)])}` : "",
    r(3) === 0 ? `when ${expression(begun, "boolean", 2)}` : "",
    r(3) === 0 ? `per ${expression(begun, one(r, ["string", "number", "date"]), 1)}` : "",
    r(3) === 0 ? "repeat restart" : "", r(4) === 0 ? one(r, ["at most 2 per day", "at most 3 per 1 month", "at most 1 per 2 days"]) : "",
    r(3) === 0 ? `until ${moment(running, false)}` : "", r(4) === 0 ? `until ${expression(running, "boolean", 1)}` : "", r(3) === 0 ? `priority ${r(3)}` : "",
  ].filter((line) => line !== "");
  return `rule ${name} {\n  ${clauses.join("\n  ")}\n  ${stepsOf(running, 2, { n: 0 })}\n}`;
}

/** Each declaration by itself, so that some can be left out. */
export function declarations(r: Random, of: Schema): string[] {
  const bare: Place = { r, schema: of, sources: [], isRun: false };
  const condition = (): string => expression(bare, "boolean", 2);
  const held = (): string => (r(4) === 0 ? ` for at least ${one(r, ["2 hours", "1 month"])}` : "");
  return [
    ...EVENTS.map((event) => `event ${event} { ${written(of.events[event] ?? [])} }`),
    `profile${r(4) === 0 ? " retain 40 days" : ""} { timezone: string = "Europe/Warsaw"  ${written(of.profile)} }`,
    `trait t_string = ${expression(bare, "string", 2)}`, `trait t_number = ${expression(bare, "number", 2)}`,
    `segment seg_a when ${condition()}${held()}${r(2) === 0 ? ` until ${condition()}${held()}` : ""}`,
    `segment seg_b when ${condition()}${held()}`,
    `channel email { when ${condition()}  quiet 21:00 to 08:00  at most 2 per day }`,
    `channel push { when true  quiet when ${condition()}  at most 1 per 1 month }`,
    `channels both = email, push { at most 3 per 7 days }`,
    `points stars {
  earn ${expression({ ...bare, sources: [{ word: "", fields: of.events["a"] ?? [] }] }, "number", 2)} on a
  earn ${one(r, ["5", "0.1", 'if level == "low" then 1 else 2', "length(level)"])} on b at most 2 per day
${r(2) === 0 ? "  expire after 3 days" : r(2) === 0 ? "  expire after 1 month" : ""}
}`,
    `tier level by ${one(r, ["stars", "stars.earned over 3 days", "count(a) over 2 days", expression(bare, "number", 1)])} { low at 0  mid at 3  top at 1000 }`,
    `experiment exp { holdout 10%  one ${r(2) === 0 ? "40%  two 50%" : "50%  two 40%"}  goal b within 2 days }`,
    `metric m_one = mean(${expression(bare, "number", 1)})`, `metric m_two = customers(${condition()})`,
    ...Array.from({ length: 2 + r(3) }, (_, i) => rule(r, of, `rule_${i}`)),
  ];
}

/** Those declarations are left out in which the checker finds mistakes, then those that miss them; null: too many. */
export function programOf(all: readonly string[]): { readonly program: Program; readonly texts: readonly string[] } | null {
  let texts = all.slice();
  for (let tries = 0; tries < 12; tries++) {
    const { program, diagnostics } = compileProgram(texts.map((text, i) => ({ file: `d${i}.eddy`, text })));
    if (program !== null) return { program, texts };
    const wrong = new Set(diagnostics.filter(({ code }) => code.startsWith("E")).map(({ span }) => span.file));
    const left = texts.map((text, i) => (wrong.has(`d${i}.eddy`) ? null : text));
    // What others need is put in again in its plainest form.
    texts = left.flatMap((text, i) => (text === null ? plainOf(texts[i] as string, tries) : [text]));
  }
  return null;
}

const PLAIN: readonly (readonly [start: string, plain: string])[] = [
  ["trait t_string", 'trait t_string = "t"'], ["trait t_number", "trait t_number = count(a)"], ["segment seg_a", "segment seg_a when any(a) over 2 days"],
  ["segment seg_b", "segment seg_b when count(b) >= 2"], ["channel email", "channel email { when true  quiet 21:00 to 08:00 }"], ["channel push", "channel push { when true }"],
  ["points stars", "points stars { earn 1 on a  expire after 3 days }"], ["tier level", "tier level by stars { low at 0  mid at 3  top at 1000 }"],
];

function plainOf(text: string, tries: number): string[] {
  const plain = PLAIN.find(([start]) => text.startsWith(start))?.[1];
  return plain === undefined || (plain === text && tries > 8) ? [] : [plain];
}

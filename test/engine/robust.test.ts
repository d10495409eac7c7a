/**
 * Nothing that an event or a program can do may throw inside the evaluation, or go on for ever: random programs, hostile
 * events, and edits of the program in the middle of a life. The same life is led twice: by somebody who stays in memory,
 * and by somebody who goes to the store and comes back again and again. What comes of both is the same.
 */
import { describe, expect, test, vi } from "vitest";
import { writer } from "../../engine/codec.js";
import { compile, type Compiled } from "../../engine/compile/compiled.js";
import { newCustomer, type Customer, type Data } from "../../engine/customer.js";
import { isKnown } from "../../engine/erasure.js";
import { SILENT, evaluator, processEvent, processWake, zoneOfProfile, type Evaluator, type Sink } from "../../engine/evaluate.js";
import { BAD } from "../../engine/schema.js";
import { join, joinPlan } from "../../engine/change/join.js";
import { layoutOf, readCustomer, unpackCustomer, translation, writeCustomer } from "../../engine/state.js";
import { compiled, story, type Told } from "./story.js";
import { EVENTS, changedSchema, declarations, programOf, random, schema, type FieldOf, type Random, type Schema } from "./random-programs.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const one = <T>(r: Random, of: readonly T[]): T => of[r(of.length)] as T;

// ---------------------------------------------------------------------------------------------------- hostile data

const TEXTS = ["s", "", "t", "x", "ss?", "constructor", "__proto__", "ü🙂", "\u0000", "Pacific/Apia", "Europe/Warsaw", "America/Havana", "x".repeat(300), "é".repeat(40)];
const NUMBERS = [0, -0, 1, 2, -1, 0.1, 3.75, 1e15, -1e15, 1.7976931348623157e308, -1.7e308, 5e-324, 9007199254740993, 4294967296, 1e300, 2.5e17];
const INSTANTS = ["1970-01-01T00:00:00Z", "2199-12-31T23:59:59.999Z", "2024-03-31T01:30:00Z", "2024-04-01T00:00:00.001+02:00"];
const DATES = ["0001-01-01", "0000-02-29", "9999-12-31", "2024-02-29", "1990-03-31", "2023-04-01"];

function valueOf(r: Random, { type }: Pick<FieldOf, "type">): unknown {
  switch (type) {
    case "string": return one(r, TEXTS);
    case "number": case "duration": return one(r, NUMBERS);
    case "boolean": return r(2) === 0;
    case "time": return one(r, INSTANTS);
    case "date": return one(r, DATES);
    case "strings": return Array.from({ length: r(4) }, () => one(r, TEXTS));
    case "numbers": return Array.from({ length: r(4) }, () => one(r, NUMBERS));
    case "record": return recordOf(r);
    case "records": return Array.from({ length: r(3) }, () => ({ ...recordOf(r), t: r(2) === 0 ? null : one(r, INSTANTS) }));
  }
}

const recordOf = (r: Random): object => ({ p: one(r, NUMBERS), q: one(r, TEXTS), ...(r(2) === 0 ? {} : { z: r(2) === 0 ? null : { deep: one(r, TEXTS) } }) });

function dataOf(r: Random, fields: readonly FieldOf[], isPatch: boolean): string {
  const data: Record<string, unknown> = {};
  for (const field of fields) {
    const may = isPatch || field.maybe || field.default !== null;
    if (may && r(3) === 0) {
      if (r(2) === 0) data[field.name] = null;
    } else data[field.name] = valueOf(r, field);
  }
  if (isPatch && r(3) === 0) data["timezone"] = one(r, TEXTS);
  return JSON.stringify(data);
}

// ---------------------------------------------------------------------------------------------------- lives

/** Somebody who lives under one program after another. */
interface Life {
  customer: Customer;
  evaluator: Evaluator;
  compiled: Compiled;
  readonly isStored: boolean;
  readonly said: string[];
}

function sinkOf(life: { readonly said: string[] }, ids: Set<string>): Sink {
  const unique = (id: string): void => {
    if (ids.has(id)) throw new Error(`the id ${id} came twice`);
    ids.add(id);
  };
  return {
    ...SILENT,
    action({ id, at, rule, channel, template, payload }) {
      unique(id);
      life.said.push(`${at} ${rule} ${channel ?? ""} ${template} ${JSON.stringify(payload)} ${id}`);
    },
    change({ id, at, segment, entered }) {
      unique(id);
      life.said.push(`${at} ${entered ? "enter" : "leave"} ${segment} ${id}`);
    },
    held: ({ at, rule, channel }) => void life.said.push(`${at} held ${rule} ${channel}`),
    suppressed: ({ at, rule, channel, reason }) => void life.said.push(`${at} ${reason} ${rule} ${channel}`),
    erased: () => void life.said.push("erased"),
  };
}

function bytesOf(customer: Customer, compiled: Compiled): Buffer {
  const w = writer(64);
  writeCustomer(w, customer, 1, compiled);
  return Buffer.from(w.bytes.subarray(0, w.at));
}

/** To the store under the program that they lived under, and back under another or the same one. */
function goThroughStore(life: Life, to: Compiled): void {
  if (!isKnown(life.customer)) {
    life.customer = newCustomer(life.customer.id, zoneOfProfile(to, {}));
    return;
  }
  const bytes = bytesOf(life.customer, life.compiled);
  life.customer = unpackCustomer(life.customer.id, bytes, 0, bytes.length, new Map([[1, translation(layoutOf(life.compiled), to)]]), to);
  if (to === life.compiled && !bytesOf(life.customer, to).equals(bytes)) throw new Error("the state became another one by being stored");
}

/** More wakes than anything that was made may need in a stretch of time. */
const MOST_WAKES = 3000;

function letTimePass(life: Life, to: number): void {
  for (let wakes = 0; life.customer.wake <= to; wakes++) {
    if (wakes > MOST_WAKES) throw new Error(`woken without end, at ${new Date(life.customer.wake).toISOString()}`);
    const now = life.customer.wake;
    processWake(life.evaluator, life.customer, now);
    if (life.customer.wake <= now) throw new Error(`woken at ${now} for ${life.customer.wake}`);
    if (life.isStored) goThroughStore(life, life.compiled);
  }
}

interface Era {
  readonly compiled: Compiled;
  readonly schema: Schema;
  readonly texts: readonly string[];
}

function era(r: Random, of: Schema, declared: readonly string[]): Era | null {
  const made = programOf(declared);
  return made === null ? null : { compiled: compile(made.program), schema: of, texts: made.texts };
}

/** Rules with some declarations of another program, and some fields of another type. */
function edited(r: Random, before: Era): Era | null {
  const changed = r(2) === 0 ? before.schema : changedSchema(r, before.schema);
  const fresh = declarations(r, changed);
  const start = (text: string): string => text.slice(0, text.search(/[{=]|when|by/) + 1);
  const old = new Map(before.texts.map((text) => [start(text), text]));
  return era(r, changed, fresh.map((text, i) => (i <= EVENTS.length || r(3) === 0 ? text : old.get(start(text)) ?? text)));
}

function happens(life: Life, name: string, json: string, at: number, time: number, id: string): void {
  const plan = life.compiled.events.get(name);
  if (plan === undefined) return;
  const data = (plan.isProfileUpdate ? life.compiled.profilePatch : plan.check)(JSON.parse(json));
  if (data === BAD) return;
  processEvent(life.evaluator, life.customer, { plan, data: data as Data, time, id, source: "test" }, at);
  if (life.customer.wake < at) throw new Error(`at ${at} there is a wake for ${life.customer.wake}`);
  if (life.isStored) goThroughStore(life, life.compiled);
}

function live(seed: number): { readonly eras: number; readonly said: number } {
  const r = random(seed);
  const of = schema(r);
  const first = era(r, of, declarations(r, of));
  if (first === null) return { eras: 0, said: 0 };
  let present = first;
  const lives: Life[] = [false, true].map((isStored): Life => {
    const said: string[] = [];
    return { customer: newCustomer("c", zoneOfProfile(first.compiled, {})), evaluator: evaluator(first.compiled, sinkOf({ said }, new Set())), compiled: first.compiled, isStored, said };
  });
  const ids = lives.map(() => new Set<string>());
  const enter = (next: Era): void => {
    lives.forEach((life, i) => {
      goThroughStore(life, next.compiled);
      life.compiled = next.compiled;
      life.evaluator = evaluator(next.compiled, sinkOf(life, ids[i] as Set<string>));
    });
    present = next;
  };
  enter(first);
  let eras = 1;
  let at = Date.UTC(2024, 2, 28, 10);
  for (let i = 0; i < 40; i++) {
    if (i % 12 === 11) {
      const next = edited(r, present);
      if (next !== null) {
        enter(next);
        eras++;
      }
    }
    at += one(r, [0, 0, 1, 60_000, HOUR, 2 * HOUR, 5 * HOUR, 9 * HOUR, DAY, 2 * DAY, ...(r(6) === 0 ? [45 * DAY] : [])]);
    const name = one(r, [...EVENTS, ...EVENTS, "profile_updated", ...(r(8) === 0 ? ["customer_erased"] : [])]);
    const json = dataOf(r, name === "profile_updated" ? present.schema.profile : present.schema.events[name] ?? [], name === "profile_updated");
    const time = r(4) === 0 ? Math.max(0, at - one(r, [1, HOUR, DAY, 30 * DAY, 400 * DAY])) : at;
    for (const life of lives) {
      letTimePass(life, at);
      happens(life, name, json, at, time, `e${i}`);
    }
  }
  for (const life of lives) letTimePass(life, at + 40 * DAY);
  const [kept, stored] = lives as [Life, Life];
  expect(stored.said).toEqual(kept.said);
  return { eras, said: kept.said.length };
}

/** One life under rules that are edited again and again; each time they are joined with what the new ones make of all that happened. */
function joinAgain(seed: number): number {
  const r = random(seed);
  const of = schema(r);
  const first = era(r, of, declarations(r, of));
  if (first === null) return 0;
  let present = first;
  const past: (readonly [name: string, json: string, at: number, time: number, id: string])[] = [];
  const lived = (compiled: Compiled, upTo: number): Life => {
    const life: Life = { customer: newCustomer("c", zoneOfProfile(compiled, {})), evaluator: evaluator(compiled, SILENT), compiled, isStored: false, said: [] };
    for (const [name, json, at, time, id] of past) {
      letTimePass(life, at);
      happens(life, name, json, at, time, id);
    }
    letTimePass(life, upTo);
    return life;
  };
  const said: string[] = [];
  const ids = new Set<string>();
  let life: Life = { customer: newCustomer("c", zoneOfProfile(first.compiled, {})), evaluator: evaluator(first.compiled, sinkOf({ said }, ids)), compiled: first.compiled, isStored: true, said };
  let joins = 0;
  let at = Date.UTC(2024, 2, 28, 10);
  for (let i = 0; i < 40; i++) {
    const next = i % 8 === 7 ? edited(r, present) : null;
    if (next !== null) {
      letTimePass(life, at);
      const { compiled } = next;
      const plan = joinPlan(translation(layoutOf(life.compiled), compiled), compiled);
      const live = isKnown(life.customer) ? readCustomer("c", bytesOf(life.customer, life.compiled), new Map([[1, plan.translation]]), compiled) : null;
      const filled = r(3) === 0 ? null : lived(compiled, at).customer;
      const e = evaluator(compiled, sinkOf({ said }, ids));
      const customer = live === null && (filled === null || !isKnown(filled)) ? newCustomer("c", zoneOfProfile(compiled, {}))
        : join(e, live === null ? null : plan, live, filled, at, `${seed}.${i}`).customer;
      life = { customer, evaluator: e, compiled, isStored: true, said };
      goThroughStore(life, compiled);
      // Joined once more with the same rules, nothing is new.
      if (isKnown(life.customer)) {
        const again = joinPlan(translation(layoutOf(compiled), compiled), compiled);
        const before = said.length;
        const same = join(e, again, readCustomer("c", bytesOf(life.customer, compiled), new Map([[1, again.translation]]), compiled), null, at, `${seed}.${i}.again`);
        expect([same.customer.segments, same.left, said.slice(before).filter((line) => / (enter|leave) /.test(line))]).toEqual([life.customer.segments, [], []]);
      }
      present = next;
      joins++;
    }
    at += one(r, [0, 1, 60_000, HOUR, 5 * HOUR, DAY, 2 * DAY, ...(r(6) === 0 ? [45 * DAY] : [])]);
    const name = one(r, [...EVENTS, ...EVENTS, "profile_updated", ...(r(8) === 0 ? ["customer_erased"] : [])]);
    const json = dataOf(r, name === "profile_updated" ? present.schema.profile : present.schema.events[name] ?? [], name === "profile_updated");
    const time = r(4) === 0 ? Math.max(0, at - one(r, [1, HOUR, DAY, 30 * DAY])) : at;
    past.push([name, json, at, time, `e${i}`]);
    letTimePass(life, at);
    happens(life, name, json, at, time, `e${i}`);
  }
  letTimePass(life, at + 40 * DAY);
  return joins;
}

const FROM = 1;
const TO = 24;

vi.setConfig({ testTimeout: 90_000 }); // much of a processor, little of the clock where it is free

describe("nothing that programs and events do", () => {
  test("throws, goes on for ever or depends on the store", () => {
    let eras = 0;
    let said = 0;
    for (let seed = FROM; seed <= TO; seed++) {
      try {
        const lived = live(seed);
        eras += lived.eras;
        said += lived.said;
      } catch (error) {
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
      }
    }
    expect(eras).toBeGreaterThan(2 * (TO - FROM));
    expect(said).toBeGreaterThan(500);
  });

  test("throws where customers go over to other rules, whatever history makes of them", () => {
    let joins = 0;
    for (let seed = FROM; seed <= TO / 2; seed++) {
      try {
        joins += joinAgain(seed);
      } catch (error) {
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
      }
    }
    expect(joins).toBeGreaterThan(TO);
  });

  const NOON = Date.UTC(2026, 2, 2, 12);
  const actions = (told: readonly Told[]): unknown[] => told.flatMap((one) => (one.k === "action" ? [one.payload] : []));

  test("lists in lists may be longer than a call takes", () => {
    const s = story(compiled('event e { rows: { xs: number[] }[] }\nrule r { on e  emit "r" { has: event.rows.xs contains 7, n: count(event.rows.xs) } }'));
    s.event("e", { rows: [{ xs: [...new Array<number>(400_000).fill(1), 7] }, { xs: [2] }] }, NOON);
    expect(actions(s.told)).toEqual([{ has: true, n: 400_002 }]);
  });

  test("a text that doubles with every event does not grow for ever", () => {
    const s = story(compiled('event e\nprofile { s: string = "ab" }\nrule r { on e  set profile.s = profile.s + profile.s  emit "r" { n: length(profile.s) } }'));
    for (let i = 0; i < 40; i++) s.event("e", {}, NOON + i);
    expect(actions(s.told).at(-1)).toEqual({ n: 100_000 });
  });

  test("an instant beyond all numbers has no weekday", () => {
    const s = story(compiled('event e { n: number }\nrule r { on e  emit "r" { d: lower(weekday(now + event.n * event.n * 1 hour)) + "!" } }'));
    s.event("e", { n: 1e300 }, NOON);
    expect(actions(s.told)).toEqual([{ d: null }]);
  });

  test("parts of a millisecond are waited for to the next one", () => {
    const s = story(compiled('event e { n: number }\nrule r { on e  wait event.n * 1 second  emit "r" { at: now } }'));
    s.event("e", { n: 5e-324 }, NOON);
    s.event("e", { n: 0.0001 }, NOON);
    expect(s.customer.wake).toBe(NOON + 1);
    s.until(NOON + 5);
    expect(actions(s.told)).toHaveLength(1);
  });

  /** The customer goes on under rules that were edited. */
  function under(before: Compiled, customer: Customer, after: Compiled): ReturnType<typeof story> {
    const life: Life = { customer, compiled: before, evaluator: evaluator(before, SILENT), isStored: true, said: [] };
    goThroughStore(life, after);
    return story(after, life.customer);
  }

  test("fields that became another type are passed over, others are kept", () => {
    const rules = (type: string, use: string): Compiled => compiled(`
      event e { v: ${type}  w: string }
      profile { p: ${type}?  q: string?  inner: { x: ${type}?  y: number = 1 } }
      rule r { on e  wait 1 hour  emit "r" { p: ${use.replaceAll("$", "profile.p")}, x: ${use.replaceAll("$", "profile.inner.x")}, v: ${use.replaceAll("$", "event.v")}, l: ${use.replaceAll("$", "last(e.v)")}, t: ${use.replaceAll("$", "top(e.v)")},
        q: upper(profile.q), y: profile.inner.y, w: upper(event.w), n: count(e), lw: last(e.w) } }`);
    const kept = { q: "Q", y: 5, w: "W", n: 1, lw: "w" };
    const changes: readonly (readonly [from: string, to: string, value: unknown, use: string])[] = [
      ["number", "string", 5, "lower($)"], ["string", "number", "five", "round($) + 1"], ["string[]", "string", ["a"], "trim($)"],
      ["time", "date", "2026-03-02T10:00:00Z", "year($)"], ["string", "boolean", "yes", "not not $"],
    ];
    for (const [from, to, value, use] of changes) {
      const isList = from.endsWith("[]");
      const old = isList ? compiled(`event e { v: ${from}  w: string }\nprofile { p: ${from}?  q: string?  inner: { x: ${from}?  y: number = 1 } }\nrule r { on e  wait 1 hour  emit "r" { v: event.v, w: event.w, n: count(e), lw: last(e.w) } }`) : rules(from, "$");
      const s = story(old);
      s.event("profile_updated", { p: value, q: "q", inner: { x: value, y: 5 } }, NOON);
      s.event("e", { v: value, w: "w" }, NOON);
      const later = under(old, s.customer, rules(to, use));
      later.until(NOON + HOUR);
      const gone = to === "boolean" ? false : null;
      expect(actions(later.told), `${from} to ${to}`).toEqual([{ ...kept, p: gone, x: gone, v: gone, l: gone, t: gone }]);
    }
  });
});

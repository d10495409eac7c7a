/**
 * What the simulated engines run, and what happens to their customers: random events with duplicates, late ones and such as
 * cannot be read.
 */
import { readdirSync, readFileSync } from "node:fs";
import { compileProgram, type SourceFile } from "../../dsl/compile.js";
import { renderAll } from "../../dsl/diagnostics/render.js";
import { compile, type Compiled } from "../../engine/compile/compiled.js";
import { encodeToken } from "../../engine/subjects.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Much that waits, is held, counted, capped and earned, in little time. */
const NASTY = `
event bought { total: number  kind: "tea" | "book" }
event seen { sku: string }
event left
profile {
  timezone: string = "Europe/Warsaw"
  mail: boolean = true
  visits: number = 0
}
trait spend = sum(bought.total) over 2 days
trait bought_now = count(bought) over 30 minutes
trait kinds = distinct(bought.kind) over 1 day
trait looks = count(seen where sku like "a*") over 90 minutes
segment buyer when spend >= 30 until spend < 10
segment busy when bought_now >= 2
segment steady when spend >= 10 for at least 3 hours
segment silent when no seen for 5 hours
segment mixed when kinds >= 2 and not busy
channel email { when profile.mail  quiet 21:00 to 08:00  at most 2 per day }
channel push { when true  at most 3 per 2 hours }
channels all = email, push { at most 4 per day }
points coins { earn floor(total) on bought  earn 1 on seen at most 2 per day  expire after 1 day }
tier grade by coins.earned over 2 days { low at 5  mid at 40  high at 90 }
experiment trial { hold 40%  red 30%  blue 30%  goal bought within 1 day value total }
rule cart { on seen  until bought  repeat restart  wait 40 minutes  send push "look" { sku: event.sku, looks: looks }  wait 1 day  send email "again" { n: looks } }
rule thanks { on bought  at most 2 per 2 hours  wait 10 minutes  send email "thanks" { total: event.total, coins: coins } }
rule arms { on enter buyer  split trial { red { send push "red" { spend: spend } } blue { wait 2 hours  emit "blue" { spend: spend } } hold { emit "none" } } }
rule morning { on every day at 09:30  when buyer  set profile.visits = profile.visits + 1  emit "morning" { visits: profile.visits, coins: coins } }
rule await { on bought  per event.kind  wait for seen up to 3 hours as s  emit "await" { sku: s.sku, kind: event.kind } }
rule rise { on grade up  award 3 coins  emit "up" { grade: grade, missing: grade.missing } }
rule out { on leave steady  until enter steady  wait 1 hour  send email "out" }
rule silence { on enter silent  emit "silence" { last: last(seen).time } }
metric buyers = customers(spend >= 10)
metric turnover = total(spend)
`;

/**
 * The same with something of its own added, changed and taken away, which what stays does not hang on: no channel, no
 * points, no profile, no segment that others look at. What stays must say and hold the same whoever worked when.
 */
const NASTY_CHANGED = `${NASTY.split("\n").filter((line) => !/^(segment mixed|rule silence|rule await) /.test(line)).join("\n")}
trait lately = count(bought) over 4 hours
segment fresh when lately >= 1
segment keen when looks >= 1 for at least 30 minutes until lately < 1
rule await { on bought  wait for seen up to 2 hours as s  emit "awaited" { sku: s.sku } }
rule hello { on seen  emit "hello" { n: lately } }
rule bye { on leave fresh  wait 20 minutes  emit "bye" { spend: spend } }
`;
/** The same of customers who are erased, on request and by retention, while much about them waits. */
const ERASING = NASTY.replace("profile {", "profile retain 30 hours {").concat(`
rule goodbye { on customer_erased  emit "goodbye" { visits: profile.visits } }
`);

const NASTY_OWN = ["await", "silence", "hello", "bye"];

/** Figures of all customers: tables at midnight, sweeps. */
const RANKED = `
event bought { total: number  kind: "tea" | "book" }
event seen { sku: string }
event left
profile {
  mail: boolean = true
  visits: number = 0
}
trait orders = count(bought)
trait spend = sum(bought.total) over 3 days
trait rank = percentile(spend among orders >= 1)
segment elite when rank >= 60
segment steady when rank >= 40 for at least 1 day
segment rising when rank >= 30 and not elite until rank < 15
rule greet { on enter elite  emit "welcome" { spend: spend }  wait 3 hours  emit "later" { rank: rank } }
rule gone { on leave elite  until enter elite  wait 5 hours  emit "missed" { rank: rank } }
rule look { on seen  emit "look" { rank: rank, sku: event.sku } }
rule cart { on seen  until bought  repeat restart  wait 40 minutes  emit "cart" }
metric spent = total(spend)
metric buyers = customers(orders >= 1)
`;

const RANKED_CHANGED = `${RANKED}
segment keen when count(seen) over 2 hours >= 1
rule hello { on enter keen  wait 20 minutes  emit "hello" }
`;

/** What some processes run, while others run the usual rules. */
export interface Changed {
  readonly rules: Compiled;
  /** Rules that only one of the two has, or that are not the same in both. */
  readonly own: ReadonlySet<string>;
}

export interface Subject {
  readonly name: string;
  readonly rules: Compiled;
  /** Null: no others. */
  readonly changed: Changed | null;
  /** How much longer than usual it is from one event to the next. */
  readonly pace: number;
  /** Only some of the customers. */
  readonly few?: boolean;
  /** Type and data of a random event. */
  readonly event: (random: () => number) => { readonly type: string; readonly data: unknown };
}

function compiled(files: readonly SourceFile[]): Compiled {
  const { program, diagnostics } = compileProgram(files);
  if (program === null) throw new Error(renderAll(diagnostics, new Map(files.map(({ file, text }) => [file, text]))));
  return compile(program);
}

type Random = () => number;
const one = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;

/** Every fourth is a request to erase. */
function erasingEvent(random: Random): { type: string; data: unknown } {
  const event = random() < 0.25 ? { type: "customer_erased", data: {} } : smallEvent(random);
  return event.type === "customer_identified" ? { type: "left", data: {} } : event;
}

function smallEvent(random: Random): { type: string; data: unknown } {
  const r = random();
  if (r < 0.42) return { type: "bought", data: { total: Math.floor(random() * 5000) / 100, kind: one(random, ["tea", "book"]) } };
  if (r < 0.78) return { type: "seen", data: { sku: one(random, ["a1", "a2", "b1"]) } };
  if (r < 0.84) return { type: "left", data: {} };
  if (r < 0.91) return { type: "profile_updated", data: random() < 0.5 ? { mail: random() < 0.5 } : { visits: 3 } };
  if (r < 0.94) return { type: "customer_erased", data: {} };
  if (r < 0.975) return { type: "customer_identified", data: { anonymous_id: one(random, CUSTOMERS) } };
  if (r < 0.985) return { type: "bought", data: { total: "much" } };
  return { type: "unheard_of", data: { x: 1 } };
}

/** For who only reads what is in a log. */
export const NO_RULES = compiled([{ file: "nothing.eddy", text: "event none\nsegment nobody when count(none) > 0\n" }]);

/** The same of few customers, of whom every fourth event says that two are one: chains of joins, and rings. */
const MERGING = `${NASTY}
rule known { on customer_identified  wait 5 minutes  emit "known" { was: event.anonymous_id, spend: spend, coins: coins } }
rule again { on bought  per event.kind  repeat restart  wait 3 hours  send email "again" { kind: event.kind } }
`;

function mergingEvent(random: Random): { type: string; data: unknown } {
  return random() < 0.25 ? { type: "customer_identified", data: { anonymous_id: one(random, CUSTOMERS.slice(0, FEW)) } } : smallEvent(random);
}

const LIBRARY_FOLDERS = ["shared", "shop", "loyalty"];
const CATEGORIES = ["tea", "coffee", "cocoa"];

function libraryEvent(random: Random): { type: string; data: unknown } {
  const sku = (): string => `s${Math.floor(random() * 4)}`;
  const item = () => ({ sku: sku(), category: one(random, CATEGORIES), quantity: 1 + Math.floor(random() * 2), price: Math.floor(random() * 9000) / 100 });
  const items = () => Array.from({ length: 1 + Math.floor(random() * 2) }, item);
  const order = `o${Math.floor(random() * 5)}`;
  const events: readonly (() => { type: string; data: unknown })[] = [
    () => ({ type: "order_placed", data: { order_id: order, total: Math.floor(random() * 50_000) / 100, items: items() } }),
    () => ({ type: "product_viewed", data: { sku: sku(), category: one(random, CATEGORIES), price: 20 } }),
    () => ({ type: "cart_updated", data: { cart_id: "c", items: items().map(({ sku: s, category, price }) => ({ sku: s, category, price })) } }),
    () => ({ type: "order_delivered", data: { order_id: order, items: items().map(({ sku: s, category }) => ({ sku: s, category })) } }),
    () => ({ type: "order_returned", data: { order_id: order, amount: 10, reason: "damaged" } }),
    () => ({ type: "session_started", data: { device: "phone" } }),
    () => ({ type: "review_posted", data: { sku: sku(), rating: 1 + Math.floor(random() * 5) } }),
    () => ({ type: "profile_updated", data: { consent: { email: random() < 0.8, push: random() < 0.8, sms: random() < 0.5 } } }),
    () => ({ type: "customer_erased", data: {} }),
    () => ({ type: "customer_identified", data: { anonymous_id: one(random, CUSTOMERS) } }),
  ];
  return (random() < 0.3 ? (events[0] as (typeof events)[number]) : one(random, events))();
}

const SUBJECTS: Readonly<Record<string, () => Omit<Subject, "name">>> = {
  nasty: () => ({
    rules: compiled([{ file: "nasty.eddy", text: NASTY }]), pace: 1, event: smallEvent,
    changed: { rules: compiled([{ file: "nasty.eddy", text: NASTY_CHANGED }]), own: new Set(NASTY_OWN) },
  }),
  merging: () => ({ rules: compiled([{ file: "merging.eddy", text: MERGING }]), pace: 1, event: mergingEvent, changed: null, few: true }),
  ranked: () => ({
    rules: compiled([{ file: "ranked.eddy", text: RANKED }]), pace: 5, event: smallEvent,
    changed: { rules: compiled([{ file: "ranked.eddy", text: RANKED_CHANGED }]), own: new Set(["hello"]) },
  }),
  erasing: () => ({ rules: compiled([{ file: "erasing.eddy", text: ERASING }]), pace: 1, event: erasingEvent, changed: null }),
  library: () => ({
    rules: compiled(LIBRARY_FOLDERS.flatMap((folder) => readdirSync(`rules/${folder}`).filter((name) => name.endsWith(".eddy")).sort()
      .map((name) => ({ file: `${folder}/${name}`, text: readFileSync(`rules/${folder}/${name}`, "utf8") })))),
    changed: null, pace: 10, event: libraryEvent,
  }),
};

export type SubjectName = "nasty" | "erasing" | "merging" | "ranked" | "library";
const made = new Map<string, Subject>();

export function subjectOf(name: SubjectName): Subject {
  const known = made.get(name) ?? { name, ...(SUBJECTS[name] as (typeof SUBJECTS)[string])() };
  made.set(name, known);
  return known;
}

// ---------------------------------------------------------------------------------------------------- histories

/** A record that somebody puts into the log. */
export interface Sent {
  readonly at: number;
  readonly subject: string;
  readonly body: string;
}

/** Five in each of three partitions: no fewer, or a cache of four would never forget any; no more, or it would never hold those of one batch. */
const CUSTOMERS = ["dee", "cid", "ann", "eve", "gus", "bob", "fay", "mia", "joe", "leo", "a.b*>", "kim", "\uFFFD", "👍", "Łódź 1"];

const FEW = 6;

export const START = Date.UTC(2026, 2, 27, 6); // the clocks of Europe change two days later

/** Some days of events: most in bursts, hours and days between them. */
export function history(random: Random, { event, pace, few = false }: Subject, count: number): Sent[] {
  const lines: Sent[] = [];
  let at = START;
  for (let i = 0; i < count; i++) {
    const r = random();
    at += r < 0.5 ? Math.floor(random() * 20) : r < 0.75 ? Math.floor(random() * 5000) : pace * (r < 0.9 ? Math.floor(random() * 40 * MINUTE) : r < 0.98 ? Math.floor(random() * 8 * HOUR) : Math.floor(random() * DAY));
    const customer = CUSTOMERS[Math.floor(random() ** 1.3 * (few ? FEW : CUSTOMERS.length))] as string;
    const again = lines[Math.floor(random() * lines.length)];
    if (again !== undefined && random() < 0.08) {
      lines.push({ ...again, at }); // its sender did not hear that it had arrived
      continue;
    }
    const { type, data } = event(random);
    const late = random() < 0.15 ? Math.floor(random() * 3 * HOUR) : random() < 0.03 ? -20 * MINUTE : 0;
    const body = random() < 0.02 ? "{ no json" : JSON.stringify({ id: `e${i}`, source: "shop", type, subject: customer, time: new Date(at - late).toISOString(), data });
    lines.push({ at, subject: `events.${type}.${encodeToken(customer)}`, body });
  }
  return lines;
}

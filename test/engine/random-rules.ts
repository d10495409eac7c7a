/**
 * Random rules and random histories for them: every form that starts a run, ends it or makes it wait. A rule is plain data,
 * from which its text is written; test/engine/naive-runs.ts runs the same data in its own way.
 */
import fc from "fast-check";
import { changesOf } from "./zones.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

export const ZONES = ["Europe/Warsaw", "America/New_York", "Asia/Tokyo", "America/Havana", "Australia/Lord_Howe", "Pacific/Kiritimati", "Pacific/Honolulu"] as const;
export type ZoneName = (typeof ZONES)[number];

export type EventName = "a" | "b" | "c";
export const SEGMENTS = ["flagged", "busy", "eager"] as const;
export type SegmentName = (typeof SEGMENTS)[number];

export type Moment =
  /** `sameKey`, `above`: of the event that started the run. */
  | { readonly k: "event"; readonly event: EventName; readonly where: null | "sameKey" | "above" }
  | { readonly k: "enter" | "leave"; readonly segment: SegmentName }
  | { readonly k: "change" };

export type Start = Moment
  | { readonly k: "daily"; readonly minute: number }
  | { readonly k: "weekly"; readonly weekday: number; readonly minute: number }
  | { readonly k: "monthly"; readonly day: number; readonly minute: number }
  | { readonly k: "yearly"; readonly minute: number };

export type Step =
  | { readonly k: "wait"; readonly minutes: number }
  | { readonly k: "clock"; readonly minute: number; readonly weekday: number | null }
  | { readonly k: "for"; readonly moment: Moment; readonly minutes: number; readonly fork: null | { readonly then: readonly Step[]; readonly otherwise: readonly Step[] } }
  | { readonly k: "emit" } | { readonly k: "send" } | { readonly k: "stop" }
  | { readonly k: "flag"; readonly to: boolean | "not" }
  | { readonly k: "zone"; readonly to: ZoneName }
  | { readonly k: "if"; readonly segment: SegmentName; readonly then: readonly Step[]; readonly otherwise: readonly Step[] };

export interface RuleData {
  readonly name: string;
  readonly priority: number;
  readonly on: readonly Start[];
  readonly until: readonly (Moment | { readonly k: "condition"; readonly condition: "flagged" | "two b" })[];
  readonly isFlagged: boolean;
  readonly isPerKey: boolean;
  readonly isRestarted: boolean;
  readonly cap: null | { readonly count: number; readonly hours: number };
  readonly steps: readonly Step[];
}

export interface Happening {
  readonly at: number;
  readonly event: EventName | "profile_updated";
  readonly key: string;
  readonly n: number;
  readonly flag?: boolean;
  readonly zone?: ZoneName;
  /** Days since 1970. */
  readonly day?: number | null;
}

export interface Life {
  readonly rules: readonly RuleData[];
  readonly history: readonly Happening[];
  readonly end: number;
}

// ---------------------------------------------------------------------------------------------------- random ones

const minuteOfDay = fc.oneof(fc.constantFrom(0, 1, 9 * 60, 8 * 60, 21 * 60, 2 * 60 + 30, 30, 23 * 60 + 59), fc.integer({ min: 0, max: 24 * 60 - 1 }));
const segment = fc.constantFrom(...SEGMENTS);
const spans = fc.constantFrom(1, 30, 60, 60, 119, 120, 120, 180, 240, 24 * 60, 26 * 60);

const moment: fc.Arbitrary<Moment> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ k: fc.constant("event" as const), event: fc.constantFrom<EventName>("a", "b", "c"), where: fc.constantFrom(null, null, "sameKey" as const, "above" as const) }) },
  { weight: 2, arbitrary: fc.record({ k: fc.constantFrom("enter" as const, "leave" as const), segment }) },
  fc.constant({ k: "change" as const }),
);

const start: fc.Arbitrary<Start> = fc.oneof(
  { weight: 5, arbitrary: moment.map((m) => (m.k === "event" ? { ...m, where: null } : m)) },
  fc.record({ k: fc.constant("daily" as const), minute: minuteOfDay }),
  fc.record({ k: fc.constant("weekly" as const), weekday: fc.integer({ min: 0, max: 6 }), minute: minuteOfDay }),
  fc.record({ k: fc.constant("monthly" as const), day: fc.constantFrom(1, 28, 29, 30, 31), minute: minuteOfDay }),
  fc.record({ k: fc.constant("yearly" as const), minute: minuteOfDay }),
);

const stepsOf = (depth: number): fc.Arbitrary<Step[]> => fc.array(stepOf(depth), { minLength: depth === 0 ? 0 : 1, maxLength: depth === 2 ? 4 : 2 });

function stepOf(depth: number): fc.Arbitrary<Step> {
  const plain: fc.Arbitrary<Step> = fc.oneof(
    { weight: 4, arbitrary: fc.constant({ k: "emit" as const }) },
    { weight: 2, arbitrary: fc.constant({ k: "send" as const }) },
    { weight: 3, arbitrary: spans.map((minutes) => ({ k: "wait" as const, minutes })) },
    { weight: 2, arbitrary: fc.record({ k: fc.constant("clock" as const), minute: minuteOfDay, weekday: fc.option(fc.integer({ min: 0, max: 6 }), { nil: null, freq: 3 }) }) },
    { weight: 2, arbitrary: fc.record({ k: fc.constant("for" as const), moment, minutes: spans, fork: fc.constant(null) }) },
    { weight: 2, arbitrary: fc.constantFrom(true, false, "not" as const).map((to) => ({ k: "flag" as const, to })) },
    fc.constantFrom(...ZONES).map((to) => ({ k: "zone" as const, to })),
    fc.constant({ k: "stop" as const }),
  );
  if (depth === 0) return plain;
  return fc.oneof(
    { weight: 5, arbitrary: plain },
    fc.record({ k: fc.constant("for" as const), moment, minutes: spans, fork: fc.record({ then: stepsOf(depth - 1), otherwise: stepsOf(depth - 1) }) }),
    fc.record({ k: fc.constant("if" as const), segment, then: stepsOf(depth - 1), otherwise: stepsOf(depth - 1) }),
  );
}

const ruleData: fc.Arbitrary<Omit<RuleData, "name">> = fc.record({
  priority: fc.integer({ min: 0, max: 2 }),
  on: fc.array(start, { minLength: 1, maxLength: 3 }),
  until: fc.array(fc.oneof({ weight: 4, arbitrary: moment }, fc.constantFrom("flagged" as const, "two b" as const).map((condition) => ({ k: "condition" as const, condition }))), { maxLength: 2 }),
  isFlagged: fc.constantFrom(false, false, false, true),
  isPerKey: fc.boolean(), isRestarted: fc.boolean(),
  cap: fc.option(fc.record({ count: fc.integer({ min: 1, max: 3 }), hours: fc.constantFrom(1, 24, 48) }), { nil: null, freq: 3 }),
  steps: stepsOf(2),
});

const KEYS = ["x", "y"];

/** Histories about an instant at which some clocks change, so that days are of all lengths. */
export const lives: fc.Arbitrary<Life> = fc.constantFrom(...ZONES).chain((zone) => {
  const changes = changesOf(zone).filter((at) => at > Date.UTC(2023, 0));
  const around = changes.length > 0 ? fc.constantFrom(...changes) : fc.constant(Date.UTC(2024, 1, 29));
  return around.chain((middle) => {
    const gaps = fc.oneof(
      fc.constantFrom(0, 0, 1, MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 2 * HOUR - 1, 3 * HOUR, 24 * HOUR),
      fc.integer({ min: 0, max: 8 * 60 }).map((minutes) => minutes * MINUTE), fc.integer({ min: 0, max: 30 * HOUR }),
    );
    const day = Math.floor(middle / (24 * HOUR));
    const days = fc.option(fc.integer({ min: -1, max: 4 }).chain((after) => fc.constantFrom(0, -366, -365, -730, 365).map((years) => day + after + years)), { nil: null, freq: 5 });
    const happening = fc.tuple(gaps, fc.oneof(
      { weight: 6, arbitrary: fc.record({ event: fc.constantFrom<EventName>("a", "b", "c"), key: fc.constantFrom(...KEYS), n: fc.integer({ min: 0, max: 3 }) }) },
      fc.record({ event: fc.constant("profile_updated" as const), key: fc.constant(""), n: fc.constant(0), flag: fc.boolean() }),
      fc.record({ event: fc.constant("profile_updated" as const), key: fc.constant(""), n: fc.constant(0), zone: fc.constantFrom(...ZONES) }),
      fc.record({ event: fc.constant("profile_updated" as const), key: fc.constant(""), n: fc.constant(0), day: days }),
    ));
    return fc.record({
      rules: fc.array(ruleData, { minLength: 1, maxLength: 4 }), list: fc.array(happening, { minLength: 1, maxLength: 14 }),
      first: fc.integer({ min: -50 * HOUR, max: 0 }), last: fc.constantFrom(HOUR, 30 * HOUR, 40 * 24 * HOUR),
    }).map(({ rules, list, first, last }): Life => {
      let at = middle + first;
      // The first thing that is heard of them is where they live.
      const history: Happening[] = [{ at, event: "profile_updated", key: "", n: 0, zone }];
      for (const [gap, what] of list) history.push({ ...what, at: (at += gap) });
      return { rules: rules.map((rule, i) => ({ ...rule, name: `r${i}` })), history, end: at + last };
    });
  });
});

// ---------------------------------------------------------------------------------------------------- their text

const WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const two = (n: number): string => String(n).padStart(2, "0");
const clock = (minute: number): string => `${two(Math.floor(minute / 60))}:${two(minute % 60)}`;

/** In a run `event` is the one that started it; without one nothing is the same, or above it. */
function momentText(of: Moment, inRun: boolean): string {
  if (of.k === "event") return `${of.event}${!inRun || of.where === null ? "" : of.where === "sameKey" ? " where key == event.key" : " where n > event.n"}`;
  return of.k === "change" ? "change profile.flag" : `${of.k} ${of.segment}`;
}

function startText(of: Start): string {
  switch (of.k) {
    case "daily": return `every day at ${clock(of.minute)}`;
    case "weekly": return `every ${WEEKDAYS[of.weekday] as string} at ${clock(of.minute)}`;
    case "monthly": return `every month on ${of.day} at ${clock(of.minute)}`;
    case "yearly": return `every year on profile.day at ${clock(of.minute)}`;
    default: return momentText(of, false);
  }
}

/** `came`: the name of the event that the innermost `wait for` around it took. */
function stepText(of: Step, hasEvent: boolean, count: { n: number; names: number }, came: string | null = null): string {
  const payload = (): string => `{ step: ${count.n++}, came: ${came === null ? "null" : `${came}.n`}, key: ${hasEvent ? "event.key" : "null"}, n: ${hasEvent ? "event.n" : "null"}, by: ${hasEvent ? "event != null" : "false"}, b: count(b) this run }`;
  const block = (steps: readonly Step[], of = came): string => `{ ${steps.map((step) => stepText(step, hasEvent, count, of)).join("\n")} }`;
  switch (of.k) {
    case "wait": return `wait ${of.minutes} minutes`;
    case "clock": return `wait until ${of.weekday === null ? "" : `${WEEKDAYS[of.weekday] as string} `}${clock(of.minute)}`;
    case "for": {
      const text = `wait for ${momentText(of.moment, hasEvent)} up to ${of.minutes} minutes`;
      if (of.fork === null) return text;
      const name = of.moment.k === "event" ? `it${count.names++}` : null;
      return `${text} ${name === null ? "" : `as ${name}`} ${block(of.fork.then, name ?? came)} else ${block(of.fork.otherwise)}`;
    }
    case "emit": return `emit "did" ${payload()}`;
    case "send": return `send email "did" ${payload()}`;
    case "stop": return "stop";
    case "flag": return `set profile.flag = ${of.to === "not" ? "not profile.flag" : String(of.to)}`;
    case "zone": return `set profile.timezone = "${of.to}"`;
    case "if": return `if ${of.segment} ${block(of.then)} else ${block(of.otherwise)}`;
  }
}

export const startsWithEvent = ({ on }: RuleData): boolean => on.some(({ k }) => k === "event");

function ruleText(rule: RuleData): string {
  const hasEvent = startsWithEvent(rule);
  const lines = [
    ...rule.on.map((each) => `on ${startText(each)}`),
    ...rule.until.map((each) => `until ${each.k !== "condition" ? momentText(each, hasEvent) : each.condition === "flagged" ? "flagged" : "count(b) this run >= 2"}`),
    rule.isFlagged ? "when flagged" : "", rule.isPerKey && hasEvent ? "per event.key" : "", rule.isRestarted ? "repeat restart" : "",
    rule.cap === null ? "" : `at most ${rule.cap.count} per ${rule.cap.hours} hours`, `priority ${rule.priority}`,
  ];
  const count = { n: 0, names: 0 };
  return `rule ${rule.name} {\n${lines.join("\n")}\n${rule.steps.map((step) => stepText(step, hasEvent, count)).join("\n")}\nemit "end" { step: ${count.n} }\n}`;
}

export function programText(rules: readonly RuleData[]): string {
  const fields = "{ key: string  n: number }";
  return `event a ${fields}  event b ${fields}  event c ${fields}
profile { timezone: string = "UTC"  flag: boolean = false  day: date? }
segment flagged when profile.flag
segment busy when any(b) over 2 hours
segment eager when count(a) over 3 hours >= 2
channel email { when true  quiet 21:00 to 08:00  at most 3 per 48 hours }
${rules.map(ruleText).join("\n")}`;
}

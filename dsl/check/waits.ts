// Steps that wait: for a while, until a time of day or an instant, for what happens. And the names that `wait for` gives
// to the events that it took.

import type * as ast from "../ast.js";
import type { Step, Type } from "../program.js";
import { momentaryCondition, momentaryValue } from "./conditions.js";
import { whatItIs } from "./declared.js";
import { isCalendar, lengthOf, positiveLength } from "./durations.js";
import { common, eventAmong, readMoment } from "./moments.js";
import { pathOf } from "./names.js";
import { computed } from "./operators.js";
import type { Site, Start } from "./site.js";
import { weekdayOf } from "./starts.js";
import * as tree from "./trees.js";
import { describe } from "./types.js";
import { FUNCTION_NAMES } from "./words.js";

/** Of one rule: what each name stands for, once for each wait that gives it. */
export type Captures = Map<string, Start[]>;

type Waiting = Extract<ast.Step, { readonly k: "wait" | "waitclock" | "waitday" | "waittime" }>;

const UNKEYED = { key: "" } as const;

export function readWait(site: Site, written: Waiting): Step | null {
  switch (written.k) {
    case "wait": return readDuration(site, written);
    case "waitclock": return { ...UNKEYED, k: "waitClock", at: written.at.ms, weekday: null };
    case "waitday": return { ...UNKEYED, k: "waitClock", at: written.at.ms, weekday: weekdayOf(written.day) };
    case "waittime": {
      const until = momentaryValue(site, written.at);
      if (until === null) return null;
      if (until.type.k === "time") return { ...UNKEYED, k: "waitTime", until };
      return site.world.report("E0205", written.at.span, `\`wait until\` takes an instant or a time of day, this is ${describe(until.type)}`, instantOf(written.at, until.type));
    }
  }
}

/** What to do where no instant stands behind `wait until`. */
function instantOf(written: ast.Expression, { k }: Type): { readonly label?: string; readonly notes?: readonly string[] } {
  if (k === "duration") return { label: "for so long one waits without `until`" };
  if (written.k === "string" && /^\d\d:\d\d$/.test(written.value)) return { label: `without quotes it is a time of day: \`${written.value}\`` };
  if (k !== "date") return {};
  const date = pathOf(written)?.map(({ text }) => text).join(".") ?? "DATE";
  return {
    label: `write \`wait until 09:00\`, and behind it \`wait ${date} - date(now)\``,
    notes: ["a date has no time of day: the first wait goes to that time of day, the second to that day; for a day that has passed it does not wait"],
  };
}

const isSum = (written: ast.Expression): written is ast.BinaryExpression => written.k === "binary" && written.op.text === "and";

/** `2 days and 3 hours`, in full: null where something else is joined. */
function joined(written: ast.Expression): readonly ast.DurationLiteral[] | null {
  if (written.k === "duration") return [written];
  if (!isSum(written)) return null;
  const [left, right] = [joined(written.left), joined(written.right)];
  return left === null || right === null ? null : [...left, ...right];
}

function readDuration(site: Site, { for: written }: ast.WaitStep): Step | null {
  if (written.k === "duration" && isCalendar(written)) {
    // How long some months are is known when the wait begins: until the same day so many months on.
    const length = lengthOf(written, site.world.report);
    if (length === null) return null;
    const end = tree.node({ k: "addMonths", of: tree.now, months: length.months }, tree.now.type, false);
    const wait = computed("-", end, tree.now);
    return wait === null ? null : { ...UNKEYED, k: "wait", for: wait };
  }
  const several = isSum(written) ? joined(written) : null;
  if (several !== null) {
    return site.world.report("E0205", written.span, "`wait` takes one duration", { label: `durations are added: \`${several.map(({ count, unit }) => `${count} ${unit}${count === 1 ? "" : "s"}`).join(" + ")}\`` });
  }
  const value = momentaryValue(site, written);
  if (value === null) return null;
  if (value.type.k !== "duration") {
    return site.world.report("E0205", written.span, `\`wait\` takes a duration, this is ${describe(value.type)}`, {
      label: value.type.k === "number" ? "a duration has a unit: `2 hours`" : value.type.k === "time" ? "until an instant one waits with `wait until`" : written.k === "string" && /^\d+ [a-z]+$/.test(written.value) ? `without quotes it is a duration: \`${written.value}\`` : undefined,
    });
  }
  return { ...UNKEYED, k: "wait", for: value };
}

// ---- wait for ----

export interface ReadWaitFor {
  readonly step: Step | null;
  /** As steps see it after the event has come. */
  readonly after: Site;
}

/** `block` reads the steps of a block. */
export function readWaitFor(site: Site, written: ast.WaitForStep, captures: Captures, block: (site: Site, steps: readonly ast.Step[]) => readonly Step[]): ReadWaitFor {
  const { moments, events, whole } = readMoment(site, written.moment, (row, where) => momentaryCondition({ ...site, row }, where));
  const within = positiveLength(written.within, site.world.report);
  const after = written.as === null ? site : capture(site, written.as, written.moment, eventAmong(events, false), whole, captures);
  const { fork } = written;
  const then = fork === null ? null : block(after, fork.then);
  const otherwise = block(site, fork?.else ?? []);
  if (!whole || within === null) return { step: null, after };
  const step: Step = { ...UNKEYED, k: "waitFor", moments, within, as: written.as?.text ?? null, keeps: [], then, else: otherwise };
  return { step, after };
}

function capture(site: Site, name: ast.Name, moment: ast.Moment, event: Start, whole: boolean, captures: Captures): Site {
  const { text, span } = name;
  const { report, declared } = site.world;
  const unknown: Site = { ...site, unknown: new Set([...site.unknown, text]) };
  if (moment.k !== "events") {
    report("E0120", span, "only an event can be given a name, and this waits for none");
    return unknown;
  }
  if (FUNCTION_NAMES.has(text)) report("E0102", span, `"${text}" is a function of the language`);
  const kind = declared.names.get(text);
  if (site.captured.has(text)) report("E0101", span, `"${text}" already stands for an event that came`);
  else if (kind !== undefined && kind !== "broken") report("W0010", span, `"${text}" is the event that came, from here on`, { notes: [whatItIs(text, kind)] });
  if (!whole) return unknown;
  const known = captures.get(text);
  if (known === undefined) captures.set(text, [event]);
  else known.push(event);
  return { ...site, captured: new Map([...site.captured, [text, event]]) };
}

/** The names that waits among these steps give, in blocks too. */
export function namesGiven(steps: readonly ast.Step[]): ReadonlySet<string> {
  const names = new Set<string>();
  const waiting = [...steps];
  for (let step = waiting.pop(); step !== undefined; step = waiting.pop()) {
    if (step.k === "waitfor" && step.as !== null) names.add(step.as.text);
    switch (step.k) {
      case "if": waiting.push(...step.then, ...(step.else ?? [])); break;
      case "waitfor": case "take": waiting.push(...(step.fork?.then ?? []), ...(step.fork?.else ?? [])); break;
      case "split": waiting.push(...step.branches.flatMap((branch) => branch.steps)); break;
      default: break;
    }
  }
  return names;
}

/** What `until` knows of them, wherever the run stands: each may not have come, and which of its waits took it is open. */
export function capturesOf(captures: Captures): ReadonlyMap<string, Start> {
  return new Map([...captures].map(([name, all]) => {
    const types = all.map(({ type }) => type).filter((type) => type !== null);
    const [first, ...rest] = types;
    const type = first === undefined ? null : rest.reduce(common, first);
    return [name, { type, maybe: true, partly: new Map() }];
  }));
}

// The steps of a rule. Keys are given in assemble.ts, when everything that they refer to has its own.

import type * as ast from "../ast.js";
import { didYouMean } from "../diagnostics/suggest.js";
import type { Expr, Step, Type } from "../program.js";
import { momentaryCondition, momentaryValue } from "./conditions.js";
import { TAGS } from "./declared.js";
import { isCalendar, lengthOf } from "./durations.js";
import { fieldNamed, fieldOf } from "./names.js";
import { computed } from "./operators.js";
import { type Site, between, unsupported } from "./site.js";
import * as tree from "./trees.js";
import { type RecordType, describe, fits, listOf, STRING } from "./types.js";

const UNKEYED = { key: "" } as const;

/** Those that can be run; what is wrong or not supported has been reported. */
export function readSteps(site: Site, written: readonly ast.Step[]): readonly Step[] {
  const steps: Step[] = [];
  let inner = site;
  let stopped = false;
  let told = false;
  for (const each of written) {
    if (stopped && !told) {
      site.world.report("W0006", each.span, "this step is never reached");
      told = true;
    }
    const step = readStep(inner, each);
    if (step !== null) steps.push(step);
    stopped ||= stops(each);
    if (each.k === "waitfor" && each.as !== null) inner = { ...inner, unknown: new Set([...inner.unknown, each.as.text]) };
  }
  return steps;
}

/** Whether every way through the step ends the run. */
function stops(step: ast.Step): boolean {
  if (step.k === "stop") return true;
  return step.k === "if" && step.else !== null && step.then.some(stops) && step.else.some(stops);
}

function readStep(site: Site, written: ast.Step): Step | null {
  const { report } = site.world;
  switch (written.k) {
    case "wait": return readWait(site, written);
    case "if": return readIf(site, written);
    case "send": return readSend(site, written);
    case "emit": return readEmit(site, written);
    case "set": return readSet(site, written);
    case "tag": return setTags(site, written.tag.value, true);
    case "untag": return setTags(site, written.tag.value, false);
    case "stop": return { ...UNKEYED, k: "stop" };
    case "waitclock": case "waitday": case "waittime": return unsupported(report, "`wait until`", written.span);
    case "waitfor": {
      unsupported(report, "`wait for`", between(written.span, written.within.span));
      const known = written.as === null ? site : { ...site, unknown: new Set([...site.unknown, written.as.text]) };
      return readFork(known, written.fork);
    }
    case "award": return unsupported(report, "`award`", written.span);
    case "take":
      unsupported(report, "`take`", between(written.span, written.points.span));
      return readFork(site, written.fork);
    case "split":
      unsupported(report, "`split`", between(written.span, written.experiment.span));
      for (const { steps } of written.branches) readSteps(site, steps);
      return null;
  }
}

/** The blocks of a step that cannot be run have findings of their own. */
function readFork(site: Site, fork: ast.Fork | null): null {
  if (fork === null) return null;
  readSteps(site, fork.then);
  if (fork.else !== null) readSteps(site, fork.else);
  return null;
}

function readWait(site: Site, { for: written }: ast.WaitStep): Step | null {
  if (written.k === "duration" && isCalendar(written)) {
    // How long some months are is known when the wait begins: until the same day so many months on.
    const length = lengthOf(written, site.world.report);
    if (length === null) return null;
    const end = tree.node({ k: "addMonths", of: tree.now, months: length.months }, tree.now.type, false);
    const wait = computed("-", end, tree.now);
    return wait === null ? null : { ...UNKEYED, k: "wait", for: wait };
  }
  const value = momentaryValue(site, written);
  if (value === null) return null;
  if (value.type.k !== "duration") {
    return site.world.report("E0205", written.span, `\`wait\` takes a duration, this is ${describe(value.type)}`, {
      label: value.type.k === "number" ? "a duration has a unit: `2 hours`" : undefined,
    });
  }
  return { ...UNKEYED, k: "wait", for: value };
}

function readIf(site: Site, written: ast.IfStep): Step | null {
  const condition = momentaryCondition(site, written.if);
  const then = readSteps(site, written.then);
  const otherwise = written.else === null ? [] : readSteps(site, written.else);
  return condition === null ? null : { ...UNKEYED, k: "if", if: condition, then, else: otherwise };
}

function readSend(site: Site, written: ast.SendStep): Step | null {
  const { declared, report, used } = site.world;
  const { channel: { text, span }, template } = written;
  const payload = written.payload === null ? null : momentaryValue(site, written.payload);
  if (template.value === "") report("E0306", template.span, "a message needs the name of its template");
  const channel = declared.channelIndex.get(text);
  if (channel === undefined) {
    const kind = declared.names.get(text);
    if (kind === "broken" || kind === "unsupported") return null;
    return report("E0105", span, `there is no channel "${text}"`, { label: kind === undefined ? didYouMean(text, declared.channels.keys()) : `"${text}" is ${kind === "event" ? "an event" : `a ${kind}`}` });
  }
  used.add(text);
  if (written.payload !== null && payload === null) return null;
  return { ...UNKEYED, k: "send", channel, template: template.value, payload, urgent: written.urgent !== null };
}

function readEmit(site: Site, written: ast.EmitStep): Step | null {
  const payload = written.payload === null ? null : momentaryValue(site, written.payload);
  if (written.name.value === "") site.world.report("E0306", written.name.span, "what is emitted needs a name");
  if (written.payload !== null && payload === null) return null;
  return { ...UNKEYED, k: "emit", name: written.name.value, payload };
}

// ---- the profile ----

function readSet(site: Site, { target, value: written }: ast.SetStep): Step | null {
  const { declared, report, used } = site.world;
  let type: Type = declared.profile;
  let optional = false;
  for (const name of target) {
    if (type.k !== "record") {
      momentaryValue(site, written);
      return report("E0307", name.span, `${describe(type)} has no fields to set`);
    }
    const field = fieldNamed(type, name.text);
    if (field === null) {
      momentaryValue(site, written);
      if (type === declared.profile && declared.brokenProfile) return null;
      return report("E0107", name.span, type === declared.profile ? `the profile has no field "${name.text}"` : `there is no field "${name.text}"`, {
        label: didYouMean(name.text, type.fields.map((each) => each.name)),
      });
    }
    type = field.type;
    optional = field.maybe || field.default !== undefined;
  }
  const [first] = target;
  if (first !== undefined) used.add(`profile.${first.text}`);
  const value = momentaryValue(site, written);
  if (value === null) return null;
  const name = target.at(-1);
  if (!fits(value.type, type)) {
    const texts = type.k === "string" && value.type.k === "string" ? (type.of ?? []) : [];
    const wrong = value.type.k === "string" ? (value.type.of ?? []).find((each) => !texts.includes(each)) : undefined;
    if (texts.length > 0 && wrong !== undefined) return report("E0204", written.span, `"${name?.text ?? ""}" is never "${wrong}"`, { label: didYouMean(wrong, texts) });
    return report("E0205", written.span, `"${name?.text ?? ""}" is ${describe(type)}, this is ${describe(value.type)}`, type.k === "record" && value.type.k === "record" ? { notes: ["the fields of the two records differ"] } : {});
  }
  if (value.maybe && !optional) return report("E0205", written.span, `"${name?.text ?? ""}" is never missing, this may be`, { label: "write `… ?? DEFAULT`" });
  return { ...UNKEYED, k: "set", path: target.map(({ text }) => text), value: type.k === "record" ? filled(value, type) : value };
}

/** A record literal with the defaults of the fields that it leaves out. */
function filled(value: Expr, type: RecordType): Expr {
  if (value.k !== "record") return value;
  const given = new Map(value.entries.map((entry) => [entry.name, entry.value]));
  return tree.record(type.fields.flatMap((field) => {
    const own = given.get(field.name);
    if (own !== undefined) return [{ name: field.name, value: field.type.k === "record" ? filled(own, field.type) : own }];
    return field.default === undefined ? [] : [{ name: field.name, value: tree.constant(field.default, field.type) }];
  }));
}

// `tag "x"` is: what is in profile.tags, and "x" if it is not there. Two lists become one by plucking a field that holds
// a list from two records.
function setTags(site: Site, tag: string, adds: boolean): Step | null {
  const { declared, used } = site.world;
  used.add(`profile.${TAGS.name}`);
  const profile = tree.node({ k: "input", of: "profile" }, declared.profile, false);
  const nowhere = { file: "", start: 0, end: 0 };
  const tags = fieldOf(site, profile, { text: TAGS.name, span: nowhere });
  const one = tree.node({ k: "list", items: [tree.text(tag)] }, listOf(STRING, false), false);
  if (tags === null) return null;
  if (!adds) return { ...UNKEYED, k: "set", path: [TAGS.name], value: tree.node({ k: "without", left: tags, right: one }, tags.type, false) };
  const has = tree.node({ k: "contains", list: tags, value: tree.text(tag) }, { k: "boolean" }, false);
  const records = tree.list([tags, one].map((value) => tree.record([{ name: TAGS.name, value }])));
  if (records === null) return null;
  const more = tree.node({ k: "pluck", of: records, name: TAGS.name }, tags.type, false);
  return { ...UNKEYED, k: "set", path: [TAGS.name], value: tree.node({ k: "if", if: has, then: tags, else: more }, tags.type, false) };
}

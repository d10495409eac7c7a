// The steps of a rule. Keys are given in assemble.ts, when everything that they refer to has its own.

import type * as ast from "../ast.js";
import { didYouMean } from "../diagnostics/suggest.js";
import { type Expr, HOLDOUT, type Step, type Type } from "../program.js";
import { momentaryCondition, momentaryValue } from "./conditions.js";
import { TAGS, whatItIs } from "./declared.js";
import { experimentNamed, isVariant } from "./experiments.js";
import { fieldNamed, fieldOf } from "./names.js";
import type { Site, World } from "./site.js";
import { channelMeant } from "./policies.js";
import * as tree from "./trees.js";
import { lintTexts } from "./texts.js";
import { type RecordType, describe, fits, listOf, listed, STRING } from "./types.js";
import { type Captures, readWait, readWaitFor } from "./waits.js";

const UNKEYED = { key: "" } as const;

/** What is wrong is left out, and has been reported. `captures` gets the events that waits give names to. */
export function readSteps(site: Site, written: readonly ast.Step[], captures: Captures): readonly Step[] {
  const steps: Step[] = [];
  let inner = site;
  let stopped = false;
  let told = false;
  for (const each of written) {
    if (stopped && !told) {
      site.world.report("W0006", each.span, "this step is never reached");
      told = true;
    }
    const { step, after } = readStep({ site: inner, captures }, each);
    if (step !== null) steps.push(step);
    inner = after;
    stopped ||= stops(site.world, each);
  }
  return steps;
}

/** Whether every way through the step ends the run. */
function stops(world: World, step: ast.Step): boolean {
  const all = (steps: readonly ast.Step[] | null): boolean => steps !== null && steps.some((each) => stops(world, each));
  switch (step.k) {
    case "stop": return true;
    case "if": return all(step.then) && all(step.else);
    case "waitfor": case "take": return step.fork !== null && all(step.fork.then) && all(step.fork.else);
    case "split": {
      const arms = world.declared.experiments.get(step.experiment.text)?.lines.flatMap((line) => (line.k === "arm" && line.name.text !== HOLDOUT ? [line.name.text] : []));
      return arms !== undefined && arms.every((arm) => all(step.branches.find(({ name }) => name.text === arm)?.steps ?? null));
    }
    default: return false;
  }
}

interface Reader {
  readonly site: Site;
  readonly captures: Captures;
}

interface Read {
  readonly step: Step | null;
  /** As the steps behind it see it. */
  readonly after: Site;
}

function readStep(reader: Reader, written: ast.Step): Read {
  const { site, captures } = reader;
  if (written.k !== "waitfor") return { step: readPlain(reader, written), after: site };
  const { step, after } = readWaitFor(site, written, captures, (inner, steps) => readSteps(inner, steps, captures));
  // With a block the name is known there alone.
  return { step, after: written.fork === null ? after : site };
}

function readPlain(reader: Reader, written: Exclude<ast.Step, ast.WaitForStep>): Step | null {
  const { site } = reader;
  switch (written.k) {
    case "wait": case "waitclock": case "waitday": case "waittime": return readWait(site, written);
    case "if": return readIf(reader, written);
    case "send": return readSend(site, written);
    case "emit": return readEmit(site, written);
    case "set": return readSet(site, written);
    case "tag": return setTags(site, written.tag.value, true);
    case "untag": return setTags(site, written.tag.value, false);
    case "award": {
      const change = readAmount(site, written);
      return change === null ? null : { ...UNKEYED, k: "award", ...change };
    }
    case "take": return readTake(reader, written);
    case "split": return readSplit(reader, written);
    case "stop": return { ...UNKEYED, k: "stop" };
  }
}

// ---- points and experiments ----

function readAmount(site: Site, { k, amount: written, points: { text, span } }: ast.AwardStep | ast.TakeStep): { readonly points: number; readonly amount: Expr } | null {
  const { declared, report, used } = site.world;
  const amount = momentaryValue(site, written);
  const points = declared.pointsIndex.get(text);
  if (points === undefined) {
    const kind = declared.names.get(text);
    if (kind === "broken") return null;
    return report("E0117", span, `there are no points "${text}"`, { label: kind === undefined ? didYouMean(text, declared.points.keys()) : whatItIs(text, kind) });
  }
  used.add(text);
  if (amount === null) return null;
  if (amount.type.k !== "number") return report("E0205", written.span, `\`${k}\` takes a number of points, this is ${describe(amount.type)}`);
  if (amount.k === "const" && !(typeof amount.value === "number" && amount.value > 0)) return report("E0215", written.span, `\`${k}\` takes more than 0 points`);
  return { points, amount };
}

function readTake({ site, captures }: Reader, written: ast.TakeStep): Step | null {
  const change = readAmount(site, written);
  const then = readSteps(site, written.fork?.then ?? [], captures);
  const otherwise = readSteps(site, written.fork?.else ?? [], captures);
  return change === null ? null : { ...UNKEYED, k: "take", ...change, then, else: otherwise };
}

function readSplit({ site, captures }: Reader, written: ast.SplitStep): Step | null {
  const { world } = site;
  const experiment = experimentNamed(world, written.experiment);
  if (experiment !== null) world.used.add(experiment.name);
  const branches: { readonly variant: string; readonly steps: readonly Step[] }[] = [];
  for (const { name, steps: inner } of written.branches) {
    const steps = readSteps(site, inner, captures);
    if (experiment === null || !isVariant(world, experiment, { value: name.text, span: name.span })) continue;
    if (name.text === HOLDOUT) world.report("E0321", name.span, "the holdout gets nothing: its runs end at the `split`", { label: "leave it out, or give the variant another name" });
    else if (branches.some(({ variant }) => variant === name.text)) world.report("E0101", name.span, `the variant "${name.text}" stands twice in this \`split\``);
    else branches.push({ variant: name.text, steps });
  }
  return experiment === null ? null : { ...UNKEYED, k: "split", experiment: experiment.index, branches };
}

// ---- conditions and messages ----

function readIf({ site, captures }: Reader, written: ast.IfStep): Step | null {
  const condition = momentaryCondition(site, written.if);
  const then = readSteps(site, written.then, captures);
  const otherwise = readSteps(site, written.else ?? [], captures);
  return condition === null ? null : { ...UNKEYED, k: "if", if: condition, then, else: otherwise };
}

function readSend(site: Site, written: ast.SendStep): Step | null {
  const { declared, report, used } = site.world;
  const { channel: { text, span }, template } = written;
  const payload = written.payload === null ? null : momentaryValue(site, written.payload);
  lintTexts(site, template);
  lintTexts(site, written.payload);
  if (template.value === "") report("E0306", template.span, "a message needs the name of its template");
  const channel = declared.channelIndex.get(text);
  if (channel === undefined) {
    const kind = declared.names.get(text);
    if (kind === "broken") return null;
    return report("E0105", span, `there is no channel "${text}"`, { label: kind === undefined ? channelMeant(text, declared.channels.keys()) : whatItIs(text, kind) });
  }
  used.add(text);
  if (written.payload !== null && payload === null) return null;
  return { ...UNKEYED, k: "send", channel, template: template.value, payload, urgent: written.urgent !== null };
}

function readEmit(site: Site, written: ast.EmitStep): Step | null {
  const payload = written.payload === null ? null : momentaryValue(site, written.payload);
  lintTexts(site, written.name);
  lintTexts(site, written.payload);
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
    if (texts.length > 0) return report("E0205", written.span, `"${name?.text ?? ""}" is one of ${listed(texts)}, this may be any text`, { label: `write \`if … then "${texts[0] ?? ""}" else …\`` });
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

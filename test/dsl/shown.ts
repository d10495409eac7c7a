// Checked trees in one line, for tests: fully bracketed, nullable reads marked with `?`, references by name.

import { compileProgram } from "../../dsl/compile.js";
import type { Aggregate, Expr, Program, Rule, Step, Type, Window } from "../../dsl/program.js";

export const codesOf = (text: string): readonly string[] => compileProgram([{ file: "a.eddy", text }]).diagnostics.map(({ code }) => code);

/** A text that must compile; findings fail the test with what they say. */
export function compiled(...texts: readonly string[]): Program {
  const { program, diagnostics } = compileProgram(texts.map((text, i) => ({ file: `${i}.eddy`, text })));
  if (program === null) throw new Error(diagnostics.map(({ code, message }) => `${code} ${message}`).join("\n"));
  return program;
}

export function shownType(type: Type): string {
  switch (type.k) {
    case "string": return type.of === undefined ? "string" : type.of.map((text) => JSON.stringify(text)).join(" | ");
    case "list": return `(${shownType(type.of)}${type.maybe ? "?" : ""})[]`;
    case "record": return `{ ${type.fields.map((field) => `${field.name}: ${shownType(field.type)}${field.maybe ? "?" : ""}`).join(", ")} }`;
    default: return type.k;
  }
}

export function shown(program: Program, of: Expr): string {
  const s = (inner: Expr): string => shown(program, inner);
  const list = (items: readonly Expr[]): string => items.map(s).join(", ");
  switch (of.k) {
    case "const": return JSON.stringify(of.value);
    case "list": return `[${list(of.items)}]`;
    case "record": return `{${of.entries.map(({ name, value }) => `${name}: ${s(value)}`).join(", ")}}`;
    case "input": return of.of;
    case "timeOf": return `${of.of}.time`;
    case "now": return "now";
    case "local": return `local(${of.date}, ${of.ms})`;
    case "field": return `${s(of.of)}.${of.name}${of.maybe ? "?" : ""}`;
    case "pluck": return `${s(of.of)}*.${of.name}`;
    case "index": return `${s(of.of)}[${s(of.at)}]`;
    case "not": return `not(${s(of.of)})`;
    case "negate": return `-(${s(of.of)})`;
    case "and": case "or": return `(${of.of.map(s).join(` ${of.k} `)})`;
    case "compare": case "arithmetic": return `(${s(of.left)} ${of.op} ${s(of.right)})`;
    case "dateShift": return `shift(${s(of.date)}, ${of.sign === 1 ? "+" : "-"}${s(of.by)})`;
    case "dateDifference": return `days(${s(of.left)} - ${s(of.right)})`;
    case "addMonths": return `addMonths(${s(of.of)}, ${of.months})`;
    case "concat": return `(${s(of.left)} ++ ${s(of.right)})`;
    case "in": return `(${s(of.value)} in [${list(of.items)}])`;
    case "contains": return `(${s(of.list)} contains ${s(of.value)})`;
    case "like": return `(${s(of.value)} like ${JSON.stringify(of.pattern)})`;
    case "without": return `(${s(of.left)} without ${s(of.right)})`;
    case "coalesce": return `(${s(of.left)} ?? ${s(of.right)})`;
    case "if": return `(if ${s(of.if)} then ${s(of.then)} else ${s(of.else)})`;
    case "call": return `${of.fn}(${list(of.args)})`;
    case "fold": return `fold ${of.fn}(${s(of.list)}${of.where === null ? "" : ` where ${s(of.where)}`}${of.value === null ? "" : ` value ${s(of.value)}`})`;
    case "captured": return of.name;
    case "timeOfCaptured": return `${of.name}.time`;
    case "aggregate": return `${shownAggregate(program, program.aggregates[of.index])}${of.key === null ? "" : ` at ${s(of.key)}`}`;
    case "points": return `${program.points[of.index]?.name ?? "?"}.${of.fn}${of.fn === "expiring" ? ` within ${of.within.ms + of.within.months}` : ""}`;
    case "tier": return `${program.tiers[of.index]?.name ?? "?"}.${of.fn}`;
    case "variant": return `variant ${program.experiments[of.index]?.name ?? "?"}`;
    case "figure": return `${of.fn}(${program.experiments[of.index]?.name ?? "?"}, ${of.variant})`;
    case "percentile": return `percentile(${shownRanking(program, of.index)})`;
    case "population": return shownPopulation(program, of.index);
    case "trait": return `trait ${program.traits[of.index]?.name ?? "?"}`;
    case "segment": return `segment ${program.segments[of.index]?.name ?? "?"}`;
  }
}

export function shownMoment(program: Program, moment: Rule["until"][number]): string {
  switch (moment.k) {
    case "event": return `${moment.event}${moment.where === null ? "" : ` where ${shown(program, moment.where)}`}`;
    case "condition": return shown(program, moment.if);
    case "enter": case "leave": return `${moment.k} ${program.segments[moment.segment]?.name ?? "?"}`;
    case "up": case "down": return `${program.tiers[moment.tier]?.name ?? "?"} ${moment.k}`;
    case "change": {
      const watch = program.watches[moment.watch];
      return `change ${watch === undefined ? "?" : shown(program, watch.value)}`;
    }
  }
}

export function shownStep(program: Program, step: Step): string {
  const of = (expr: Expr | null): string => (expr === null ? "null" : shown(program, expr));
  const block = (steps: readonly Step[]): string => `[${steps.map((each) => shownStep(program, each)).join("; ")}]`;
  switch (step.k) {
    case "wait": return `wait ${of(step.for)}`;
    case "waitClock": return `wait until ${step.weekday === null ? "" : `day ${step.weekday} `}${step.at}`;
    case "waitTime": return `wait until ${of(step.until)}`;
    case "waitFor": return [
      `wait for ${step.moments.map((each) => shownMoment(program, each)).join(", ")} up to ${step.within.months > 0 ? `${step.within.months} months` : step.within.ms}`,
      ...(step.as === null ? [] : [`as ${step.as} {${step.keeps.join(", ")}}`]), ...(step.then === null ? [] : [block(step.then), block(step.else)]),
    ].join(" ");
    case "award": return `award ${of(step.amount)} ${program.points[step.points]?.name ?? "?"}`;
    case "take": return `take ${of(step.amount)} ${program.points[step.points]?.name ?? "?"} ${block(step.then)} ${block(step.else)}`;
    case "split": return `split ${program.experiments[step.experiment]?.name ?? "?"} ${step.branches.map(({ variant, steps }) => `${variant} ${block(steps)}`).join(" ")}`;
    case "if": return `if ${of(step.if)} ${block(step.then)} ${block(step.else)}`;
    case "send": return `send ${step.channel} ${step.template} ${of(step.payload)}${step.urgent ? " urgent" : ""}`;
    case "emit": return `emit ${step.name} ${of(step.payload)}`;
    case "set": return `set ${step.path.join(".")} = ${of(step.value)}`;
    case "stop": return "stop";
  }
}

function shownRanking(program: Program, index: number): string {
  const ranking = program.rankings[index];
  return ranking === undefined ? "no ranking" : `${shown(program, ranking.value)} among ${shown(program, ranking.among)}`;
}

function shownPopulation(program: Program, index: number): string {
  const population = program.populations[index];
  return population === undefined ? "no population" : `${population.fn}(${shown(program, population.of)})`;
}

function shownWindow(window: Window): string {
  switch (window.k) {
    case "life": return "";
    case "sliding": return ` over ${window.ms}`;
    case "months": return ` over ${window.months} months`;
    case "period": return ` this ${window.unit}`;
    case "run": return " this run";
  }
}

function shownAggregate(program: Program, of: Aggregate | undefined): string {
  if (of === undefined) return "no aggregate";
  const where = of.where === null ? "" : ` where ${shown(program, of.where)}`;
  const value = of.value === null ? "" : ` value ${shown(program, of.value)}`;
  return `${of.fn}<${of.event}${(of.items ?? []).map((name) => `.${name}`).join("")}${where}${value}${of.limit === null ? "" : ` limit ${of.limit}`}${of.by === null ? "" : ` by ${shown(program, of.by)}`}${shownWindow(of.window)}>`;
}

// Expressions: from the syntax tree to the checked one, form by form.
//
// `check` gives the tree or null, having reported why. Operators, calls and aggregates have files of their own.

import type * as ast from "../ast.js";
import type { Expr } from "../program.js";
import { isAggregateOf, absence, aggregateField, aggregateOver } from "./aggregates.js";
import type { NameKind } from "./declared.js";
import { fixedLength, windowOf } from "./durations.js";
import { daysOf } from "./fields.js";
import { call } from "./functions.js";
import { bareName, beginsWithEvent, fieldOf, innerName, pathOf, silent } from "./names.js";
import { binary, minus } from "./operators.js";
import { expiring, pointsFigure } from "./points.js";
import type { Site } from "./site.js";
import { tierField } from "./tiers.js";
import * as tree from "./trees.js";
import { DATE, NUMBER, TIME, describe, join } from "./types.js";
import type { Window } from "../program.js";

/** A window that stands behind the expression, and where it is written. */
export interface WrittenWindow {
  readonly window: Window;
  readonly span: ast.Span;
}

export function check(site: Site, written: ast.Expression, window: WrittenWindow | null = null): Expr | null {
  const checked = form(site, written, window);
  if (checked !== null) {
    site.world.spans.set(checked, written.span);
    if (checked.k === "aggregate") site.world.written.add(checked);
  }
  return checked;
}

function form(site: Site, written: ast.Expression, window: WrittenWindow | null): Expr | null {
  const { report } = site.world;
  switch (written.k) {
    case "over": case "this": {
      if (window !== null) return report("E0218", window.span, "there is a window already");
      const own = windowBehind(site, written);
      const checked = check(site, written.of, own ?? { window: { k: "life" }, span: written.span });
      return own === null ? null : checked;
    }
    case "call": return isAggregateOf(site, written) ? aggregateOver(site, written, window) : windowless(site, window, () => call(site, written));
    case "dot": return dot(site, written, window);
    case "index": return index(site, written, window);
    default: {
      if (window !== null && written.k === "name" && declaredAs(site, written.name) === "points") return windowOfBalance(site, written.name, window);
      return windowless(site, window, () => plain(site, written));
    }
  }
}

function windowless(site: Site, window: WrittenWindow | null, make: () => Expr | null): Expr | null {
  if (window === null) return make();
  return site.world.report("E0218", window.span, "a window stands behind an aggregate over an event", { label: "as in `count(order_placed) over 30 days`" });
}

/** What kind of declaration a bare name means here, if it means one. */
const declaredAs = (site: Site, name: ast.Name): NameKind | undefined =>
  innerName(silent(site), name) === undefined && !site.captured.has(name.text) ? site.world.declared.names.get(name.text) : undefined;

const windowOfBalance = (site: Site, { text }: ast.Name, { span }: WrittenWindow): null =>
  site.world.report("E0218", span, `"${text}" alone is the balance, which has no window`, { label: `what was earned in a time is \`${text}.earned over …\`` });

/** Null where it is wrong. */
export function windowBehind(site: Site, written: ast.OverExpression | ast.ThisExpression): WrittenWindow | null {
  const { report } = site.world;
  if (written.k === "over") {
    const window = windowOf(written.window, report);
    return window === null ? null : { window, span: written.window.span };
  }
  const { period, span } = written.period;
  if (period !== "run") return { window: { k: "period", unit: period }, span };
  switch (site.place) {
    case "run": return { window: { k: "run" }, span };
    case "start": case "change": return report("E0224", span, "the run has not begun here, so nothing can have happened in it", { label: "what the run counts is asked in its steps, in `until` and in `wait for`" });
    default: return report("E0224", span, "`this run` is known only in rules", { label: "elsewhere write `over 7 days` or `this week`" });
  }
}

type PlainForm = Exclude<ast.Expression, ast.OverExpression | ast.ThisExpression | ast.CallExpression | ast.DotExpression | ast.IndexExpression>;

function plain(site: Site, written: PlainForm): Expr | null {
  const { report } = site.world;
  switch (written.k) {
    case "number": return tree.number(written.value);
    case "string": return tree.text(written.value);
    case "true": case "false": return tree.truth(written.k === "true");
    case "null": return tree.missing;
    case "date": return tree.constant(daysOf(written), DATE);
    case "instant": return tree.node({ k: "local", date: daysOf(written.date), ms: written.clock.ms }, TIME, false);
    case "duration": {
      const ms = fixedLength(written, report);
      return ms === null ? null : tree.duration(ms);
    }
    case "name": return bareName(site, written.name);
    case "object": return record(site, written);
    case "list": return list(site, written);
    case "choose": return choose(site, written);
    case "binary": return binary(site, written);
    case "not": {
      const of = condition(site, written.of);
      return of === null ? null : tree.not(of);
    }
    case "minus": return minus(site, written);
    case "within": return expiring(site, written);
    case "no": return absence(site, written);
  }
}

/** What must be true or false; missing counts as false. */
export function condition(site: Site, written: ast.Expression): Expr | null {
  const checked = check(site, written);
  if (checked === null || checked.type.k === "boolean") return checked;
  return site.world.report("E0203", written.span, `a condition must be true or false, this is ${describe(checked.type)}`, { label: askedOf(written, checked) });
}

/** How a value is made a condition. */
function askedOf(written: ast.Expression, { type, maybe }: Expr): string | undefined {
  const value = pathOf(written)?.map(({ text }) => text).join(".") ?? "…";
  if (maybe) return `to ask whether it is there, write \`${value} != null\``;
  switch (type.k) {
    case "number": return `compare it, as in \`${value} > 0\``;
    case "string": return `compare it, as in \`${value} == "${type.of?.[0] ?? "…"}"\``;
    case "list": return `write \`count(${value}) > 0\` or \`${value} contains …\``;
    case "time": case "date": case "duration": return "compare it, with `==`, `<` or `>`";
    default: return undefined;
  }
}

function record(site: Site, written: ast.ObjectExpression): Expr | null {
  const entries: { readonly name: string; readonly value: Expr }[] = [];
  const names = new Set<string>();
  let whole = true;
  for (const { name, value: each } of written.entries) {
    const value = check(site, each);
    if (names.has(name.text)) whole = site.world.report("E0101", name.span, `"${name.text}" stands twice in this record`) ?? false;
    if (name.text === "__proto__") whole = site.world.report("E0109", name.span, "no field may be called __proto__") ?? false;
    names.add(name.text);
    if (value === null) whole = false;
    else entries.push({ name: name.text, value });
  }
  return whole ? tree.record(entries) : null;
}

function list(site: Site, written: ast.ListExpression): Expr | null {
  const items = written.items.map((item) => check(site, item));
  const there = items.filter((item): item is Expr => item !== null);
  if (there.length < items.length) return null;
  const made = tree.list(there);
  if (made !== null) return made;
  const kinds = [...new Set(there.map(({ type }) => describe(type)))];
  return site.world.report("E0209", written.span, `the items of a list must have one type, here are ${kinds.join(" and ")}`);
}

function choose(site: Site, written: ast.ChooseExpression): Expr | null {
  const if_ = condition(site, written.if);
  const then = check(site, written.then);
  const else_ = check(site, written.else);
  if (if_ === null || then === null || else_ === null) return null;
  const type = join(then.type, else_.type);
  if (type === null) {
    return site.world.report("E0209", written.span, `both branches must have one type, here are ${describe(then.type)} and ${describe(else_.type)}`);
  }
  return tree.node({ k: "if", if: if_, then, else: else_ }, type, then.maybe || else_.maybe);
}

const ofTheRun = ({ filter, start }: Site, field: string): boolean => filter === null && start?.type?.fields.some(({ name }) => name === field) === true;

function dot(site: Site, written: ast.DotExpression, window: WrittenWindow | null): Expr | null {
  const { report } = site.world;
  const path = pathOf(written);
  if (path !== null) {
    const [root, second] = path;
    if (root !== undefined && second !== undefined && beginsWithEvent(site, path)) {
      if (site.row?.name === root.text) return windowless(site, window, () => ownField(site, written));
      const all = path.map(({ text }) => text).join(".");
      return report("E0112", written.span, `"${root.text}" stands for all events of that name, so it has no one "${second.text}"`, { label: ofTheRun(site, second.text) ? `of the event that started the run it is event.${second.text}; of all of them write last(${all})` : `write last(${all}), or another aggregate` });
    }
    const kind = root === undefined ? undefined : declaredAs(site, root);
    if (root !== undefined && second !== undefined && path.length === 2) {
      if (kind === "points") return pointsFigure(site, root, second, window);
      if (kind === "tier") return windowless(site, window, () => tierField(site, root, second));
    }
    if (window !== null && kind === "broken") return null;
  }
  const field = aggregateField(site, written, window);
  if (field !== undefined) return field;
  const of = check(site, written.of, window);
  return of === null ? null : fieldOf(site, of, written.field);
}

/** `E.field` in a place that looks at an E. */
function ownField(site: Site, written: ast.DotExpression): Expr | null {
  const row = (): Expr => tree.node({ k: "input", of: "row" }, site.row?.record ?? { k: "record", fields: [] }, false);
  const of = written.of.k === "dot" ? ownField(site, written.of) : row();
  return of === null ? null : fieldOf(site, of, written.field);
}

function index(site: Site, written: ast.IndexExpression, window: WrittenWindow | null): Expr | null {
  const of = check(site, written.of, window);
  const at = check(site, written.at);
  if (of === null || at === null) return null;
  if (of.type.k !== "list") return site.world.report("E0214", written.of.span, `${describe(of.type)} has no places, only a list has`);
  if (at.type.k !== NUMBER.k) return site.world.report("E0205", written.at.span, `a place is a number, this is ${describe(at.type)}`);
  return tree.node({ k: "index", of, at }, of.type.of, true);
}


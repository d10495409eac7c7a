// Points: what earns them and when they expire. And what expressions ask of them: the balance, what was earned, what
// will expire.
//
// What was earned is an aggregate whose rows are the credits: `stars.earned over 12 months` sums their amounts.

import type * as ast from "../ast.js";
import { didYouMean } from "../diagnostics/suggest.js";
import type { Cap, Expr, Points, Window } from "../program.js";
import { eventOf } from "./aggregates.js";
import { momentaryCondition, momentaryValue } from "./conditions.js";
import { whatItIs } from "./declared.js";
import { positiveLength } from "./durations.js";
import type { WrittenWindow } from "./expressions.js";
import { notInFilter } from "./names.js";
import { readCap } from "./caps.js";
import { type Site, type World, siteIn } from "./site.js";
import * as tree from "./trees.js";
import { NUMBER, type RecordType, describe, plainField } from "./types.js";

type Earning = Points["earn"][number];

/** What is wrong in them is left out; such a program is never run. */
export function readPoints(world: World, { name, lines }: ast.PointsDeclaration): Points {
  const earn: Earning[] = [];
  let expire: Points["expire"] = null;
  let expiries = 0;
  for (const line of lines) {
    if (line.k === "expire") {
      if (expiries++ > 0) world.report("E0304", line.span, "`expire` is given twice");
      expire = positiveLength(line.after, world.report);
      continue;
    }
    const earning = readEarning(world, line);
    if (earning !== null) earn.push(earning);
  }
  return { name: name.text, earn, expire };
}

function readEarning(world: World, { amount: written, on, cap: limit }: ast.EarnLine): Earning | null {
  const site = siteIn(world);
  const event = eventOf(site, on.event);
  const cap: Cap | null = limit === null ? null : readCap(world, limit);
  if (event === null) return null;
  const where = on.where === null ? null : momentaryCondition({ ...site, row: event, filter: "the `where` of `earn`" }, on.where);
  const amount = momentaryValue({ ...site, row: event }, written);
  if (amount === null || (on.where !== null && where === null) || (limit !== null && cap === null)) return null;
  if (amount.type.k !== "number") return world.report("E0205", written.span, `points are earned in numbers, this is ${describe(amount.type)}`);
  return { event: event.name, where, amount, cap };
}

// ---- in expressions ----

const FIGURES: readonly string[] = ["earned", "expiring"];
const CREDIT: RecordType = { k: "record", fields: [plainField("amount", NUMBER, false)] };

const placeOf = (site: Site, name: ast.Name): number => {
  site.world.used.add(name.text);
  return site.world.declared.pointsIndex.get(name.text) ?? 0;
};

/** `stars`. */
export function balanceOf(site: Site, name: ast.Name): Expr | null {
  if (site.filter !== null) return notInFilter(site, `the points "${name.text}"`, name.span, name.text);
  return tree.node({ k: "points", fn: "balance", index: placeOf(site, name) }, NUMBER, false);
}

/** `stars.earned`, with a window or over the customer's life. */
export function pointsFigure(site: Site, name: ast.Name, field: ast.Name, window: WrittenWindow | null): Expr | null {
  const { report } = site.world;
  if (site.filter !== null) return notInFilter(site, `the points "${name.text}"`, name.span, name.text);
  if (field.text === "earned") return earned(site, name, window?.window ?? { k: "life" });
  if (field.text === "expiring") return report("E0221", field.span, `within which time do "${name.text}" expire?`, { label: `write ${name.text}.expiring within 30 days` });
  return report("E0107", field.span, `points have no "${field.text}"`, {
    label: didYouMean(field.text, FIGURES), notes: [`"${name.text}" alone is the balance; there are also ${name.text}.earned and ${name.text}.expiring within D`],
  });
}

function earned(site: Site, { text }: ast.Name, window: Window): Expr {
  site.world.used.add(text);
  const row = tree.node({ k: "input", of: "row" }, CREDIT, false);
  const value = tree.node({ k: "field", of: row, name: "amount" }, NUMBER, false);
  const index = site.world.aggregate({ fn: "sum", event: text, items: null, where: null, value, window, by: null, limit: null, type: NUMBER, maybe: false });
  return tree.node({ k: "aggregate", index, key: null }, NUMBER, false);
}

/** `stars.expiring within D`; nothing else has a `within`. */
export function expiring(site: Site, { of, window, span }: ast.WithinExpression): Expr | null {
  const { report, declared } = site.world;
  const within = positiveLength(window, report);
  const name = of.k === "dot" && of.field.text === "expiring" && of.of.k === "name" ? of.of.name : null;
  if (name === null) return report("E0218", window.span, "`within` asks what of some points expires", { label: "as in `stars.expiring within 30 days`" });
  const kind = declared.names.get(name.text);
  if (kind === "broken") return null;
  if (kind !== "points") {
    return report("E0117", name.span, `there are no points "${name.text}"`, { label: kind === undefined ? didYouMean(name.text, declared.points.keys()) : whatItIs(name.text, kind) });
  }
  if (site.filter !== null) return notInFilter(site, `the points "${name.text}"`, span, name.text);
  return within === null ? null : tree.node({ k: "points", fn: "expiring", index: placeOf(site, name), within }, NUMBER, false);
}

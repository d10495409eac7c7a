// Conditions and other expressions at the places where they stand: with the clock settled and the lints applied.

import type * as ast from "../ast.js";
import type { Expr } from "../program.js";
import { settle } from "./clock.js";
import { knownTruth } from "./constants.js";
import { check, condition } from "./expressions.js";
import type { Site, World } from "./site.js";

/**
 * A condition that must know when it changes by time alone. Without `lint`, nothing is said where all of it is always
 * or never true: whoever asks has something better to say about that.
 */
export function watchedCondition(site: Site, written: ast.Expression, lint = true): Expr | null {
  const checked = condition(site, written);
  if (checked === null) return null;
  const settled = clockwise(site.world, checked, written.span);
  if (settled === null) return null;
  if (settled.continuous) return refused(site.world, written.span);
  if (lint) lintTruth(site.world, settled.value, written.span);
  else if (knownTruth(settled.value, site.world) === null) lintParts(site.world, settled.value);
  return settled.value;
}

/** A value that must know when it changes by time alone. */
export function watchedValue(site: Site, written: ast.Expression): Expr | null {
  const settled = traitValue(site, written);
  return settled === null ? null : settled.continuous ? refused(site.world, written.span) : settled.value;
}

/** A condition that is looked at once, at an instant that is given. */
export function momentaryCondition(site: Site, written: ast.Expression): Expr | null {
  const checked = condition(site, written);
  if (checked === null) return null;
  const { value } = settle(checked, () => undefined);
  lintTruth(site.world, value, written.span);
  return value;
}

export function momentaryValue(site: Site, written: ast.Expression): Expr | null {
  const checked = check(site, written);
  return checked === null ? null : settle(checked, () => undefined).value;
}

/** A trait's value: it may change continuously as a whole, but its comparisons may not. */
export function traitValue(site: Site, written: ast.Expression): { readonly value: Expr; readonly continuous: boolean } | null {
  const checked = check(site, written);
  return checked === null ? null : clockwise(site.world, checked, written.span);
}

function clockwise(world: World, checked: Expr, span: ast.Span): { readonly value: Expr; readonly continuous: boolean } | null {
  let whole = true;
  const settled = settle(checked, (at) => {
    whole = false;
    refused(world, world.spans.get(at) ?? span);
  });
  return whole ? settled : null;
}

const refused = (world: World, span: ast.Span): null =>
  world.report("E0216", span, "the instant at which this next changes cannot be computed", {
    notes: ["`now` and `since` may stand here only in comparisons such as `since(t) > 6 months` or `profile.until > now`, with nothing around them but terms that are added or subtracted"],
  });

export function lintTruth(world: World, value: Expr, span: ast.Span): void {
  const known = knownTruth(value, world);
  if (known !== null) world.report(known ? "W0004" : "W0005", span, `this is ${known ? "always" : "never"} true`);
  else lintParts(world, value);
}

/** A part that makes no difference, in a whole that depends on others. */
function lintParts(world: World, whole: Expr): void {
  for (const part of whole.k === "and" || whole.k === "or" ? whole.of : []) {
    const at = world.spans.get(part);
    if (at !== undefined) lintTruth(world, part, at);
  }
}

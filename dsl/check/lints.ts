// What is allowed and was hardly meant, as far as it shows only when everything has been read: what nothing uses, `per 1
// day` for `per day`, and silence of those who never spoke. (Lints of one expression or step are made where it is read.)

import type * as ast from "../ast.js";
import type { Expr, Rule, Segment } from "../program.js";
import { mentions } from "./mentions.js";
import type { World } from "./site.js";
import { children } from "../walk.js";

/** What the lints look at beside the declarations: the same as these, checked. Of a program without errors. */
export interface Checked {
  /** By name, as references count them. */
  readonly segments: readonly Segment[];
  /** In the order of their declarations. */
  readonly rules: readonly Rule[];
}

export function lint(world: World, checked: Checked): void {
  lintUnused(world);
  lintCaps(world);
  lintSilence(world, checked);
}

// ---- what nothing uses ----

function lintUnused({ declared, used, report }: World): void {
  const elsewhere = mentions(declared.tests);
  for (const { name } of declared.traits.values()) {
    if (!used.has(name.text) && !elsewhere.has(name.text)) report("W0001", name.span, `nothing uses the trait "${name.text}"`);
  }
  for (const { declared: name } of declared.events.values()) {
    if (name !== null && !used.has(name.text) && !elsewhere.has(name.text)) report("W0002", name.span, `nothing uses the event "${name.text}"`);
  }
  for (const { name } of declared.channels.values()) {
    if (!used.has(name.text) && !elsewhere.has(name.text)) report("W0003", name.span, `nothing uses the channel "${name.text}"`);
  }
}

// ---- `per 1 day` ----

function lintCaps({ declared, report }: World): void {
  const policies = [...declared.channels.values(), ...declared.groups.values()].flatMap(({ policy }) => policy);
  const earnings = [...declared.points.values()].flatMap(({ lines }) => lines.flatMap((line) => (line.k === "earn" && line.cap !== null ? [line.cap] : [])));
  const caps = [...policies, ...declared.rules.flatMap(({ clauses }) => clauses), ...earnings].filter((each) => each.k === "cap");
  for (const { per } of caps) {
    if (per.k !== "duration" || per.count !== 1 || !isPeriod(per)) continue;
    const unit = unitOf(per);
    const length = unit === "day" ? "the 24 hours before" : `the ${unit} before`;
    report("W0015", per.span, `\`per 1 ${unit}\` looks at ${length}, whenever that is`, { label: `write \`per ${unit}\` if the calendar's ${unit} is meant` });
  }
}

const unitOf = ({ unit }: ast.DurationLiteral): string => unit.replace(/s$/, "");
const isPeriod = (per: ast.DurationLiteral): boolean => ["day", "week", "month"].includes(unitOf(per));

// ---- `no E for D` of those who never did E ----

/**
 * `no order_placed for 90 days` also holds for whoever never ordered and is known for so long. That is rarely meant
 * where the condition says nothing else of what a customer did: in segments, and in rules that no event starts. Any
 * other word about what they did, even `count(order_placed) == 0`, shows that the author thought of it.
 */
function lintSilence(world: World, { segments, rules }: Checked): void {
  const speaks = speaking(world, segments);
  for (const { name, enter } of segments) {
    const written = world.declared.segments.get(name)?.enter.if.span;
    if (written !== undefined) findSilence(world, enter.if, written, false, speaks);
  }
  rules.forEach(({ on, when }, i) => {
    if (on.length > 0 || when === null) return;
    const clause = world.declared.rules[i]?.clauses.find((each) => each.k === "when");
    if (clause !== undefined) findSilence(world, when, clause.if.span, false, speaks);
  });
}

type Speaks = (of: Expr) => boolean;

/** Whether an expression says anything of what a customer did, other than that they were silent. */
function speaking(world: World, segments: readonly Segment[]): Speaks {
  const known = new Map<string, boolean>();
  const once = (name: string, of: () => Expr | undefined): boolean => {
    const before = known.get(name);
    if (before !== undefined) return before;
    known.set(name, false);
    const expression = of();
    const found = expression !== undefined && speaks(expression);
    known.set(name, found);
    return found;
  };
  const speaks = (of: Expr): boolean => {
    switch (of.k) {
      case "aggregate": return !world.isSilence(of.index);
      case "points": case "tier": case "percentile": return true;
      case "trait": return once(`trait ${of.index}`, () => world.traitAt(of.index)?.value);
      case "segment": return once(`segment ${of.index}`, () => segments[of.index]?.enter.if);
      default: return children(of).some(speaks);
    }
  };
  return speaks;
}

/** `spoken`: something beside this part says what the customer did. */
function findSilence(world: World, of: Expr, span: ast.Span, spoken: boolean, speaks: Speaks): void {
  if (spoken) return;
  switch (of.k) {
    case "and":
      of.of.forEach((part, i) => findSilence(world, part, span, of.of.some((other, j) => j !== i && speaks(other)), speaks));
      return;
    case "or":
      for (const part of of.of) findSilence(world, part, span, false, speaks);
      return;
    case "trait": {
      const trait = world.traitAt(of.index);
      if (trait !== null) findSilence(world, trait.value, world.spans.get(of) ?? span, false, speaks);
      return;
    }
    case "aggregate":
      if (world.isSilence(of.index)) report(world, of, span);
      return;
    default: return;
  }
}

function report({ report: tell, spans }: World, of: Expr, span: ast.Span): void {
  const own = spans.get(of);
  // A trait's own silence is told of where the trait is used.
  const at = own !== undefined && own.file === span.file && own.start >= span.start && own.end <= span.end ? own : span;
  tell("W0016", at, "this also holds for those who never did it", { label: "add `and any(…)`, if they are not meant", notes: ["the silence of someone who never did it begins when they were first seen"] });
}

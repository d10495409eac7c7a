/**
 * What must be looked at when a customer is first seen. Of everything that is settled, most is what an empty history makes
 * it: nobody is in a segment that counts orders before there is one. Such a segment is not looked at until one of its
 * aggregates changes, so that with ten thousand segments a new customer costs as much as with ten.
 *
 * A segment may be left out if it hangs on aggregates and memberships alone (whatever else it read might be otherwise than
 * nothing), and if looking at it for an empty history changes nothing: nobody enters, no wake is set, no `for at least`
 * begins. Other memberships that turn put it on the agenda themselves.
 */
import type { Expr, Program } from "../../dsl/program.js";
import { nodes } from "../../dsl/walk.js";
import { newContext, type Context } from "../customer.js";
import type { CompiledHeld, CompiledNode } from "./compiled.js";

/** Ranks to settle for who is new, worked out when they are first asked for: it calls every condition once. */
export function ranksOfNew(program: Program, settled: readonly CompiledNode[]): () => readonly number[] {
  let ranks: readonly number[] | null = null;
  return () => (ranks ??= workOut(program, settled));
}

function workOut(program: Program, settled: readonly CompiledNode[]): readonly number[] {
  const traits = program.traits.map((): boolean | null => null);
  // In the order of traits each depends on earlier ones only: long chains need no recursion.
  program.traits.forEach(({ value }, i) => { traits[i] = isOfHistory(program, value, traits); });
  const x = newContext();
  return settled.flatMap((node, rank) => {
    if (node.k !== "segment") return [rank];
    const { enter, leave } = program.segments[node.index] as Program["segments"][number];
    const readsHistory = [enter.if, ...(leave === null ? [] : [leave.if])].every((tree) => isOfHistory(program, tree, traits));
    return readsHistory && !node.enter.holds(x) && isQuiet(node.enter, x) && (node.leave === null || isQuiet(node.leave, x)) ? [] : [rank];
  });
}

/** Whether looking at the condition of an empty history leaves nothing behind: no wake, no beginning of `for at least`. */
function isQuiet({ holds, next, forMs, forMonths }: CompiledHeld, x: Context): boolean {
  return (next === null || next(x) === Infinity) && ((forMs === 0 && forMonths === 0) || !holds(x));
}

const PURE_CALLS = new Set(["lower", "upper", "trim", "length", "round", "floor", "ceil", "abs", "least", "greatest"]);

/** Whether the tree reads nothing but aggregates and memberships. */
function isOfHistory(program: Program, tree: Expr, traits: readonly (boolean | null)[]): boolean {
  for (const node of nodes(tree)) {
    switch (node.k) {
      case "aggregate": {
        const aggregate = program.aggregates[node.index];
        // `absence` counts from when the customer was first seen.
        if (aggregate === undefined || aggregate.fn === "absence" || aggregate.window.k === "run") return false;
        break;
      }
      case "trait": if (traits[node.index] !== true) return false; break;
      case "call": if (!PURE_CALLS.has(node.fn)) return false; break;
      case "const": case "list": case "record": case "field": case "pluck": case "index": case "not": case "negate": case "and": case "or":
      case "compare": case "arithmetic": case "concat": case "in": case "contains": case "like": case "without": case "coalesce": case "if":
      case "segment": break;
      default: return false;
    }
  }
  return true;
}

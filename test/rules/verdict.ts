/** What came out of the servers for a script, and where it is not what the test expects. */
import { claim, matches, noClaims } from "../../engine/testing/match.js";
import type { Json } from "../../engine/testing/data.js";
import { stepOfEvent, type Script, type Step, type Wanted } from "./script.js";

/** A message of an output stream. */
export type Said = { readonly customer: string; readonly at: number; readonly cause: string } & (
  | { readonly k: "action"; readonly type: string; readonly payload: Json }
  | { readonly k: "change"; readonly segment: string; readonly entered: boolean }
);

export function saidIn(body: string): Said | null {
  const { type, subject: customer, time, cause, data } = JSON.parse(body) as {
    readonly type: string; readonly subject: string; readonly time: string; readonly cause: string; readonly data: Json;
  };
  const about = { customer, at: Date.parse(time), cause };
  if (type.startsWith("dead.")) return null;
  if (type === "segment.entered" || type === "segment.left") {
    return { ...about, k: "change", segment: (data as { readonly segment: string }).segment, entered: type === "segment.entered" };
  }
  return { ...about, k: "action", type, payload: data };
}

const BY_TIME = "time";

/** What an event caused belongs to its step, what time caused to the first step that reaches its instant; -1: to none. */
function stepOf({ tag, steps }: Script, { cause, at }: Said): number {
  return cause === BY_TIME ? steps.findIndex(({ instant }) => instant >= at) : stepOfEvent(tag, cause) ?? -1;
}

export interface Verdict {
  readonly wrong: readonly string[];
  readonly actions: number;
  readonly silences: number;
  readonly memberships: number;
}

/** `said`: of the script's customers, each one's in order. */
export function verdictOn(script: Script, said: readonly Said[]): Verdict {
  const wrong: string[] = [];
  const counts = { actions: 0, silences: 0, memberships: 0 };
  script.steps.forEach((step, place) => {
    for (const customer of new Set(step.wanted.map((wanted) => wanted.customer))) {
      const upTo = said.filter((one) => one.customer === customer && stepOf(script, one) <= place && stepOf(script, one) >= 0);
      const mine = upTo.filter((one) => one.k === "action" && stepOf(script, one) === place);
      const inside = new Set<string>();
      for (const one of upTo) if (one.k === "change") one.entered ? inside.add(one.segment) : inside.delete(one.segment);
      wrong.push(...lookedAt(step, customer, mine, inside, counts).map(({ line, text }) => `${script.title}\n  line ${line}: ${text}`));
    }
  });
  return { wrong, ...counts };
}

function lookedAt(
  step: Step, customer: string, mine: readonly Said[], inside: ReadonlySet<string>, counts: { actions: number; silences: number; memberships: number },
): { readonly line: number; readonly text: string }[] {
  const claims = noClaims();
  const shown = (): string => mine.map((one) => (one.k === "action" ? `${new Date(one.at).toISOString()} ${one.type} ${JSON.stringify(one.payload)}` : "")).join("; ") || "nothing";
  return step.wanted.filter((wanted) => wanted.customer === customer).flatMap(({ line, what }: Wanted) => {
    const no = (text: string): { readonly line: number; readonly text: string }[] => [{ line, text: `${text}; in the step there was: ${shown()}` }];
    switch (what.k) {
      case "nothing":
        counts.silences++;
        return mine.length === 0 ? [] : no("nothing was expected");
      case "nothing else":
        counts.silences++;
        return mine.length === claims.holder.size ? [] : no("nothing else was expected");
      case "figures": // not said by anybody: the store has them
        return [];
      case "member":
        counts.memberships++;
        return inside.has(what.segment) === what.is ? [] : no(`${what.is ? "no" : "a"} member of ${what.segment}`);
      case "action": {
        counts.actions++;
        const fits = (one: Said): boolean => one.k === "action" && one.type === what.type && (what.at === null || what.at === one.at) && matches(what.payload, one.payload);
        return claim(claims, mine.flatMap((one, i) => (fits(one) ? [i] : []))) ? [] : no(`no ${what.type} ${JSON.stringify(what.payload)}`);
      }
    }
  });
}

/**
 * One text line for each membership, change, action and trait value, the same from the naive program and from the
 * CloudEvents that the engine writes, so that two outcomes can be compared as sorted lists.
 *
 * Ids are not in the lines (they are the engine's own); `duplicateIds` looks at them.
 */
import type { Json } from "./naive-rules.js";

export interface Outcome {
  readonly members: readonly string[];
  readonly changes: readonly string[];
  readonly actions: readonly string[];
  readonly traits: readonly string[];
}

/** All lists sorted, and what happened to a customer, or to a customer in a segment, in the order in which it did. */
export interface OrderedOutcome extends Outcome {
  readonly changeOrder: readonly string[];
  readonly actionOrder: readonly string[];
}

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** JSON with keys in order, instants in one spelling. */
function canonicalJson(value: Json): string {
  if (typeof value === "string" && RFC3339.test(value)) return JSON.stringify(new Date(value).toISOString());
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (isList(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([name, of]) => `${JSON.stringify(name)}:${canonicalJson(of)}`).join(",")}}`;
}

const isList = (value: Json): value is readonly Json[] => Array.isArray(value);

export function memberLine(segment: string, customer: string): string {
  return `${segment} ${customer}`;
}

export function changeLine(timeMs: number, customer: string, segment: string, change: "entered" | "left"): string {
  return `${new Date(timeMs).toISOString()} ${customer} ${change} ${segment}`;
}

export interface ActionFacts {
  readonly timeMs: number;
  readonly customer: string;
  readonly rule: string;
  /** `<channel>.<template>` or `emit.<name>`. */
  readonly type: string;
  /** The id of the event being processed, or `time`. */
  readonly cause: string;
  readonly data: Json;
}

export function actionLine(action: ActionFacts): string {
  const { timeMs, customer, rule, type, cause, data } = action;
  return `${new Date(timeMs).toISOString()} ${customer} ${rule} ${type} by ${cause} ${canonicalJson(data)}`;
}

export function traitLines(customer: string, traits: { readonly [name: string]: Json }): string[] {
  return Object.entries(traits).map(([name, value]) => `${customer} ${name} ${canonicalJson(value)}`);
}

// ------------------------------------------------------------------------------- from what the engine writes

interface Written {
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  readonly time: string;
  readonly data?: Json;
  readonly rule?: string;
  readonly cause?: string;
}

const parsed = <T>(lines: readonly string[]): T[] =>
  lines.filter((line) => line.trim() !== "").map((line) => JSON.parse(line) as T);

/** `segment.entered` and `segment.left` CloudEvents, one a line, in the order written. */
export function changesWritten(lines: readonly string[]): string[] {
  return parsed<Written & { readonly data: { readonly segment: string } }>(lines).map(({ type, subject, time, data }) => {
    if (type !== "segment.entered" && type !== "segment.left") throw new Error(`not a change of membership: ${type}`);
    return changeLine(Date.parse(time), subject, data.segment, type === "segment.entered" ? "entered" : "left");
  });
}

/** Action CloudEvents, one a line, in the order written. */
export function actionsWritten(lines: readonly string[]): string[] {
  return parsed<Written>(lines).map(({ type, subject, time, data, rule, cause }) =>
    actionLine({
      timeMs: Date.parse(time),
      customer: subject,
      rule: rule ?? "no rule",
      type,
      cause: cause ?? "no cause",
      data: data ?? {},
    }),
  );
}

/** `{"segment","customer"}`, one a line. */
export function membersWritten(lines: readonly string[]): string[] {
  return parsed<{ readonly segment: string; readonly customer: string }>(lines).map(({ segment, customer }) =>
    memberLine(segment, customer));
}

/** `{"customer", name: value …}`, one a line. */
export function traitsWritten(lines: readonly string[]): string[] {
  return parsed<{ readonly customer: string; readonly [name: string]: Json }>(lines).flatMap(({ customer, ...traits }) =>
    traitLines(customer, traits));
}

const sortedBy = (lines: readonly string[], key: (words: readonly string[]) => string): string[] =>
  lines.map((line) => ({ line, key: key(line.split(" ")) }))
    .sort((a, b) => (a.key === b.key ? 0 : a.key < b.key ? -1 : 1))
    .map(({ line }) => line);

/** From lines in the order in which they came: of customers among each other, and of segments, that says nothing. */
export function outcomeOf({ members, changes, actions, traits }: Outcome): OrderedOutcome {
  return {
    members: members.toSorted(),
    changes: changes.toSorted(),
    actions: actions.toSorted(),
    traits: traits.toSorted(),
    changeOrder: sortedBy(changes, ([, customer, , segment]) => `${customer} ${segment}`),
    actionOrder: sortedBy(actions, ([, customer]) => customer ?? ""),
  };
}

/** The four files of `eddy replay`, each as its lines. */
export function outcomeWritten(files: Outcome): OrderedOutcome {
  return outcomeOf({
    members: membersWritten(files.members),
    changes: changesWritten(files.changes),
    actions: actionsWritten(files.actions),
    traits: traitsWritten(files.traits),
  });
}

/** Ids that stand more than once among CloudEvents, one a line. */
export function duplicateIds(lines: readonly string[]): string[] {
  const seen = new Set<string>();
  return parsed<Written>(lines).map(({ id }) => id).filter((id) => seen.size === seen.add(id).size);
}

/**
 * Lines that stand in only one of two sorted lists, `- ` for the expected and `+ ` for the actual, at most `limit` and a
 * last line with the number of the rest. Expecting `[]` of it reads better than a diff of 100,000 lines.
 */
export function differences(expected: readonly string[], actual: readonly string[], limit = 40): string[] {
  const found: string[] = [];
  let e = 0;
  let a = 0;
  while (e < expected.length || a < actual.length) {
    const left = expected[e];
    const right = actual[a];
    if (left === right) {
      e++;
      a++;
    } else if (right === undefined || (left !== undefined && left < right)) {
      found.push(`- ${left}`);
      e++;
    } else {
      found.push(`+ ${right}`);
      a++;
    }
  }
  return found.length <= limit ? found : [...found.slice(0, limit), `… and ${found.length - limit} more`];
}

/** Every list of two outcomes compared, their order too once they hold the same; an empty list: they are the same. */
export function outcomeDifferences(expected: OrderedOutcome, actual: OrderedOutcome, limit = 10): string[] {
  const found = (["members", "changes", "actions", "traits"] as const).flatMap((kind) =>
    differences(expected[kind], actual[kind], limit).map((line) => `${kind} ${line}`));
  if (found.length > 0) return found;
  return (["changeOrder", "actionOrder"] as const).flatMap((kind) => {
    const at = expected[kind].findIndex((line, place) => line !== actual[kind][place]);
    return at === -1 ? [] : [`${kind} - ${expected[kind][at]}`, `${kind} + ${actual[kind][at]}`];
  });
}

/**
 * Two programs over the same history: what the one says and the other does not.
 *
 * Both are given the same work, piece by piece; after each, `compare` is told what each has said of it. A message of the
 * one is the other's too where customer, instant, cause, rule, channel and template are the same; then its payload may
 * still differ. What is left over is looked for by its id, which the same step of the same run has in both programs: it
 * went out at another instant, or was held or suppressed instead. So long it waits in a table that is bounded; what falls
 * out of it is a difference for good.
 */
import type { Value } from "../../dsl/program.js";
import type { NotSent, Place, Said, Sent, Turned, Unsent } from "./said.js";

export type Side = "old" | "new";
const other = { old: "new", new: "old" } as const satisfies Record<Side, Side>;

/** What the program did in the message's place that did not send it; `nothing`: its run was not there, or went another way. */
export type Instead = NotSent | "nothing";
const NONE: Readonly<Record<Instead, number>> = { nothing: 0, consent: 0, cap: 0, ended: 0, held: 0 };

/** What is told of one message in which the programs differ. */
export interface Example {
  readonly customer: string;
  readonly at: number;
  readonly channel: string | null;
  readonly template: string;
  readonly cause: string;
  readonly payload: Value;
}
/** How they differ; `by`: what the other one did instead. */
export type Differing =
  /** One of them alone sends it. */
  | { readonly k: "more" | "fewer"; readonly message: Example; readonly by: Instead }
  /** `message` is the new program's. */
  | { readonly k: "payload"; readonly message: Example; readonly before: Value }
  | { readonly k: "instant"; readonly message: Example; readonly before: number };

export interface RuleDifference {
  readonly started: Record<Side, number>;
  readonly sent: Record<Side, number>;
  /** Sent by both, as it was. */
  same: number;
  payload: number;
  instant: number;
  /** Sent by the new program alone, by what the old one does instead. */
  readonly more: Record<Instead, number>;
  /** Sent by the old program alone, by what the new one does instead. */
  readonly fewer: Record<Instead, number>;
  readonly unsent: Record<Side, Record<NotSent, number>>;
  readonly examples: Record<Differing["k"], Differing[]>;
}

export interface TurnDifference {
  readonly entered: Record<Side, number>;
  readonly left: Record<Side, number>;
  /** Turns of one program alone. */
  readonly alone: Record<Side, number>;
}

export interface Difference {
  /** Both have taken the same work, and this is what they have said of it. Both are empty afterwards. */
  compare(before: Said, after: Said): void;
  /** By rule: all that has been said by now. */
  rules(): ReadonlyMap<string, RuleDifference>;
  /** By segment. */
  turns(): ReadonlyMap<string, TurnDifference>;
}

export interface Told {
  /** A difference is certain: nothing will change it any more. */
  message?(rule: string, differing: Differing): void;
  turn?(side: Side, turned: Turned): void;
}

/** Examples that are kept of each kind of difference of a rule. */
export const EXAMPLES = 5;
/** Messages of one side alone that wait for the other, at most. */
const WAITING = 50_000;

export function difference(told: Told = {}): Difference & { /** Nothing more comes: all that waits is certain. */ end(): void } {
  const rules = new Map<string, RuleDifference>();
  const segments = new Map<string, TurnDifference>();
  /** By id: sent by this side alone so far. */
  const alone: Record<Side, Map<string, { readonly sent: Sent; by: Instead }>> = { old: new Map(), new: new Map() };
  /** By id: what this side did instead of what the other may send at another instant. */
  const instead: Record<Side, Map<string, NotSent>> = { old: new Map(), new: new Map() };

  function ruleOf(name: string): RuleDifference {
    let rule = rules.get(name);
    if (rule === undefined) rules.set(name, (rule = emptyRule()));
    return rule;
  }

  function certain(name: string, differing: Differing): void {
    const examples = ruleOf(name).examples[differing.k];
    if (examples.length < EXAMPLES) examples.push(differing);
    told.message?.(name, differing);
  }

  // ------------------------------------------------------------------------------------------------ messages

  function both(before: Sent, after: Sent): void {
    const rule = ruleOf(before.rule);
    if (isEqual(before.payload, after.payload)) rule.same++;
    else {
      rule.payload++;
      certain(after.rule, { k: "payload", message: exampleOf(after), before: before.payload });
    }
  }

  /** It has no match in the work that both have just taken. */
  function sentAlone(side: Side, sent: Sent, by: Instead): void {
    const theirs = alone[other[side]].get(sent.id);
    if (theirs !== undefined) {
      alone[other[side]].delete(sent.id);
      kindOf(other[side], sent.rule)[theirs.by]--;
      ruleOf(sent.rule).instant++;
      const [before, after] = side === "new" ? [theirs.sent, sent] : [sent, theirs.sent];
      certain(sent.rule, { k: "instant", message: exampleOf(after), before: before.at });
      return;
    }
    const known = by === "nothing" ? instead[other[side]].get(sent.id) : undefined;
    const reason = known ?? by;
    instead[other[side]].delete(sent.id);
    kindOf(side, sent.rule)[reason]++;
    const { [side]: waiting } = alone;
    waiting.set(sent.id, { sent, by: reason });
    if (waiting.size > WAITING) settleOldest(side);
  }

  const kindOf = (side: Side, rule: string): Record<Instead, number> => ruleOf(rule)[side === "new" ? "more" : "fewer"];

  function settleOldest(side: Side): void {
    const { [side]: waiting } = alone;
    const oldest = waiting.entries().next();
    if (oldest.done === true) return;
    const [id, { sent, by }] = oldest.value;
    waiting.delete(id);
    certain(sent.rule, { k: side === "new" ? "more" : "fewer", message: exampleOf(sent), by });
  }

  function unsentAlone(side: Side, { id, why, rule }: Unsent): void {
    if (id === null) return;
    const theirs = alone[other[side]].get(id);
    if (theirs === undefined) {
      const { [side]: known } = instead;
      known.set(id, why);
      if (known.size > WAITING) known.delete(known.keys().next().value as string);
      return;
    }
    const counted = kindOf(other[side], rule);
    counted[theirs.by]--;
    counted[why]++;
    theirs.by = why;
  }

  function compareMessages(before: Said["messages"], after: Said["messages"]): void {
    count("old", before);
    count("new", after);
    // As a rule both say the same, in the same order.
    let same = 0;
    while (same < before.length && same < after.length) {
      const [a, b] = [before[same] as Sent | Unsent, after[same] as Sent | Unsent];
      if (a.k !== b.k || a.at !== b.at || !isSamePlace(a, b)) break;
      if (a.k === "sent" && b.k === "sent") {
        if (a.cause !== b.cause) break;
        both(a, b);
      } else if ((a as Unsent).why !== (b as Unsent).why) break;
      same++;
    }
    if (same === before.length && same === after.length) return;
    const theirs = byPlace(before, same);
    const left: (Sent | Unsent)[] = [];
    for (const mine of after.slice(same)) {
      const match = take(theirs.get(placeOf(mine)), (one) => one.k === mine.k && (one.k === "sent" ? one.cause === (mine as Sent).cause : one.why === (mine as Unsent).why));
      if (match === undefined) left.push(mine);
      else if (match.k === "sent") both(match, mine as Sent);
    }
    for (const mine of left) {
      // What stands in its place at the same instant: the one sends it, the other does not.
      const match = take(theirs.get(placeOf(mine)), (one) => one.k !== mine.k);
      if (match === undefined) aloneIs("new", mine);
      else {
        const [sent, unsent, side] = mine.k === "sent" ? [mine, match as Unsent, "new" as const] : [match as Sent, mine, "old" as const];
        sentAlone(side, sent, unsent.why);
      }
    }
    for (const rest of theirs.values()) for (const one of rest) aloneIs("old", one);
  }

  function aloneIs(side: Side, message: Sent | Unsent): void {
    if (message.k === "sent") sentAlone(side, message, "nothing");
    else unsentAlone(side, message);
  }

  function count(side: Side, messages: Said["messages"]): void {
    for (const message of messages) {
      const rule = ruleOf(message.rule);
      if (message.k === "sent") rule.sent[side]++;
      else rule.unsent[side][message.why]++;
    }
  }

  // ------------------------------------------------------------------------------------------------ memberships

  function compareTurns(before: Turned[], after: Turned[]): void {
    for (const [side, turns] of [["old", before], ["new", after]] as const) {
      for (const { segment, entered } of turns) {
        let counted = segments.get(segment);
        if (counted === undefined) segments.set(segment, (counted = { entered: { old: 0, new: 0 }, left: { old: 0, new: 0 }, alone: { old: 0, new: 0 } }));
        counted[entered ? "entered" : "left"][side]++;
      }
    }
    const theirs = new Map<string, Turned[]>();
    for (const turned of before) push(theirs, turnOf(turned), turned);
    for (const turned of after) if (take(theirs.get(turnOf(turned)), () => true) === undefined) turnedAlone("new", turned);
    for (const rest of theirs.values()) for (const turned of rest) turnedAlone("old", turned);
  }

  function turnedAlone(side: Side, turned: Turned): void {
    (segments.get(turned.segment) as TurnDifference).alone[side]++;
    told.turn?.(side, turned);
  }

  return {
    compare(before, after) {
      for (const rule of before.started) ruleOf(rule).started.old++;
      for (const rule of after.started) ruleOf(rule).started.new++;
      if (before.messages.length > 0 || after.messages.length > 0) compareMessages(before.messages, after.messages);
      if (before.turns.length > 0 || after.turns.length > 0) compareTurns(before.turns, after.turns);
    },
    rules() {
      const shown = new Map([...rules].map(([name, rule]) => [name, { ...rule, examples: { ...rule.examples, more: [...rule.examples.more], fewer: [...rule.examples.fewer] } }]));
      for (const side of ["old", "new"] as const) {
        for (const { sent, by } of alone[side].values()) {
          const k = side === "new" ? "more" : "fewer";
          const examples = (shown.get(sent.rule) as RuleDifference).examples[k];
          if (examples.length < EXAMPLES) examples.push({ k, message: exampleOf(sent), by });
        }
      }
      return shown;
    },
    turns: () => segments,
    end() {
      for (const side of ["old", "new"] as const) while (alone[side].size > 0) settleOldest(side);
    },
  };
}

export function emptyRule(): RuleDifference {
  const none = (): Record<NotSent, number> => ({ consent: 0, cap: 0, ended: 0, held: 0 });
  return {
    started: { old: 0, new: 0 }, sent: { old: 0, new: 0 }, same: 0, payload: 0, instant: 0, more: { ...NONE }, fewer: { ...NONE },
    unsent: { old: none(), new: none() }, examples: { more: [], fewer: [], payload: [], instant: [] },
  };
}

const exampleOf = ({ customer, at, channel, template, cause, payload }: Sent): Example => ({ customer, at, channel, template, cause, payload });

const isSamePlace = (a: Place, b: Place): boolean => a.customer === b.customer && a.rule === b.rule && a.channel === b.channel && a.template === b.template;
const placeOf = ({ customer, at, rule, channel, template }: Place): string => JSON.stringify([at, customer, rule, channel, template]);
const turnOf = ({ customer, at, segment, entered }: Turned): string => JSON.stringify([at, customer, segment, entered]);

function byPlace(messages: readonly (Sent | Unsent)[], from: number): Map<string, (Sent | Unsent)[]> {
  const places = new Map<string, (Sent | Unsent)[]>();
  for (const message of messages.slice(from)) push(places, placeOf(message), message);
  return places;
}

function push<T>(lists: Map<string, T[]>, key: string, one: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [one]);
  else list.push(one);
}

/** The first that fits, which is in the list no more. */
function take<T>(list: T[] | undefined, fits: (one: T) => boolean): T | undefined {
  const place = list?.findIndex(fits) ?? -1;
  return place < 0 ? undefined : list?.splice(place, 1)[0];
}

/** Whether two values say the same; fields in any order. */
export function isEqual(a: Value | undefined, b: Value | undefined): boolean {
  if (a === b) return true;
  if (a == null || b == null) return a == null && b == null;
  if (typeof a !== "object" || typeof b !== "object") return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, i) => isEqual(item as Value, b[i] as Value));
  }
  const [ofA, ofB] = [a as { readonly [field: string]: Value }, b as { readonly [field: string]: Value }];
  const names = new Set([...Object.keys(ofA), ...Object.keys(ofB)]);
  return [...names].every((name) => isEqual(Object.hasOwn(ofA, name) ? ofA[name] : null, Object.hasOwn(ofB, name) ? ofB[name] : null));
}

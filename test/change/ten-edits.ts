/**
 * A program for a shop and ten edits of it: as the rules say it, and as the naive model has it. Every edit says in a word what it is, and
 * what it demands of the past: nothing that was known is lost, what is new is as if it had always been there, and nobody is told
 * anything twice.
 */
import { DAY, counted, silentFor, spent, type Past, type Rule, type Segment, type Stage } from "./naive-shop.js";

export interface Edit extends Stage {
  readonly what: string;
  readonly text: string;
  /** Names of rules of before whose runs are to be finished: `eddy apply --finish`. */
  readonly finish: readonly string[];
  /** Points that each order brings: by the lines in force when it came, or of the first program that has them. */
  readonly earns: { readonly [points: string]: (total: number) => number };
  readonly points: { readonly [points: string]: (past: Past) => number };
}

const EVENTS = `
event order_placed { order_id: string  total: number }
event order_returned { order_id: string  total: number }
trait spent = sum(order_placed.total)
trait orders = count(order_placed)
`;

type Declared<T> = { readonly text: string } & T;
interface Parts {
  readonly segments: { readonly [name: string]: Declared<{ readonly is: Segment }> };
  /** By descending priority. */
  readonly rules: readonly Declared<{ readonly is: Rule }>[];
  readonly points: { readonly [name: string]: Declared<{ readonly earns: (total: number) => number }> };
  readonly mailPerDays: number;
  readonly mails: number;
}

const atLeast = (of: (past: Past) => number, least: number): ((past: Past) => boolean) => (past) => of(past) >= least;

const BUYER: Declared<{ readonly is: Segment }> = { text: "when count(order_placed) >= 2", is: { enter: (past) => counted(past, "placed") >= 2, windows: [] } };
const big = (from: number): Declared<{ readonly is: Segment }> => ({
  text: `when sum(order_placed.total) over 90 days >= ${from} until sum(order_placed.total) over 90 days < ${from / 2}`,
  is: { enter: (past) => spent(past, 90 * DAY) >= from, leave: (past) => spent(past, 90 * DAY) < from / 2, windows: [90 * DAY] },
});
const IDLE: Declared<{ readonly is: Segment }> = {
  text: "when any(order_placed) and no order_placed for 60 days",
  is: { enter: (past) => counted(past, "placed") > 0 && silentFor(past, 60 * DAY), windows: [60 * DAY] },
};
const RETURNER: Declared<{ readonly is: Segment }> = {
  text: "when count(order_returned) over 180 days >= 2", is: { enter: (past) => counted(past, "returned", 180 * DAY) >= 2, windows: [180 * DAY] },
};
const STEADY: Declared<{ readonly is: Segment }> = {
  text: "when count(order_placed) over 45 days >= 1 for at least 30 days",
  is: { enter: (past) => counted(past, "placed", 45 * DAY) >= 1, forMs: 30 * DAY, windows: [45 * DAY] },
};

const thanks = (name: string, segment: string): Declared<{ readonly is: Rule }> =>
  ({ text: `rule ${name} { on enter ${segment}  emit "thanks" }`, is: { name, on: { k: "enter", segment }, template: "thanks" } });
const followUp = (days: number, priority = 0): Declared<{ readonly is: Rule }> => ({
  text: `rule follow_up { on order_placed where total >= 300  ${priority === 0 ? "" : `priority ${priority}  `}until order_returned  wait ${days} days  send mail "follow_up" { total: event.total } }`,
  is: { name: "follow_up", on: { k: "placed", from: 300 }, untilReturned: true, waitMs: days * DAY, channel: "mail", template: "follow_up", payload: ({ total }) => ({ total }) },
});
const LARGE: Declared<{ readonly is: Rule }> = {
  text: 'rule large { on order_placed where total >= 500  wait 5 days  send mail "large" }',
  is: { name: "large", on: { k: "placed", from: 500 }, waitMs: 5 * DAY, channel: "mail", template: "large" },
};
const sorry = (count: number): Declared<{ readonly is: Rule }> => ({
  text: `rule sorry { on order_returned  at most ${count} per 30 days  emit "sorry" }`,
  is: { name: "sorry", on: { k: "returned" }, cap: { count, ms: 30 * DAY }, template: "sorry" },
});
const MISS_YOU: Declared<{ readonly is: Rule }> = {
  text: 'rule miss_you { on enter idle  send mail "miss_you" }', is: { name: "miss_you", on: { k: "enter", segment: "idle" }, channel: "mail", template: "miss_you" },
};
const CARE: Declared<{ readonly is: Rule }> = { text: 'rule care { on enter returner  emit "care" }', is: { name: "care", on: { k: "enter", segment: "returner" }, template: "care" } };
const BONUS: Declared<{ readonly is: Rule }> = { text: 'rule bonus { on enter steady  emit "bonus" }', is: { name: "bonus", on: { k: "enter", segment: "steady" }, template: "bonus" } };

const stars = (each: number) => ({ text: `{ earn ${each} on order_placed }`, earns: () => each });
const GEMS = { text: "{ earn 2 on order_placed where total >= 200 }", earns: (total: number) => (total >= 200 ? 2 : 0) };

type Points = Edit["points"];

const without = <T>(of: { readonly [name: string]: T }, ...names: readonly string[]): { [name: string]: T } => Object.fromEntries(Object.entries(of).filter(([name]) => !names.includes(name)));

/** All that is declared, in an order of its own. */
function written({ segments, rules, points, mails, mailPerDays }: Parts, backwards: boolean): string {
  const all = [
    ...Object.entries(points).map(([name, { text }]) => `points ${name} ${text}`), ...Object.entries(segments).map(([name, { text }]) => `segment ${name} ${text}`),
    `channel mail { at most ${mails} per ${mailPerDays} days }`, ...rules.map(({ text }) => text),
  ];
  return `${EVENTS}${(backwards ? all.reverse() : all).join("\n")}\n`;
}

type Step = readonly [what: string, change: (before: Parts) => Parts, more?: Pick<Stage, "renamed" | "finished"> & { readonly backwards?: boolean }];

const starsOf = (points: Points) => (past: Past): number => points["stars"]?.(past) ?? 0;
const gemsOf = (points: Points) => (past: Past): number => points["gems"]?.(past) ?? 0;

export function tenEdits(): readonly Edit[] {
  const points: Record<string, (past: Past) => number> = {};
  const STAR: Declared<{ readonly is: Segment }> = { text: "when stars >= 5", is: { enter: atLeast((past) => starsOf(points)(past), 5), windows: [] } };
  const GEM: Declared<{ readonly is: Segment }> = { text: "when gems >= 6", is: { enter: atLeast((past) => gemsOf(points)(past), 6), windows: [] } };
  const first: Parts = {
    segments: { buyer: BUYER, big: big(1000), idle: IDLE, star: STAR }, points: { stars: stars(1) }, mails: 1, mailPerDays: 14,
    rules: [followUp(7), MISS_YOU, sorry(1), thanks("thanks", "buyer")],
  };
  const named = (rules: Parts["rules"], ...names: readonly string[]): Parts["rules"] => rules.filter(({ is: { name } }) => names.includes(name));
  const replaced = (rules: Parts["rules"], ...by: Parts["rules"]): Parts["rules"] => [...rules.filter(({ is }) => !by.some((one) => one.is.name === is.name)), ...by];
  const steps: readonly Step[] = [
    ["a segment over a new window, a rule on it, and another rule", (before) => ({ ...before, segments: { ...before.segments, returner: RETURNER }, rules: [...before.rules, CARE, LARGE] })],
    ["another limit for a segment that remembers", (before) => ({ ...before, segments: { ...before.segments, big: big(800) } })],
    ["a segment and the rule on it have other names", (before) => ({
      ...before, segments: { ...without(before.segments, "buyer"), loyal: BUYER }, rules: [...before.rules.filter(({ is }) => is.name !== "thanks"), thanks("thanks_again", "loyal")],
    }), { renamed: { thanks: "thanks_again" } }],
    ["another wait; runs under way stop", (before) => ({ ...before, rules: replaced(before.rules, followUp(5)) })],
    ["a segment and its rule are removed", (before) => ({ ...before, segments: without(before.segments, "idle"), rules: before.rules.filter(({ is }) => is.name !== "miss_you") })],
    ["everything stands in another order, and one rule goes before another", (before) => ({ ...before, rules: replaced(before.rules, followUp(5, 10)) }), { backwards: true }],
    ["another wait; runs under way end under the old one", (before) => ({ ...before, rules: replaced(before.rules, followUp(9, 10)) }), { finished: ["follow_up"] }],
    ["points that were never counted, and other lines for those that were", (before) => ({ ...before, points: { stars: stars(3), gems: GEMS }, segments: { ...before.segments, gem: GEM } })],
    ["a segment with a length of time; another is removed", (before) => ({
      ...before, segments: { ...without(before.segments, "returner"), steady: STEADY }, rules: [...before.rules.filter(({ is }) => is.name !== "care"), BONUS],
    })],
    ["what was removed and renamed is back, and caps are wider", (before) => ({
      ...before, mailPerDays: 7, segments: { ...without(before.segments, "loyal"), idle: IDLE, buyer: BUYER },
      rules: [...named(before.rules, "follow_up", "large", "bonus"), MISS_YOU, sorry(2), thanks("thanks", "buyer")],
    }), { renamed: { thanks_again: "thanks" } }],
  ];
  const edits: Edit[] = [];
  let parts = first;
  const put = (what: string, { renamed, finished, backwards = false }: NonNullable<Step[2]> = {}): void => {
    // Rules act by priority, then by name.
    const priority = ({ text }: { readonly text: string }): number => Number(/priority (\d+)/.exec(text)?.[1] ?? 0);
    const rules = [...parts.rules].sort((a, b) => priority(b) - priority(a) || (a.is.name < b.is.name ? -1 : 1));
    edits.push({
      what, text: written(parts, backwards), segments: Object.fromEntries(Object.entries(parts.segments).map(([name, { is }]) => [name, is])), rules: rules.map(({ is }) => is),
      mailCap: { count: parts.mails, ms: parts.mailPerDays * DAY }, finish: finished ?? [], points,
      earns: Object.fromEntries(Object.entries(parts.points).map(([name, { earns }]) => [name, earns])),
      ...(renamed === undefined ? {} : { renamed }), ...(finished === undefined ? {} : { finished }),
    });
  };
  put("the program");
  for (const [what, change, more] of steps) {
    parts = change(parts);
    put(what, more);
  }
  for (const name of ["stars", "gems"]) {
    const begins = edits.findIndex(({ earns }) => Object.hasOwn(earns, name));
    points[name] = ({ orders }) => orders.reduce((sum, { k, stage, total }) => sum + (k === "placed" ? edits[Math.max(stage, begins)]?.earns[name]?.(total) ?? 0 : 0), 0);
  }
  return edits;
}

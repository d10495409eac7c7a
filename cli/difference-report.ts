/**
 * What two programs do differently, as JSON and as text for people (`eddy replay --against`, `eddy run --shadow`). Of what they do
 * alike only the number is told.
 */
import { timeText } from "../engine/compile/runtime.js";
import type { Differing, Example, Instead, RuleDifference, Side } from "../engine/shadow/difference.js";
import type { Few, ProgramsDifference, SegmentDifference, TraitDifference, Whose } from "../engine/shadow/history.js";
import { shownPayload } from "../engine/testing/show.js";
import { whole } from "./progress.js";

export interface Differences extends ProgramsDifference {
  readonly traits: ReadonlyMap<string, TraitDifference> | null;
}

type Rule = RuleDifference & { readonly whose: Whose };

// ---------------------------------------------------------------------------------------------------- JSON

export function differencesJson({ segments, rules, traits }: Differences): object {
  return {
    segments: Object.fromEntries([...segments].map(([name, { whose, members, entered, left, turns }]) => [name, { in: whose, members, entered, left, changes: turns }])),
    rules: Object.fromEntries([...rules].map(([name, rule]) => [name, ruleJson(rule)])),
    ...(traits === null ? {} : { traits: Object.fromEntries([...traits].map(([name, { whose, count, examples }]) => [name, { in: whose, customers: count, examples }])) }),
  };
}

function ruleJson({ whose, started, sent, same, more, fewer, payload, instant, unsent, examples }: Rule): object {
  return {
    in: whose, started, sent, same, more: { count: total(more), by: more }, fewer: { count: total(fewer), by: fewer }, payload, instant, unsent,
    examples: Object.fromEntries(Object.entries(examples).map(([kind, list]) => [kind, list.map(differingJson)])),
  };
}

/** One message in which they differ. */
export function differingJson(differing: Differing): object {
  const { customer, at, channel, template, cause, payload } = differing.message;
  const message = { customer, time: timeText(at), channel: channel ?? "emit", template, cause, data: payload ?? {} };
  switch (differing.k) {
    case "more": case "fewer": return { ...message, instead: differing.by };
    case "payload": return { ...message, before: differing.before ?? {} };
    case "instant": return { ...message, before: timeText(differing.before) };
  }
}

const total = (by: Readonly<Record<string, number>>): number => Object.values(by).reduce((sum, n) => sum + n, 0);

// ---------------------------------------------------------------------------------------------------- for people

/** Lines without an end; none where the programs do not differ. */
export function differenceLines({ segments, rules, traits }: Differences): string[] {
  return [
    ...section("segment", segments, isSegmentAlike, segmentLines),
    ...section("rule", rules, isRuleAlike, ruleLines),
    ...(traits === null ? [] : section("trait", traits, ({ whose, count }) => whose === "both" && count === 0, traitLines)),
  ];
}

function section<T>(kind: string, all: ReadonlyMap<string, T>, isAlike: (of: T) => boolean, lines: (name: string, of: T) => string[]): string[] {
  if (all.size === 0) return [];
  const differing = [...all].filter(([, of]) => !isAlike(of));
  const alike = all.size - differing.length;
  const summary = differing.length === 0 ? `${counted(all.size, kind)}: no difference` : `${counted(differing.length, kind)} with a difference${alike === 0 ? "" : `, ${alike} without`}`;
  return [summary, ...differing.flatMap(([name, of]) => lines(name, of))];
}

const isSegmentAlike = ({ whose, entered, left, turns }: SegmentDifference): boolean =>
  whose === "both" && entered.count === 0 && left.count === 0 && turns.alone.old === 0 && turns.alone.new === 0;

const isRuleAlike = (rule: Rule): boolean =>
  rule.whose === "both" && total(rule.more) === 0 && total(rule.fewer) === 0 && rule.payload === 0 && rule.instant === 0 && rule.started.old === rule.started.new;

function segmentLines(name: string, { whose, members, entered, left, turns }: SegmentDifference): string[] {
  return [
    `  ${name}${whoseText(whose)}: ${change(members)} ${members.new === 1 && members.old === members.new ? "member" : "members"}`,
    ...few("would be in", entered),
    ...few("would be out", left),
    ...(turns.alone.old + turns.alone.new === 0 ? [] : [line("other changes on the way", turns.alone.old + turns.alone.new, `${whole(turns.alone.new)} more, ${whole(turns.alone.old)} fewer`)]),
  ];
}

const few = (what: string, { count, examples }: Few): string[] =>
  (count === 0 ? [] : [line(what, count, `${examples.join(", ")}${count > examples.length ? ", …" : ""}`)]);

function ruleLines(name: string, rule: Rule): string[] {
  const { whose, started, sent, more, fewer, payload, instant, examples } = rule;
  return [
    `  ${name}${whoseText(whose)}: starts ${change(started)}, sends ${change(sent)}`,
    ...messages("would send", total(more), insteadText(more, "old"), examples.more),
    ...messages("would no longer send", total(fewer), insteadText(fewer, "new"), examples.fewer),
    ...messages("would say something else", payload, "", examples.payload),
    ...messages("would send at another instant", instant, "", examples.instant),
  ];
}

function traitLines(name: string, { whose, count, examples }: TraitDifference): string[] {
  return [
    `  ${name}${whoseText(whose)}${whose === "both" ? `: another value for ${counted(count, "customer")}` : ""}`,
    ...examples.map((example) => `      ${example.customer}: ${shownPayload(example.old)} → ${shownPayload(example.new)}`),
  ];
}

function messages(what: string, count: number, why: string, examples: readonly Differing[]): string[] {
  return count === 0 ? [] : [line(what, count, why), ...examples.map((example) => `      ${exampleText(example)}`)];
}

function exampleText(differing: Differing): string {
  const { message } = differing;
  const head = `${message.customer} ${timeText(message.at) ?? ""} ${placeText(message)}`;
  switch (differing.k) {
    case "more": case "fewer": return `${head}${isEmpty(message) ? "" : ` ${shownPayload(message.payload)}`}${differing.by === "nothing" ? "" : `  (${INSTEAD[differing.by]})`}`;
    case "payload": return `${head} ${shownPayload(differing.before ?? {})} → ${shownPayload(message.payload ?? {})}`;
    case "instant": return `${head}, was ${timeText(differing.before) ?? ""}`;
  }
}

const isEmpty = ({ payload }: Example): boolean => payload === null || (typeof payload === "object" && Object.keys(payload).length === 0);

const placeText = ({ channel, template }: Example): string => `${channel === null ? "emit" : `send ${channel}`} ${JSON.stringify(template)}`;

const INSTEAD: Readonly<Record<Instead, string>> = {
  nothing: "not reached", consent: "suppressed by consent", cap: "suppressed by cap", ended: "ended while held", held: "held",
};

/** What the program that does not send them does in their place. */
function insteadText(by: Readonly<Record<Instead, number>>, which: Side): string {
  const parts = (Object.entries(by) as [Instead, number][]).filter(([, n]) => n > 0).map(([why, n]) => `${whole(n)} ${INSTEAD[why]}`);
  return parts.length === 0 ? "" : `under the ${which} rules: ${parts.join(", ")}`;
}

const line = (what: string, count: number, more: string): string => `    ${what}: ${whole(count)}${more === "" ? "" : `  (${more})`}`;
const change = ({ old, new: now }: Readonly<Record<Side, number>>): string => (old === now ? whole(now) : `${whole(old)} → ${whole(now)}`);
const whoseText = (whose: Whose): string => (whose === "both" ? "" : whose === "new" ? " (new)" : " (dropped)");
const counted = (n: number, kind: string): string => `${whole(n)} ${kind}${n === 1 ? "" : "s"}`;

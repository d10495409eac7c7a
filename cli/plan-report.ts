/** What a change of rules would do, as text for a person who decides by it, and as JSON. */
import { windowText } from "../dsl/spell.js";
import type { Kind } from "../engine/change/compare.js";
import type { Plan, PlannedPart, PlannedRuns, Shortage } from "../engine/change/plan.js";
import { timeText } from "../engine/compile/runtime.js";
import { whole } from "./progress.js";

// ---------------------------------------------------------------------------------------------------- JSON

export function planJson(plan: Plan): object {
  const { parts, runs, fill, ...rest } = plan;
  return {
    ...rest,
    exactFrom: exactAt(plan),
    fill: fill === null ? null : { ...fill, from: instantOr(fill.from), rate: fill.rate === null ? null : Math.round(fill.rate), seconds: fill.seconds === null ? null : Math.ceil(fill.seconds) },
    parts: parts.map(({ kind, key, name, fate, was, source, aspects, held, short }) => ({
      kind, name, ...(key === name ? {} : { key }), fate, ...(was === null ? {} : { was }), from: source, ...(aspects.length === 0 ? {} : { differs: aspects }),
      ...(held === null ? {} : { held }), ...(short === null ? {} : { short: { window: short.window === null ? null : windowText(short.window), exactFrom: instantOr(short.exactFrom) } }),
    })),
    runs,
  };
}

const instantOr = (instant: number | null): string | null => (instant === null ? null : (timeText(instant) as string));

/** When all is exact; null: it is now, or something never will be. */
function exactAt({ parts }: Plan): string | null {
  const short = parts.flatMap((part) => (part.short === null ? [] : [part.short.exactFrom]));
  return short.length === 0 || short.includes(null) ? null : instantOr(Math.max(...short.map(Number)));
}

// ---------------------------------------------------------------------------------------------------- for people

const MOST_WIDTH = 110;
const LEAST_WIDTH = 60;
const NAME_WIDTH = 34;
/** Where text begins that stands below a long name. */
const BELOW = 8;

const PLURALS: Readonly<Record<Kind, string>> = {
  event: "event types", profile: "profile", retention: "retention", aggregate: "aggregates", trait: "traits", segment: "segments", points: "points", tier: "tiers",
  experiment: "experiments", group: "groups of channels", channel: "channels", ranking: "percentiles", metric: "metrics", rule: "rules",
};
/** Those that a person thinks of first. */
const ORDER: readonly Kind[] = ["rule", "segment", "trait", "tier", "points", "experiment", "channel", "group", "metric", "event", "profile", "retention", "aggregate", "ranking"];
const SIGNS: Readonly<Record<PlannedPart["fate"], string>> = { new: "+", changed: "~", renamed: ">", dropped: "-", kept: "=" };

export interface Shown {
  /** Of the terminal. */
  readonly columns: number;
  /** Where the change would be made; for messages. */
  readonly where: string | null;
}

export function planText(plan: Plan, shown: Shown): string {
  const width = Math.max(LEAST_WIDTH, Math.min(MOST_WIDTH, shown.columns));
  if (plan.same) return `nothing would change: ${shown.where ?? "both"} ${shown.where === null ? "have" : "has"} these very rules in force (${plan.to})`;
  const lines = [...title(plan, shown)];
  for (const kind of ORDER) lines.push(...section(plan, kind, width));
  lines.push(...keptLines(plan, width), ...runLines(plan, width), ...costLines(plan, width), ...shortLines(plan, width));
  return lines.join("\n");
}

function title({ known, from, to }: Plan, { where }: Shown): string[] {
  const place = where === null ? "" : ` in ${where}`;
  switch (known) {
    case "nothing": return [`${to} would be the first program${place}: whatever the log holds is worked off from its first event on`];
    case "states": return [`${to} instead of ${from}${place}`, "the rules of before are not in the store: they are compared by what the customers' states say of them"];
    case "rules": return [`${to} instead of ${from}${place}`];
  }
}

function section({ parts, known }: Plan, kind: Kind, width: number): string[] {
  const changed = known === "nothing" ? [] : parts.filter((part) => part.kind === kind && part.fate !== "kept");
  if (changed.length === 0) return [];
  const names = Math.min(NAME_WIDTH, Math.max(...changed.map(({ name }) => name.length)));
  return ["", PLURALS[kind], ...changed.flatMap((part) => row(SIGNS[part.fate], part.name, names, [became(part), ...(part.short === null ? [] : [shortText(part.short)])].join("; "), width))];
}

/** A name that is longer than its column has a line of its own. */
function row(sign: string, name: string, names: number, text: string, width: number): string[] {
  const head = `  ${sign} `;
  const indent = head.length + names + 2;
  if (name.length > names) return [...wrap(name, width - head.length).map((line, i) => `${i === 0 ? head : " ".repeat(head.length)}${line}`), ...wrap(text, width - BELOW).map((line) => `${" ".repeat(BELOW)}${line}`)];
  return wrap(text, width - indent).map((line, i) => (i === 0 ? `${head}${name.padEnd(names)}  ${line}` : `${" ".repeat(indent)}${line}`));
}

const customers = (count: number): string => `${whole(count)} ${count === 1 ? "customer" : "customers"}`;

/** What becomes of the part, in a few words. */
function became({ kind, name, fate, was, source, aspects, held }: PlannedPart): string {
  if (kind === "rule" && name.includes("@")) return fate === "dropped" ? "all its runs have ended, or are stopped" : "only brings runs under way to their end, under the old steps";
  const differs = aspects.length === 0 ? "" : ` (${aspects.join(", ")})`;
  switch (fate) {
    case "kept": return "kept";
    case "renamed": return `was "${was ?? ""}": kept under the new name`;
    case "dropped": return droppedText(kind, held);
    case "new":
      if (source === "history") return "new: filled from history";
      if (source === "pass") return "new: settled for everybody in one pass";
      return { rule: "new: starts from now on", aggregate: "new: kept with runs that start from now on", experiment: "new: counts from now on", event: "new: counts from now on", trait: "new" }[kind as string] ?? "new: from now on";
    case "changed": return `changed${differs}: ${changedText(kind, source, aspects, held)}`;
  }
}

function changedText(kind: Kind, source: PlannedPart["source"], aspects: readonly string[], held: PlannedPart["held"]): string {
  if (source === "history") return kind === "segment" ? "filled from history; who is in it then is told" : `values of another type: filled anew from history${held === null || held.customers === 0 ? "" : `, ${customers(held.customers)} lose theirs`}`;
  if (source === "pass") return kind === "segment" ? "settled for everybody in one pass; who comes and goes is told, and starts nothing" : "settled for everybody in one pass";
  switch (kind) {
    case "points": return "what was earned stays; from now on the new lines count";
    case "experiment": return aspects.includes("variants") ? "who has a variant that is left keeps it" : "who has a variant keeps it";
    case "channel": case "group": return "for messages from now on; what was sent still counts";
    case "rule": return aspects.every((aspect) => aspect === "priority") ? "acts in another order" : "from now on; for runs under way see below";
    case "event": return "for events from now on";
    case "profile": return "what is known stays";
    case "aggregate": return "kept with runs that start from now on";
    default: return "at once";
  }
}

function droppedText(kind: Kind, held: PlannedPart["held"]): string {
  if (held === null) return "dropped";
  if (kind === "segment") return held.customers === 0 ? "dropped: it has no members" : `dropped: its ${held.customers === 1 ? "one member leaves" : `${whole(held.customers)} members leave`}`;
  if (held.customers === 0) return "dropped: nobody has it";
  return `dropped: ${customers(held.customers)} ${held.customers === 1 ? "has" : "have"} it${held.bytes === 0 ? "" : `, ${size(held.bytes)} are freed`}`;
}

function shortText({ window, exactFrom }: Shortage): string {
  const what = window === null ? "history" : window.k === "life" ? "a lifetime" : windowText(window);
  return exactFrom === null ? `history is too short for ${what}: it counts what there is` : `history is too short for ${what}: exact from ${day(exactFrom)} on`;
}

function keptLines({ parts, unknown, known }: Plan, width: number): string[] {
  if (known === "nothing") return [];
  const counts = ORDER.flatMap((kind) => {
    const kept = parts.filter((part) => part.kind === kind && part.fate === "kept").length;
    return kept === 0 ? [] : [kind === "profile" ? `${whole(kept)} profile ${kept === 1 ? "field" : "fields"}` : kind === "points" ? `${whole(kept)} ${kept === 1 ? "kind" : "kinds"} of points` : `${whole(kept)} ${kept === 1 ? PLURALS[kind].replace(/ies$/, "y").replace(/(groups) of/, "group of").replace(/s$/, kind === "group" ? "s" : "") : PLURALS[kind]}`];
  });
  const lines = counts.length === 0 ? ["nothing is kept"] : wrap(`kept as they are: ${counts.join(", ")}`, width);
  const unsaid = unknown.length === 0 ? [] : wrap(`nothing is known of what these were before: ${unknown.map((kind) => PLURALS[kind]).join(", ")}`, width);
  return ["", ...lines, ...unsaid];
}

function runLines({ runs, customers: all }: Plan, width: number): string[] {
  if (runs.length === 0) return [];
  const about = all === null || all.exact ? "" : ", about";
  return ["", `runs under way${about}`, ...runs.flatMap((of) => rowsOfRuns(of, width))];
}

function rowsOfRuns({ rule, now, stands, choice }: PlannedRuns, width: number): string[] {
  const kept = (isKept: boolean): string => (isKept ? (now === null || now === rule ? "go on" : `go on as ${now}`) : choice?.chosen === "finish" ? "end under the old steps" : "are stopped");
  const lines = stands.flatMap(({ place, step, runs, kept: isKept }) => {
    const head = `  ${whole(runs).padStart(9)}  `;
    return wrap(`at ${place === null ? "" : `step ${place}, `}${step}: ${kept(isKept)}`, width - head.length).map((line, i) => `${i === 0 ? head : " ".repeat(head.length)}${line}`);
  });
  return [`  ${rule}${now === null ? " (dropped)" : now === rule ? "" : ` (now ${now})`}`, ...lines, ...choiceLines(rule, choice, width)];
}

function choiceLines(rule: string, choice: PlannedRuns["choice"], width: number): string[] {
  if (choice === null) return [];
  const indent = " ".repeat(13);
  const lines = (text: string): string[] => wrap(text, width - indent.length).map((line) => `${indent}${line}`);
  if (choice.hindered.length > 0) return lines(`they can only be stopped: the old steps need what the new rules do not have (${choice.hindered.join("; ")})`);
  return choice.chosen === "finish" ? lines(`with --stop ${rule} they are stopped`) : lines(`with --finish ${rule} they end under the old steps`);
}

function costLines({ fill, needsFill, needsPass, customers: all, freed, known }: Plan, width: number): string[] {
  if (known === "nothing") return [];
  const lines: string[] = [];
  const add = (label: string, text: string): void => void lines.push(...wrap(text, width - 10).map((line, i) => `${(i === 0 ? label : "").padEnd(10)}${line}`));
  if (fill !== null) {
    const since = fill.from === null ? "" : ` since ${day(fill.from)}`;
    const takes = fill.seconds === null || fill.rate === null ? "" : `, about ${length(fill.seconds)} at ${rounded(fill.rate)} a second (an estimate, measured on the first of them)`;
    add("back-fill", `${whole(fill.records)} events${since} are read beside the live flow${takes}`);
  } else if (needsFill) add("back-fill", "needed; how long it takes can be said where the engine runs: leave --against away");
  else add("back-fill", "not needed: nothing of history is read");
  const everybody = all === null ? "all customers" : customers(all.count);
  if (needsPass) add("pass", `${everybody}, one after the other; a customer with an event comes first`);
  if (freed !== null && freed > 0) add("freed", `about ${size(freed)}${all === null || all.bytes === 0 ? "" : ` of ${size(all.bytes)}`}`);
  return lines.length === 0 ? [] : ["", ...lines];
}

function shortLines({ parts, short }: Plan, width: number): string[] {
  if (!short) return [];
  const exact = parts.flatMap((part) => (part.short === null ? [] : [part.short.exactFrom]));
  const latest = exact.includes(null) ? null : Math.max(...exact.map(Number));
  const until = latest === null ? "some of it stays inexact for who was there before history begins" : `all of it is exact from ${timeText(latest) as string} on`;
  return ["", ...wrap(`HISTORY IS TOO SHORT for what is marked above: ${until}. A file of older events closes the gap: --history FILE`, width)];
}

// ---------------------------------------------------------------------------------------------------- words

const day = (instant: number): string => (timeText(instant) as string).replace("T", " ").replace(/(:\d\d)(:\d\d)?(\.\d+)?Z$/, "$1 UTC").replace(" 00:00 UTC", "");
const rounded = (rate: number): string => whole(rate < 100 ? Math.ceil(rate) : Number(rate.toPrecision(2)));

export function length(seconds: number): string {
  if (seconds < 2) return "a second";
  if (seconds < 100) return `${Math.ceil(seconds)} seconds`;
  if (seconds < 100 * 60) return `${Math.ceil(seconds / 60)} minutes`;
  const hours = Math.ceil(seconds / 3600);
  return hours < 48 ? `${hours} hours` : `${Math.ceil(hours / 24)} days`;
}

const UNITS = ["bytes", "kB", "MB", "GB", "TB"] as const;

function size(bytes: number): string {
  const step = Math.min(UNITS.length - 1, bytes < 1000 ? 0 : Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** step;
  return `${step === 0 ? whole(Math.round(bytes)) : value < 10 ? value.toFixed(1) : String(Math.round(value))} ${UNITS[step] ?? ""}`;
}

/** Words stay whole; one that is longer than the line has it for itself. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > Math.max(20, width)) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

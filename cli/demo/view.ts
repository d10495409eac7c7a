/**
 * What the demonstration shows, as text: a screen for a terminal, a line for a log, a summary for the end. Pure: a
 * model in, text out. Drawing it, and finding the figures, is somebody else's business (cli/demo/screen.ts and
 * cli/demo/demo.ts).
 *
 * No line of a screen is wider than the terminal and there are never more lines than it has rows.
 */

import * as figures from "./figures.js";
import { clip, fill, left, right, paintLine, span, spansWidth, width, type Span, type Style } from "./text.js";

/** Milliseconds from the moment when an event is handed to the log to its commit. */
export interface Latency {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface SegmentFigures {
  readonly name: string;
  readonly label: string | null;
  /** Members now. */
  readonly size: number;
  /** How many have entered and left so far. */
  readonly entered: number;
  readonly left: number;
}

export interface ActionShown {
  /** On the customer's clock, ms. */
  readonly atMs: number;
  /** The channel, or `emit`. */
  readonly channel: string;
  readonly template: string;
  readonly customer: string;
  readonly customerName: string | null;
  readonly rule: string;
  /** What caused it: the type of an event, or null for time alone. */
  readonly reason: string | null;
}

export interface RuleFigures {
  readonly rule: string;
  readonly actions: number;
}

export interface DemoModel {
  /** Since the start, by the wall clock. */
  readonly elapsedMs: number;
  /** The instant that the stream has reached. */
  readonly simulatedMs: number;
  readonly events: number;
  readonly eventsPerSecond: number;
  /** Over the whole time; null until something was measured. */
  readonly latency: Latency | null;
  /** Of the last few seconds. */
  readonly recentLatency: Latency | null;
  readonly customers: number;
  readonly deadLetters: number;
  /** In the order in which they are to be shown. */
  readonly segments: readonly SegmentFigures[];
  /** The newest first. */
  readonly newest: readonly ActionShown[];
  /** In any order. */
  readonly rules: readonly RuleFigures[];
  readonly places: Places;
}

/** What to look at next, as a person would type it. */
export interface Places {
  readonly program: string;
  readonly rules: string;
  readonly readme: string;
  readonly docs: string;
  readonly store: string;
  /** False: the next start removes it. */
  readonly storeStays: boolean;
  /** The address of the metrics; null: there are none. */
  readonly metrics: string | null;
}

export interface ViewSize {
  readonly columns: number;
  readonly rows: number;
  readonly colour: boolean;
}

type Line = readonly Span[];

const BLANK: Line = [];
const GAP = "   ";

// ---------------------------------------------------------------------------------------------------- the screen

/** From this width on, segments and actions stand side by side. */
const SIDE_BY_SIDE = 110;
/** From this width on, there is room for the segments' labels too. */
const WITH_LABELS = 150;

/** The whole screen, lines joined by line feeds. */
export function renderView(model: DemoModel, { columns, rows, colour }: ViewSize): string {
  const head = header(model, columns);
  const foot = rows >= 14 ? footer(model, columns) : [];
  const room = Math.max(0, rows - head.length - foot.length);
  const middle = columns >= SIDE_BY_SIDE ? sideBySide(model, columns, room) : stacked(model, columns, room);
  while (middle.length < room && foot.length > 0) middle.push(BLANK);
  return [...head, ...middle.slice(0, room), ...foot]
    .slice(0, rows)
    .map((line) => paintLine(line, columns, colour))
    .join("\n");
}

function header(model: DemoModel, columns: number): Line[] {
  const title = [span(" EDDY", "bold"), span("  the rule library at work on made-up customers", "faint")];
  const shown = columns >= 96 ? "simulated clock " : "";
  const clock = [span(shown, "faint"), span(`${figures.instant(model.simulatedMs)} `, "bold")];
  const dead = model.deadLetters;
  return [
    spread(title, clock, columns),
    spread(
      asManyAsFit(
        [
          [span(" "), span(figures.count(model.events), "bold"), span(" events")],
          [span(`${figures.count(model.eventsPerSecond)}/s`, "bold")],
          [span(figures.count(model.customers), "bold"), span(" customers")],
          [span(figures.count(actionsOf(model)), "bold"), span(" actions")],
        ],
        columns,
      ),
      [span(`running for ${figures.elapsed(model.elapsedMs)} `, "faint")],
      columns,
    ),
    spread(
      asManyAsFit([[span(" from log to commit", "faint")], ...latencySpans(model.recentLatency)], columns),
      [span(`${figures.count(dead)} dead letter${dead === 1 ? "" : "s"} `, dead > 0 ? "red" : "faint")],
      columns,
    ),
    BLANK,
  ];
}

function latencySpans(latency: Latency | null): Line[] {
  if (latency === null) return [[span("nothing measured yet", "faint")]];
  const one = (name: string, ms: number): Line => [span(`${name} `, "faint"), span(figures.latency(ms), "bold")];
  return [one("p50", latency.p50Ms), one("p99", latency.p99Ms), one("max", latency.maxMs)];
}

function footer(model: DemoModel, columns: number): Line[] {
  const { places } = model;
  const commands: Line[] = [
    [span(" Try    ", "faint"), span(inspectCommand(model), "cyan")],
    [span(`${places.program} check ${places.rules}`, "cyan")],
  ];
  const files: Line[] = [
    [span(" Edit   ", "faint"), span(`${places.rules}/shop/cart.eddy`, "cyan"), span(" and start again", "faint")],
    [span("Read ", "faint"), span(places.readme, "cyan")],
    ...(places.metrics === null ? [] : [[span("Metrics ", "faint"), span(places.metrics, "cyan")]]),
  ];
  const end = span("Ctrl-C ends ", "faint");
  const room = columns - spansWidth([end]) - 1;
  return [BLANK, asManyAsFit(commands, columns), spread(asManyAsFit(files, room), [end], columns)];
}

/** One above the other: segments in two columns, newest actions below, the rules' totals in one line. */
function stacked(model: DemoModel, columns: number, room: number): Line[] {
  const perLine = columns >= 72 ? 2 : 1;
  const wanted = Math.ceil(model.segments.length / perLine);
  // Segments get what they need, but leave the actions a heading, five lines, a gap and the totals.
  const segmentLines = Math.max(0, Math.min(wanted, room - 1 - 8));
  const lines: Line[] = [];
  if (segmentLines > 0) {
    const cell = Math.floor((columns - 1) / perLine);
    const heading = segmentHeading(model, segmentLines * perLine, cell - 2, false);
    lines.push(Array.from({ length: perLine }, () => [span(" "), ...heading, span(" ")]).flat());
    for (let i = 0; i < segmentLines; i++) {
      const line: Span[] = [];
      for (let column = 0; column < perLine; column++) {
        const segment = model.segments[column * segmentLines + i];
        line.push(span(" "), ...(segment === undefined ? fill([], cell - 2) : segmentCells(segment, cell - 2, null)), span(" "));
      }
      lines.push(line);
    }
    lines.push(BLANK);
  }
  const actionLines = room - lines.length - 2;
  lines.push(...actions(model, columns, Math.max(0, actionLines)));
  if (room - lines.length >= 1) lines.push(totals(model, columns));
  return lines;
}

/** Segments, and below them the rules' totals, at the left; the newest actions at the right. */
function sideBySide(model: DemoModel, columns: number, room: number): Line[] {
  const leftWidth = columns >= WITH_LABELS ? 76 : 44;
  const rightWidth = columns - leftWidth - 1;
  // Many segments leave the rules a third.
  const atLeft = [...segmentPane(model, leftWidth, model.segments.length + 5 > room ? Math.ceil((room * 2) / 3) : room)];
  if (room - atLeft.length >= 4) atLeft.push(BLANK, ...rulePane(model, leftWidth, room - atLeft.length - 1));
  const atRight = actions(model, rightWidth, room - 1);
  return Array.from({ length: Math.min(room, Math.max(atLeft.length, atRight.length)) }, (_, i) => [
    ...fill(atLeft[i] ?? BLANK, leftWidth),
    span(" "),
    ...(atRight[i] ?? BLANK),
  ]);
}

function segmentPane(model: DemoModel, columns: number, room: number): Line[] {
  const largest = model.segments.reduce((most, each) => Math.max(most, each.size), 1);
  const inside = columns - 2;
  const withLabels = columns >= 70;
  const heading = [span(" "), ...segmentHeading(model, room - 1, inside, withLabels)];
  const lines = model.segments.map((each) => [span(" "), ...segmentCells(each, inside, largest)]);
  return room >= 2 ? [heading, ...lines.slice(0, room - 1)] : [];
}

const FIGURE = 6;

function segmentHeading(model: DemoModel, shown: number, columns: number, withLabels: boolean): Span[] {
  const { name, label } = segmentWidths(columns, withLabels);
  const all = model.segments.length;
  return [
    span(left(shown < all ? `SEGMENTS ${shown}/${all}` : "SEGMENTS", name + label), "faint"),
    ...["size", "in", "out"].map((heading) => span(right(heading, FIGURE + 1), "faint")),
    span(" ".repeat(Math.max(0, columns - name - label - 3 * (FIGURE + 1)))),
  ];
}

function segmentWidths(columns: number, withLabels: boolean): { name: number; label: number; bar: number } {
  const label = withLabels ? 30 : 0;
  const left_ = columns - 3 * (FIGURE + 1) - label;
  const name = Math.min(16, Math.max(0, left_));
  return { name, label, bar: Math.max(0, left_ - name - 1) };
}

/** A segment's name, its size, who came and who went; a bar against the largest one where there is room. */
function segmentCells(segment: SegmentFigures, columns: number, largest: number | null): Span[] {
  const withLabels = largest !== null && columns >= 68;
  const { name, label, bar } = segmentWidths(columns, withLabels);
  const length = largest === null ? 0 : Math.round((segment.size / largest) * bar);
  return fill(
    [
      span(left(segment.name, name), "bold"),
      span(label > 0 ? left(` ${segment.label ?? ""}`, label) : "", "faint"),
      span(right(figures.count(segment.size), FIGURE + 1)),
      span(right(`+${figures.count(segment.entered)}`, FIGURE + 1), "green"),
      span(right(`-${figures.count(segment.left)}`, FIGURE + 1), "red"),
      span(length > 0 ? ` ${"▇".repeat(length)}` : "", "cyan"),
    ],
    columns,
  );
}

/** The rules that act most, first; equal ones by name. */
const byActions = (model: DemoModel): RuleFigures[] =>
  [...model.rules].sort((a, b) => b.actions - a.actions || (a.rule < b.rule ? -1 : 1));

function rulePane(model: DemoModel, columns: number, room: number): Line[] {
  const rules = byActions(model);
  const most = Math.max(1, rules[0]?.actions ?? 1);
  const name = 23;
  const bar = Math.max(0, columns - 2 - name - FIGURE - 2);
  const lines = rules.map(({ rule, actions: made }): Line => [
    span(" "),
    span(left(rule, name)),
    span(right(figures.count(made), FIGURE)),
    span(` ${"▇".repeat(Math.round((made / most) * bar))}`, "yellow"),
  ]);
  return [[span(` ${left("ACTIONS BY RULE", name)}${right("total", FIGURE)}`, "faint")], ...lines].slice(0, room);
}

function totals(model: DemoModel, columns: number): Line {
  const each = byActions(model).map(({ rule, actions: made }) => [span(`${rule} `), span(figures.count(made), "bold")]);
  return asManyAsFit([[span(" BY RULE", "faint")], ...each], columns);
}

const CHANNEL_STYLES: ReadonlyMap<string, Style> = new Map<string, Style>([
  ["email", "cyan"],
  ["push", "magenta"],
  ["popup", "yellow"],
  ["emit", "green"],
]);

/** A heading and the newest actions, `room` lines of them at most. */
function actions(model: DemoModel, columns: number, room: number): Line[] {
  const who = 15;
  const withDate = columns >= 90;
  const whenWidth = withDate ? 12 : 6;
  const channel = 6;
  // What is left goes to template, rule and reason.
  const rest = Math.max(0, columns - 2 - whenWidth - who - channel - 4);
  const template = Math.min(22, Math.floor(rest * 0.38));
  const rule = Math.min(24, Math.floor(rest * 0.36));
  const cells = (when: string, customer: string, by: string, what: string, name: string, reason: string, style: Style | null): Line => [
    span(" "),
    span(`${left(when, whenWidth)} `, "faint"),
    span(`${left(customer, who)} `, style === null ? "faint" : "bold"),
    span(`${left(by, channel)} `, style ?? "faint"),
    span(`${left(what, template)} `, style === null ? "faint" : "plain"),
    span(`${left(name, rule)} `, "faint"),
    span(reason, "faint"),
  ];
  const when = (atMs: number): string =>
    withDate ? `${figures.dayAndMonth(atMs).padStart(6)} ${figures.clock(atMs)}` : figures.clock(atMs);
  const heading = cells("NEWEST", "CUSTOMER", "ACTION", "", "RULE", "BECAUSE", null);
  if (model.newest.length === 0) return [heading, [span(" nothing yet: the first customers are just coming in", "faint")]];
  return [
    heading,
    ...model.newest.slice(0, room).map((each) =>
      cells(
        when(each.atMs),
        each.customerName === null ? each.customer : `${each.customerName} ${each.customer}`,
        each.channel,
        each.template,
        each.rule,
        each.reason ?? "time",
        CHANNEL_STYLES.get(each.channel) ?? "plain",
      ),
    ),
  ];
}

/** The first groups that fit beside each other, at least one. */
function asManyAsFit(groups: readonly Line[], columns: number): Line {
  const line: Span[] = [];
  for (const group of groups) {
    const gap = line.length === 0 ? [] : [span(GAP)];
    if (line.length > 0 && spansWidth(line) + spansWidth(gap) + spansWidth(group) > columns) break;
    line.push(...gap, ...group);
  }
  return line;
}

/** `start` at the left and `end` at the right edge; where both do not fit, `start` alone, a title cut to its first word. */
function spread(start: Line, end: Line, columns: number): Line {
  const between = columns - spansWidth(start) - spansWidth(end);
  if (between >= 1) return [...start, span(" ".repeat(between)), ...end];
  const first = start[0];
  const short = first === undefined ? [] : [first];
  const room = columns - spansWidth(short) - spansWidth(end);
  return start.length <= 2 && room >= 1 ? [...short, span(" ".repeat(room)), ...end] : start;
}

const actionsOf = (model: DemoModel): number => model.rules.reduce((sum, each) => sum + each.actions, 0);

function inspectCommand(model: DemoModel): string {
  const customer = model.newest[0]?.customer ?? "c0001";
  const { program, rules, store } = model.places;
  return `${program} inspect ${clip(customer, 24)} --embedded ${store} --rules ${rules}`;
}

// ---------------------------------------------------------------------------------------------------- plain text

/** What is to be seen, for the head of a log. */
export function renderIntroduction({ places }: DemoModel): string {
  const metrics = places.metrics === null ? "" : `, metrics at ${clip(places.metrics, 400)}`;
  return `The rules in ${clip(places.rules, 400)} at work on made-up customers; log and state in ${clip(places.store, 400)}${metrics}. Ctrl-C ends it.`;
}

/** One line for a log, without colour: what has been reached, and the newest action. */
export function renderLine(model: DemoModel): string {
  const { recentLatency: latency } = model;
  const [newest] = model.newest;
  return plain([
    figures.elapsed(model.elapsedMs),
    new Date(model.simulatedMs).toISOString().slice(0, 16).replace("T", " "),
    `${figures.count(model.events)} events`,
    `${figures.count(model.eventsPerSecond)}/s`,
    latency === null ? "" : `p50 ${figures.latency(latency.p50Ms)}, p99 ${figures.latency(latency.p99Ms)}`,
    `${figures.count(model.customers)} customers`,
    `${figures.count(actionsOf(model))} actions`,
    model.deadLetters === 0 ? "" : `${figures.count(model.deadLetters)} dead letters`,
    newest === undefined ? "" : `newest: ${sentence(newest)}`,
  ]);
}

const plain = (parts: readonly string[]): string => clip(parts.filter((part) => part !== "").join("  "), Infinity);

/** email cart_reminder to Ava c0042 (cart_recovery: cart_updated) */
function sentence(action: ActionShown): string {
  const who = action.customerName === null ? action.customer : `${action.customerName} ${action.customer}`;
  return `${action.channel} ${action.template} to ${who} (${action.rule}: ${action.reason ?? "time"})`;
}

/** What came of it, for the end: figures, segments, rules, the newest actions, where to look next. 80 columns, no colour. */
export function renderSummary(model: DemoModel): string {
  const { latency } = model;
  const seconds = model.elapsedMs / 1000;
  const perSecond = seconds > 0 ? `, ${figures.count(model.events / seconds)} a second` : "";
  const nameWidth = (names: readonly string[]): number => Math.max(16, ...names.map((name) => width(clip(name, 40))));
  const segments = model.segments.filter(({ size, entered }) => size > 0 || entered > 0);
  const rules = byActions(model).filter((each) => each.actions > 0);
  const segmentWidth = nameWidth(segments.map((each) => each.name));
  const ruleWidth = nameWidth(rules.map((each) => each.rule));
  return [
    `${figures.count(model.events)} events of ${figures.count(model.customers)} customers in ${figures.elapsed(model.elapsedMs)}${perSecond}.`,
    `${figures.count(actionsOf(model))} actions, ${figures.count(model.deadLetters)} dead letters; the simulated clock: ${figures.instant(model.simulatedMs)}.`,
    ...(latency === null
      ? []
      : [`From log to commit: p50 ${figures.latency(latency.p50Ms)}, p99 ${figures.latency(latency.p99Ms)}, max ${figures.latency(latency.maxMs)}.`]),
    "",
    `${left("Segments", segmentWidth + 2)}${right("size", 9)}${right("entered", 9)}${right("left", 9)}`,
    ...segments.map(
      (each) =>
        `  ${left(each.name, segmentWidth)}${right(figures.count(each.size), 9)}${right(figures.count(each.entered), 9)}${right(figures.count(each.left), 9)}  ${clip(each.label ?? "", 48)}`,
    ),
    ...others(model.segments.length - segments.length, "without members so far"),
    "",
    `${left("Actions by rule", ruleWidth + 2)}${right("total", 9)}`,
    ...rules.map((each) => `  ${left(each.rule, ruleWidth)}${right(figures.count(each.actions), 9)}`),
    ...others(model.rules.length - rules.length, "without an action so far"),
    "",
    "Newest actions (rule: cause)",
    ...model.newest.slice(0, 8).map((each) => `  ${figures.dayAndMonth(each.atMs)} ${figures.clock(each.atMs)}  ${clip(sentence(each), 120)}`),
    "",
    "Look next",
    ...nextSteps(model),
  ]
    .map((line) => line.trimEnd())
    .join("\n");
}

const others = (count: number, which: string): string[] => (count === 0 ? [] : [`  and ${count} ${which}`]);

function nextSteps(model: DemoModel): string[] {
  const { program, rules, readme, docs, store } = model.places;
  const steps = [
    ["all that is known of one of them:", inspectCommand(model)],
    ["a rule; change it and start again:", `${rules}/shop/cart.eddy`],
    ["is it right?", `${program} check ${rules}`],
    ["with your own events, NATS and Redis:", readme],
    ["how it works inside:", `${docs}/architecture.md`],
  ] as const;
  const until = model.places.storeStays ? "" : " until the next start";
  return [...steps.flatMap(([why, what]) => [`  ${why}`, `    ${clip(what, 400)}`]), "", `Log and state stay in ${clip(store, 400)}${until}.`];
}

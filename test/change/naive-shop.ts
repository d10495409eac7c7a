/**
 * What rules and their edits demand, worked out as plainly as can be: one customer at a time, from the list of all their orders, and
 * with nothing of the engine. Segments are what their conditions say of the whole history, whenever they were declared; what was
 * earned was earned by the lines of its day; rules act on what happens while they are in force.
 */
export const DAY = 86_400_000;

export interface Order {
  readonly k: "placed" | "returned";
  readonly time: number;
  readonly total: number;
  /** The program in force when it came, by its number. */
  readonly stage: number;
}

/** Of the orders of one customer up to some instant. */
export interface Past {
  readonly orders: readonly Order[];
  readonly now: number;
}

export interface Segment {
  readonly enter: (past: Past) => boolean;
  /** Absent: as soon as `enter` does not hold. */
  readonly leave?: (past: Past) => boolean;
  readonly forMs?: number;
  /** Lengths of the windows: something may change so long after an order. */
  readonly windows: readonly number[];
}

export interface Rule {
  readonly name: string;
  readonly on: { readonly k: "placed" | "returned"; readonly from?: number } | { readonly k: "enter"; readonly segment: string };
  readonly cap?: { readonly count: number; readonly ms: number };
  readonly waitMs?: number;
  /** A return ends the run. */
  readonly untilReturned?: boolean;
  /** By which channel; absent: none. */
  readonly channel?: "mail";
  readonly template: string;
  readonly payload?: (order: Order) => object;
}

export interface Stage {
  readonly segments: { readonly [name: string]: Segment };
  /** In the order in which they act. */
  readonly rules: readonly Rule[];
  readonly mailCap: { readonly count: number; readonly ms: number };
  /** Rules that have another name now than in the program before: new by old. */
  readonly renamed?: { readonly [old: string]: string };
  /** Rules of before of which runs end under their old steps. */
  readonly finished?: readonly string[];
}

export interface Told {
  readonly at: number;
  /** `emit thanks`, `mail miss_you`, `entered buyer`, `left buyer`. */
  readonly what: string;
  readonly rule: string;
  readonly data: object;
}

export interface Run {
  readonly rule: string;
  readonly deadline: number;
}

export interface Outcome {
  readonly told: readonly Told[];
  readonly segments: readonly string[];
  readonly runs: readonly Run[];
  /** What became of runs that were under way when rules changed. */
  readonly fates: { readonly kept: number; readonly finished: number; readonly stopped: number };
}

interface UnderWay {
  /** The rule as it was when the run began, and its name now. */
  readonly rule: Rule;
  name: string;
  readonly deadline: number;
  readonly order: Order;
}

/** When somebody comes and goes: by an order (its number), or by time alone. */
interface Turn {
  readonly at: number;
  readonly by: number | null;
  readonly entered: boolean;
}

function turnsOf({ enter, leave, forMs = 0, windows }: Segment, orders: readonly Order[], end: number): Turn[] {
  const turns: Turn[] = [];
  let member = false;
  let since: number | null = null;
  const look = (known: number, now: number, by: number | null): void => {
    const past: Past = { orders: orders.slice(0, known), now };
    const holds = enter(past);
    since = holds ? since ?? now : null;
    const is = member ? (leave === undefined ? holds : !leave(past)) : since !== null && since + forMs <= now;
    if (is !== member) turns.push({ at: now, by, entered: is });
    member = is;
  };
  for (let known = 0; known <= orders.length; known++) {
    const order = orders[known];
    const from = orders[known - 1]?.time ?? -Infinity;
    const until = order?.time ?? end;
    const instants = new Set(orders.slice(0, known).flatMap(({ time }) => windows.map((window) => time + window)).filter((at) => at > from && at <= until));
    for (const at of [...instants].sort((a, b) => a - b)) {
      // A length of time may be over before anything else changes.
      while (since !== null && !member && since + forMs < at && since + forMs > from) look(known, since + forMs, null);
      look(known, at, null);
    }
    while (since !== null && !member && since + forMs <= until) look(known, Math.max(since + forMs, from), null);
    if (order !== undefined) look(known + 1, order.time, known);
  }
  return turns;
}

/** `switches`: the instant at which each program but the first came into force, where this customer lives. `end`: how far the clock has come. */
export function live(stages: readonly Stage[], orders: readonly Order[], switches: readonly number[], end: number): Outcome {
  const told: Told[] = [];
  const turns = stages.map(({ segments }) => new Map(Object.entries(segments).map(([name, segment]) => [name, turnsOf(segment, orders, end)])));
  let members = new Set<string>();
  let runs: UnderWay[] = [];
  const starts = new Map<string, number[]>();
  const sent: number[] = [];
  const fates = { kept: 0, finished: 0, stopped: 0 };
  let stage = 0;
  let now = -Infinity;
  const present = (): Stage => stages[stage] as Stage;

  const act = ({ channel, template, payload }: Rule, name: string, order: Order, at: number): void => {
    if (channel === "mail") {
      const { count, ms } = present().mailCap;
      if (sent.filter((time) => time + ms > at).length >= count) return;
      sent.push(at);
    }
    told.push({ at, what: `${channel ?? "emit"} ${template}`, rule: name, data: payload?.(order) ?? {} });
  };
  const startAll = (turned: readonly string[], order: Order | null, at: number): void => {
    for (const rule of present().rules) {
      const starter = rule.on.k === "enter" ? turned.includes(rule.on.segment) : order !== null && order.k === rule.on.k && order.total >= (rule.on.from ?? 0);
      if (!starter || runs.some(({ name, rule: of }) => name === rule.name && present().rules.includes(of))) continue;
      const times = starts.get(rule.name) ?? [];
      if (rule.cap !== undefined && times.filter((time) => time + (rule.cap?.ms ?? 0) > at).length >= rule.cap.count) continue;
      starts.set(rule.name, [...times, at]);
      const from: Order = order ?? { k: "placed", time: at, total: 0, stage };
      if (rule.waitMs === undefined) act(rule, rule.name, from, at);
      else runs.push({ rule, name: rule.name, deadline: at + rule.waitMs, order: from });
    }
  };
  const turnAll = (at: number, by: number | null): string[] => [...(turns[stage] ?? [])].flatMap(([name, list]) => list.flatMap((turn) => {
    if (turn.at !== at || turn.by !== by) return [];
    told.push({ at, what: `${turn.entered ? "entered" : "left"} ${name}`, rule: "", data: {} });
    if (turn.entered) members.add(name);
    else members.delete(name);
    return turn.entered ? [name] : [];
  }));
  const priority = ({ name }: UnderWay): number => present().rules.findIndex((rule) => rule.name === name);
  const passTo = (to: number): void => {
    for (;;) {
      const instants = [...(turns[stage] ?? [])].flatMap(([, list]) => list.flatMap(({ at, by }) => (by === null && at > now && at <= to ? [at] : [])));
      const at = Math.min(...instants, ...runs.map(({ deadline }) => deadline));
      if (at > to || at === Infinity) break;
      const due = runs.filter(({ deadline }) => deadline <= at).sort((a, b) => priority(a) - priority(b));
      const turned = turnAll(at, null);
      runs = runs.filter((run) => !due.includes(run));
      for (const run of due) act(run.rule, run.name, run.order, at);
      startAll(turned, null, at);
      now = at;
    }
    now = Math.max(now, to);
  };
  const switchTo = (next: number, at: number): void => {
    const { renamed = {}, finished = [], rules } = stages[next] as Stage;
    const last = orders.findLastIndex((order) => order.stage < next);
    runs = runs.flatMap((run): UnderWay[] => {
      const name = renamed[run.name] ?? run.name;
      const same = rules.find((rule) => rule.name === name && rule.waitMs === run.rule.waitMs);
      const isFinished = finished.includes(run.name) || !present().rules.includes(run.rule);
      fates[same !== undefined ? "kept" : isFinished ? "finished" : "stopped"]++;
      return same !== undefined ? [{ ...run, rule: same, name }] : isFinished ? [run] : [];
    });
    for (const [old, name] of Object.entries(renamed)) {
      const times = starts.get(old);
      starts.delete(old);
      if (times !== undefined) starts.set(name, times);
    }
    stage = next;
    const is = new Set<string>();
    for (const [name, list] of turns[next] ?? []) {
      const turn = list.findLast(({ at: when, by }) => (by === null ? when <= at : by <= last));
      if (turn?.entered === true) is.add(name);
    }
    for (const name of members) if (!is.has(name)) told.push({ at, what: `left ${name}`, rule: "", data: {} });
    for (const name of is) if (!members.has(name)) told.push({ at, what: `entered ${name}`, rule: "", data: {} });
    members = is;
    now = Math.max(now, at);
  };

  orders.forEach((order, i) => {
    while (stage < order.stage) {
      passTo(switches[stage] as number);
      switchTo(stage + 1, switches[stage] as number);
    }
    passTo(order.time);
    const ended = order.k === "returned" ? runs.filter(({ rule }) => rule.untilReturned === true) : [];
    runs = runs.filter((run) => !ended.includes(run));
    startAll(turnAll(order.time, i), order, order.time);
  });
  while (stage < stages.length - 1) {
    passTo(switches[stage] as number);
    switchTo(stage + 1, switches[stage] as number);
  }
  passTo(end);
  return { told, fates, segments: [...members].sort(), runs: runs.map(({ name, deadline }) => ({ rule: name, deadline })).sort((a, b) => a.deadline - b.deadline || (a.rule < b.rule ? -1 : 1)) };
}

// ---------------------------------------------------------------------------------------------------- what conditions say

const within = ({ orders, now }: Past, k: Order["k"], ms: number): readonly Order[] => orders.filter((order) => order.k === k && order.time + ms > now);
const pence = (orders: readonly Order[]): number => orders.reduce((sum, { total }) => sum + Math.round(total * 100), 0);

export const counted = (past: Past, k: Order["k"], ms = Infinity): number => within(past, k, ms).length;
export const spent = (past: Past, ms = Infinity): number => pence(within(past, "placed", ms)) / 100;
export const silentFor = ({ orders, now }: Past, ms: number): boolean => orders.filter(({ k }) => k === "placed").every(({ time }) => time + ms <= now);

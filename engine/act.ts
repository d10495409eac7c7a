/**
 * The steps of a run: it acts until it waits or ends, and sees its own effects. What it causes in others is left to the
 * next round (engine/evaluate.ts).
 *
 * A run that waits stands behind the operation at which it waits (`run.at`), with the instant at which the wait is over
 * (`run.deadline`). One whose message is held stands behind the `send`; there the deadline is when to ask the channel
 * again.
 */
import { HOLDOUT, type Length, type Value } from "../dsl/program.js";
import type { Compiled, CompiledRule } from "./compile/compiled.js";
import type { Op } from "./compile/steps.js";
import { extrasOf, type Context, type Data, type Run } from "./customer.js";
import { actionId, changeProfile, concerning, enterRun, settleNow, type Evaluator, type Hold, type Recent } from "./evaluator.js";
import { expose } from "./experiments.js";
import { credit, take } from "./points.js";
import { countSent, judge, quietUntil, type Judgement } from "./policies.js";
import { nextClock } from "./schedules.js";
import { NEVER_FROM_MS, lower } from "./settle.js";
import { addMonths } from "./zone.js";

type SendOp = Extract<Op, { readonly k: "send" }>;

/** Lets a run act until it waits (true) or ends (false). */
export function act(e: Evaluator, run: Run): boolean {
  const { x } = e;
  const rule = e.compiled.rules[run.rule] as CompiledRule;
  enterRun(x, run);
  for (;;) {
    const op = rule.ops[run.at];
    if (op === undefined) return false;
    run.at++;
    switch (op.k) {
      case "wait": {
        const ms = op.for(x);
        if (typeof ms === "number" && ms > 0) return waitUntil(e, run, x.now + Math.ceil(ms));
        break;
      }
      case "waitClock": return waitUntil(e, run, nextClock(x.zone, x.now, op.at, op.weekday));
      case "waitTime": {
        const until = op.until(x);
        if (typeof until === "number" && until > x.now) return waitUntil(e, run, until);
        break;
      }
      case "waitFor":
        recentOf(e, run).waiting = e.flips.length;
        return waitUntil(e, run, endOf(op.within, x));
      case "branch": {
        const holds = op.if(x);
        e.sink.went?.(rule.name, op.key, holds ? "then" : "else");
        if (!holds) run.at = op.otherwise;
        break;
      }
      case "jump": run.at = op.to; break;
      case "stop": return false;
      case "set":
        changeProfile(e, withField(x.customer.profile, op.path, op.value(x) ?? null));
        hasChanged(e);
        break;
      case "award":
        credit(e.compiled, e.agenda, x, op.points, op.amount(x), x.now);
        hasChanged(e);
        break;
      case "take": {
        const taken = take(e.compiled, e.agenda, x, op.points, op.amount(x));
        e.sink.went?.(rule.name, op.key, taken ? "then" : "else");
        if (taken) hasChanged(e);
        else run.at = op.otherwise;
        break;
      }
      case "split": {
        const variant = expose(e.compiled, x, op.experiment, e.sink);
        e.sink.went?.(rule.name, op.key, variant);
        if (variant === HOLDOUT) return false;
        run.at = op.targets.get(variant) ?? op.otherwise;
        break;
      }
      case "emit": perform(e, run, rule, null, op.name, op.payload?.(x), op.key); break;
      case "send": if (send(e, run, rule, op)) return true; break;
    }
  }
}

function waitUntil(e: Evaluator, run: Run, instant: number): true {
  standUntil(e.x, run, instant);
  e.trace?.({ k: "waits", rule: run.rule, per: run.key, op: run.at - 1, until: run.deadline });
  return true;
}

function standUntil(x: Context, run: Run, instant: number): void {
  const whole = Math.ceil(instant);
  run.deadline = whole < NEVER_FROM_MS ? whole : Infinity;
  lower(x.customer, run.deadline);
}

function endOf(within: Length, { zone, now }: Context): number {
  return within.months > 0 ? addMonths(zone, now, within.months) : now + within.ms;
}

/** The run's entry among those of this round. */
function recentOf(e: Evaluator, run: Run): Recent {
  let recent = e.recent.find((each) => each.run === run);
  if (recent === undefined) e.recent.push((recent = { run, started: 0, waiting: 0 }));
  return recent;
}

function hasChanged(e: Evaluator): void {
  e.changed = true;
  settleNow(e);
}

function perform(e: Evaluator, run: Run, rule: CompiledRule, channel: string | null, template: string, payload: Value | undefined, key: string): void {
  const { x } = e;
  e.sink.action({
    customer: x.customer.id, at: x.now, rule: rule.name, cause: e.cause, channel, template, payload,
    id: actionId(x.customer.id, rule.name, run, key),
  });
}

/** A copy of a record with one field, however deep, set; null removes it. */
function withField(record: Data, path: readonly string[], value: Value): Data {
  const [name, ...rest] = path as [string, ...string[]];
  const copy: Data = { ...record };
  if (rest.length > 0) copy[name] = withField((Object.hasOwn(record, name) ? (record[name] as Data | null) : null) ?? {}, rest, value) as Value;
  else if (value === null) delete copy[name];
  else copy[name] = value;
  return copy;
}

// ---------------------------------------------------------------------------------------------------- messages

const channelName = (compiled: Compiled, channel: number): string => compiled.channels[channel]?.name ?? "";

function messageOf(e: Evaluator, run: Run, rule: CompiledRule, op: SendOp): Hold {
  const { id } = e.x.customer;
  return concerning(e, rule.name, channelName(e.compiled, op.channel), op.template, () => actionId(id, rule.name, run, op.key));
}

/** Whether the message is held. */
function send(e: Evaluator, run: Run, rule: CompiledRule, op: SendOp): boolean {
  const { x } = e;
  const judgement = judge(e.compiled, x, op.channel, op.urgent);
  switch (judgement.k) {
    case "send":
      deliver(e, run, rule, op, op.payload?.(x));
      return false;
    case "hold":
      run.held = { since: x.now, order: extrasOf(x.customer).nextHeld++, payload: op.payload?.(x) ?? null };
      holdUntil(x, run, judgement.until);
      e.trace?.({ k: "held", rule: rule.index, per: run.key, op: run.at - 1, judgement });
      e.sink.held(messageOf(e, run, rule, op));
      return true;
    default:
      suppress(e, run, rule, op, judgement);
      return false;
  }
}

function holdUntil(x: Context, run: Run, until: number): void {
  // A channel that is quiet now is so for this very ms at least: whoever asks again does so later.
  standUntil(x, run, Math.max(until, x.now + 1));
}

function deliver(e: Evaluator, run: Run, rule: CompiledRule, op: SendOp, payload: Value | undefined): void {
  perform(e, run, rule, channelName(e.compiled, op.channel), op.template, payload, op.key);
  countSent(e.compiled, e.x, op.channel);
}

function suppress(e: Evaluator, run: Run, rule: CompiledRule, op: SendOp, judgement: Extract<Judgement, { readonly k: "consent" | "cap" }>): void {
  e.sink.suppressed({ ...messageOf(e, run, rule, op), reason: judgement.k });
  e.trace?.({ k: "suppressed", rule: rule.index, per: run.key, op: run.at - 1, judgement });
}

/**
 * Asks the channel again about the message of a run, from the start once it is no longer quiet: until then consent is not
 * looked at, it may come back. Whether the message is held no more: the run may go on.
 */
export function release(e: Evaluator, run: Run): boolean {
  const { x, compiled } = e;
  const { held } = run;
  const rule = compiled.rules[run.rule] as CompiledRule;
  const op = rule.ops[run.at - 1];
  if (held === null || op?.k !== "send") return true;
  const until = quietUntil(compiled, x, op.channel);
  if (until !== null) {
    holdUntil(x, run, until);
    return false;
  }
  run.held = null;
  const judgement = judge(compiled, x, op.channel, op.urgent);
  if (judgement.k === "send") deliver(e, run, rule, op, held.payload ?? undefined);
  else if (judgement.k !== "hold") suppress(e, run, rule, op, judgement);
  return true;
}

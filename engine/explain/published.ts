/**
 * What was really done for a customer, as the partition's output log still tells it: a history that replays records under
 * today's rules is held against it.
 */
import type { Compiled } from "../compile/compiled.js";
import { layoutNumber, layoutOf } from "../state.js";
import type { Began, Meta } from "../meta.js";
import type { Output, OutputLog, StateStore } from "../ports.js";

/** How far back in the partition's outputs the customer's actions are looked for. */
const OUTPUTS_LOOKED_THROUGH = 5_000;

/** One action of the customer as it went out. */
export interface PublishedAction {
  readonly id: string;
  readonly at: number;
  /** `email.welcome`, `emit.found`. */
  readonly type: string;
  readonly rule: string;
  readonly cause: string;
  readonly data: unknown;
}

export interface Published {
  /** Oldest first. */
  readonly actions: readonly PublishedAction[];
  /** Later actions are all among them; -Infinity: the log holds the partition's outputs from the first on. */
  readonly after: number;
  /** Up to when the partition had come: what is due later has not been done by anybody. */
  readonly upTo: number;
}

/** Since when the program runs that is asked about. */
export interface Reign {
  /** False: no engine has run it on this store, or another program ran after it. */
  readonly runs: boolean;
  /** How far others had come when it took over; null: nobody knows. */
  readonly began: Began | null;
}

export const reignOf = (meta: Meta, hash: string): Reign =>
  meta.program === hash ? { runs: true, began: meta.began } : { runs: false, began: { offset: meta.offset, clock: meta.clock } };

/** Whether the customer's bytes were written under other rules. The parts that an explanation has added are no rules. */
export function isOfOthers({ layouts }: Meta, state: Uint8Array, compiled: Compiled): boolean {
  const { watches, ...own } = layoutOf(compiled);
  const { watches: theirs, ...other } = layouts.get(layoutNumber(state)) ?? {};
  return JSON.stringify([other, theirs]) !== JSON.stringify([own, watches?.filter((key) => key !== "")]);
}

/** `upTo`: the partition's clock, read before the outputs are. */
export async function publishedOf(ports: { readonly outputs: OutputLog; readonly store: StateStore }, partition: number, customer: string, upTo: number): Promise<Published> {
  const last = await ports.outputs.last(partition);
  const wanted = Math.max(1, last - OUTPUTS_LOOKED_THROUGH + 1);
  const there = last === 0 ? [] : await ports.outputs.read(partition, wanted, last);
  // Committed, and on its way into the log.
  const outputs = [...there, ...(await ports.store.outbox(partition, last + 1, OUTPUTS_LOOKED_THROUGH))];
  const first = outputs[0];
  return { actions: outputs.flatMap((output) => actionOf(output, customer)), after: first === undefined ? (last === 0 ? -Infinity : Infinity) : first.number === 1 ? -Infinity : timeOf(first), upTo };
}

interface Body {
  readonly id: string;
  readonly time: string;
  readonly type: string;
  readonly subject?: string;
  readonly rule: string;
  readonly cause: string;
  readonly data: unknown;
}

function actionOf({ subject, body }: Output, customer: string): readonly PublishedAction[] {
  if (!subject.startsWith("actions.")) return [];
  const { id, time, type, rule, cause, data, subject: whom } = JSON.parse(body) as Body;
  return whom === customer ? [{ id, at: Date.parse(time), type, rule, cause, data }] : [];
}

const timeOf = ({ body }: Output): number => Date.parse((JSON.parse(body) as Body).time);

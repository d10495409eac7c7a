/**
 * What one program says while it takes the same work as another: kept until both have taken it, then compared
 * (engine/shadow/difference.ts).
 */
import type { Value } from "../../dsl/program.js";
import type { Compiled } from "../compile/compiled.js";
import { SILENT, type Sink } from "../evaluate.js";
import type { SuppressionReason } from "../stats.js";

/** A message by the place from which it comes: the same in two programs where rule, channel and template have kept their names. */
export interface Place {
  readonly customer: string;
  readonly at: number;
  readonly rule: string;
  /** Null: an `emit`. */
  readonly channel: string | null;
  readonly template: string;
}

export interface Sent extends Place {
  readonly k: "sent";
  /** The event's id, or `time`. */
  readonly cause: string;
  readonly payload: Value;
  readonly id: string;
}

/** What became of a message that did not go out then. */
export type NotSent = SuppressionReason | "held";

export interface Unsent extends Place {
  readonly k: "unsent";
  readonly why: NotSent;
  /** Null: not known any more. */
  readonly id: string | null;
}

export interface Turned {
  readonly customer: string;
  readonly at: number;
  readonly segment: string;
  readonly entered: boolean;
}

export interface Said {
  readonly messages: (Sent | Unsent)[];
  readonly turns: Turned[];
  /** Rules that have started. */
  readonly started: string[];
}

export const saidNothing = (): Said => ({ messages: [], turns: [], started: [] });

export function forget({ messages, turns, started }: Said): void {
  if (messages.length > 0) messages.length = 0;
  if (turns.length > 0) turns.length = 0;
  if (started.length > 0) started.length = 0;
}

/** Writes down what it is told: into what `into` answers at that moment. */
export function recorder({ program }: Compiled, into: () => Said): Sink {
  return {
    ...SILENT,
    action({ customer, at, rule, cause, channel, template, payload, id }) {
      into().messages.push({ k: "sent", customer, at, rule, cause, channel, template, payload: payload ?? null, id });
    },
    held({ customer, at, rule, channel, template, id }) {
      into().messages.push({ k: "unsent", why: "held", customer, at, rule, channel, template, id: id?.() ?? null });
    },
    suppressed({ customer, at, rule, channel, template, reason, id }) {
      into().messages.push({ k: "unsent", why: reason, customer, at, rule, channel, template, id: id?.() ?? null });
    },
    change({ customer, at, segment, entered }) {
      into().turns.push({ customer, at, segment: (program.segments[segment] as { name: string }).name, entered });
    },
    started(rule) { into().started.push(rule); },
  };
}

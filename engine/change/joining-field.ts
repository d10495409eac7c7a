/**
 * The partition's field `joining`: the rules have changed, and not every customer has been joined with what is new in them
 * (join.ts). It is there from the first commit under the new program to the one with which all are joined.
 *
 * There is no place in the store at which the work goes on: cursors do not outlive a store that restarts, and who has been joined
 * is known by the layout of their state.
 */
import { MetaCorrupt, type Meta } from "../meta.js";
import type { MetaFields } from "../ports.js";

/** `filled`: first those of whom the filled states know; then all others. `clearing`: all are joined, the filled states are removed. */
export type JoiningPhase = "filled" | "live" | "clearing";

export interface JoiningField {
  /** Names the change of rules: part of the identities of what is announced. */
  readonly change: string;
  /** The instant of the switch, on the partition's clock. */
  readonly at: number;
  /** Sequence of the last record before the switch. */
  readonly behind: number;
  /** States of this layout, and of later ones, have been joined. */
  readonly layout: number;
  /** There are states that the new program made of the whole history. */
  readonly filled: boolean;
  readonly phase: JoiningPhase;
}

export const JOINING_FIELD = "joining";

/** Null ends it. */
export function joiningField(of: JoiningField | null): MetaFields {
  return { [JOINING_FIELD]: of === null ? "" : JSON.stringify([of.change, of.at, of.layout, of.filled, of.phase, of.behind]) };
}

/** Null: everybody has been joined. */
export function readJoining(fields: MetaFields): JoiningField | null {
  const text = fields[JOINING_FIELD];
  if (text === undefined) return null;
  const [change, at, layout, filled, phase, behind] = parsed(text);
  if (typeof change !== "string" || typeof at !== "number" || typeof layout !== "number" || typeof behind !== "number" || typeof filled !== "boolean" || !isPhase(phase)) {
    throw new MetaCorrupt(`the partition's field "${JOINING_FIELD}" is ${JSON.stringify(text)}, which says nothing of a change of rules`);
  }
  return { change, at, layout, filled, phase, behind };
}

function parsed(text: string): unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? (value as unknown[]) : [];
  } catch {
    return [];
  }
}

const isPhase = (phase: unknown): phase is JoiningPhase => phase === "filled" || phase === "live" || phase === "clearing";

/** Whether there may be customers who have not been joined. */
export const isUnjoined = (joining: { readonly field: JoiningField } | null): boolean => joining !== null && joining.field.phase !== "clearing";

/** How a partition came to run a program that is not the one that ran last. */
export interface Switched {
  readonly change: string;
  /** The partition's clock at the place of the switch. */
  readonly clock: number;
  readonly fill: boolean;
}

/** What is to be joined where the partition is opened; null: nothing. `joins` and `present` of its layouts. */
export function planJoining(meta: Pick<Meta, "program" | "offset" | "clock" | "fields">, { joins, present }: { readonly joins: boolean; readonly present: number }, hash: string, switched: Switched | null): JoiningField | null {
  if (!joins) return meta.program === hash ? readJoining(meta.fields) : null;
  const filled = switched?.fill ?? false;
  return {
    change: switched?.change ?? `${meta.program}/${hash}/${meta.offset}`, at: Math.max(meta.clock, switched?.clock ?? 0), layout: present, filled, behind: meta.offset,
    phase: filled ? "filled" : "live",
  };
}

/** Slots of aggregates, filled through the aggregates themselves. */
import type { Aggregate, Program, Type } from "../../dsl/program.js";
import type { KeyedSlot } from "../aggregates/keyed.js";
import type { Frame } from "../aggregates/kind.js";
import { kindOf, type Slot } from "../aggregates/kinds.js";
import { writer } from "../codec.js";
import { spanOf } from "../compile/compiled.js";
import type { Customer, Scalar } from "../customer.js";
import { UTC } from "../zone.js";
import { arrivals, KEYS, lengthOf, LOADS, NOW, type Which, YEAR_MS } from "./assumptions.js";
import { sample } from "./samples.js";

export type SlotFor = (aggregate: number, which: Which) => Slot;

export function addSlot(holder: Pick<Customer, "slotIds" | "slots">, aggregate: number, slot: Slot): void {
  holder.slotIds.push(aggregate);
  holder.slots.push(slot);
}

/** Aggregates of one form over values of one type fill alike: filled once. */
export function slotTable(program: Program): SlotFor {
  const known = new Map<string, Slot>();
  return (index, which) => {
    const aggregate = program.aggregates[index] as Aggregate;
    const form = JSON.stringify([which, aggregate.fn, aggregate.window, aggregate.limit, aggregate.value?.type, aggregate.by?.type]);
    const slot = known.get(form) ?? filled(aggregate, which);
    known.set(form, slot);
    return slot;
  };
}

function filled(aggregate: Aggregate, which: Which): Slot {
  if (aggregate.by === null) return filledSlot(aggregate, which);
  const { type } = aggregate.by;
  const one = filledSlot(aggregate, which);
  const keys = new Set(Array.from({ length: KEYS[which] }, (_, i) => sample(type, LOADS[which], i) as Scalar));
  const keyed: KeyedSlot = { keys: [...keys], slots: [...keys].map(() => one) };
  return keyed;
}

function filledSlot(aggregate: Aggregate, which: Which): Slot {
  const slot = passed(aggregate, which, (i) => i);
  if (which === "typical") return slot;
  // `min` and `max`, `first` and `last` keep most in opposite orders.
  const other = passed(aggregate, which, (i, count) => count - 1 - i);
  return bytesOf(aggregate, other) > bytesOf(aggregate, slot) ? other : slot;
}

function bytesOf({ fn }: Aggregate, slot: Slot): number {
  const w = writer(4096);
  kindOf(fn).codec.write(w, slot, NOW - YEAR_MS);
  return w.at;
}

/** The slot after the events of the assumption have passed through it; `order`: which value each of them brings. */
function passed(aggregate: Aggregate, which: Which, order: (i: number, count: number) => number): Slot {
  const kind = kindOf(aggregate.fn);
  const slot = kind.empty();
  const span = spanOf(aggregate);
  const frame: Frame = { now: NOW, zone: UTC, firstSeen: NOW - YEAR_MS, overflows: 0 };
  const type: Type = aggregate.value?.type ?? { k: "null" };
  arrivals(lengthOf(aggregate.window), which).forEach((t, i, { length }) => {
    frame.now = t;
    kind.add(slot, t, sample(type, LOADS[which], order(i, length)), span, frame, aggregate.limit ?? 0);
  });
  frame.now = NOW;
  kind.value(slot, span, frame); // lets go what has left
  return slot;
}

/**
 * An aggregate that is kept for each value of a field (`category == event.category`): one slot a value, at most
 * MAX_KEYS of them. When there are more, the value for which nothing came longest is forgotten.
 */
import { readUint, readValue, writeUint, writeValue } from "../codec.js";
import type { Scalar } from "../customer.js";
import type { Frame, Kind, Span } from "./kind.js";
import type { Slot } from "./kinds.js";
import { isLong, told } from "./told.js";
import type { Value } from "../../dsl/program.js";

/** Most values of the field that are kept for a customer. */
export const MAX_KEYS = 256;

export interface KeyedSlot {
  /** The value for which something came last stands last. */
  readonly keys: Scalar[];
  readonly slots: Slot[];
}

export const emptyKeyed = (): KeyedSlot => ({ keys: [], slots: [] });

/** A row enters under `key`; answers whether anything changed. */
export function addKeyed(kind: Kind<Slot>, of: KeyedSlot, key: Scalar, t: number, value: Value, span: Span, frame: Frame, limit: number): boolean {
  const { keys, slots } = of;
  const at = placeOfKey(of, key);
  const slot = at < 0 ? kind.empty() : (slots[at] as Slot);
  const changed = kind.add(slot, t, value, span, frame, limit);
  if (at < 0 && !changed) return false; // it came too late for its window
  if (at < 0 || at < keys.length - 1) {
    if (at >= 0) {
      keys.splice(at, 1);
      slots.splice(at, 1);
    }
    keys.push(told(key));
    slots.push(slot);
  }
  if (keys.length > MAX_KEYS) {
    keys.shift();
    slots.shift();
    frame.overflows++;
  }
  return changed;
}

/**
 * Another customer's events enter as well. For which value something came last is not known over both: values that only the
 * other one has count as the older.
 */
export function joinKeyed(kind: Kind<Slot>, of: KeyedSlot, other: KeyedSlot, span: Span, frame: Frame, limit: number): void {
  const added = emptyKeyed();
  other.keys.forEach((key, i) => {
    const at = placeOfKey(of, key);
    if (at >= 0) kind.join(of.slots[at] as Slot, other.slots[i] as Slot, span, frame, limit);
    else {
      added.keys.push(key);
      added.slots.push(other.slots[i] as Slot);
    }
  });
  const surplus = Math.max(0, added.keys.length + of.keys.length - MAX_KEYS);
  of.keys.unshift(...added.keys.slice(surplus));
  of.slots.unshift(...added.slots.slice(surplus));
  frame.overflows += surplus;
}

/** A key may be long, and is then kept as what tells it from others; states from before that hold it as it is. */
function placeOfKey({ keys }: KeyedSlot, key: Scalar): number {
  const at = keys.lastIndexOf(key);
  return at < 0 && isLong(key) ? keys.lastIndexOf(told(key)) : at;
}

/** The slot of one value of the field; of null there is none. */
export function slotOfKey(of: KeyedSlot | undefined, key: Value | undefined): Slot | undefined {
  if (of === undefined || key == null) return undefined;
  const at = placeOfKey(of, key as Scalar);
  return at < 0 ? undefined : of.slots[at];
}

/** How slots of an aggregate become bytes; `keyed`: one for each value of a field. */
export function codecOf({ codec }: Kind<Slot>, keyed: boolean): Kind<Slot>["codec"] {
  if (!keyed) return codec;
  const keyedCodec: Kind<KeyedSlot>["codec"] = {
    write(w, of, base) {
      writeUint(w, of.keys.length);
      of.keys.forEach((key, i) => {
        writeValue(w, key);
        codec.write(w, of.slots[i] as Slot, base);
      });
    },
    read(r, base) {
      const of = emptyKeyed();
      for (let left = readUint(r); left > 0; left--) {
        of.keys.push(readValue(r) as Scalar);
        of.slots.push(codec.read(r, base));
      }
      return of;
    },
  };
  // Slots of all kinds are the same to who keeps them.
  return keyedCodec as unknown as Kind<Slot>["codec"];
}

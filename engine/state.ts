/**
 * A customer as bytes, and back: what the bytes mean. state-write.ts writes them, state-read.ts reads them all at once,
 * state-packed.ts part by part.
 *
 * Bytes refer to aggregates, segments, rules and steps by small numbers of a *layout*: the list of their keys and names
 * as the program had them when the bytes were written. Layouts are kept with the partition (engine/meta.ts), so that a
 * state written under an older program still finds its way: by key, never by position. What the present program no
 * longer has is dropped when the state is read.
 *
 * Form (since version 3): version, layout, base, firstSeen, wake, index, zone, seen, segments, holdings, starts; then what may
 * stay in bytes until it is asked for: each slot, profile, runs, extras (engine/state-extras.ts); then the trailer: how many
 * slots, the aggregate and the length of each, the lengths of profile, runs and extras (0: none), and in the last three
 * bytes the length of the trailer up to there, lowest byte first. So a part that has not changed is copied as it is.
 * Instants count from the base, which never changes.
 *
 * Version 4 has one section more among the extras: who was joined into the customer. A customer who was joined into another
 * is nothing but a note (first byte 240) of whom.
 *
 * Versions 1 and 2 are read too: all in one stretch, instants counted from firstSeen; version 1 had no extras, and its runs
 * only waited for a time. A newer version than is known here is refused (StateTooNew).
 */
export { STATE_VERSION, StateTooNew, haveSameRules, isSameLayout, lastKeysOf, layoutNumber, layoutOf, translation, type Layout, type Translation } from "./state-layout.js";
export { readCustomer, unpackCustomer } from "./state-read.js";
export { writeCustomer, writeForgotten } from "./state-write.js";

/**
 * Joining customers, as one partition sees it: a customer is identified and asks for the anonymous one (`identified`); the
 * anonymous one is asked, packs up and leaves a note (`onJoin`); the known one takes what comes, and only now the event that
 * identified them happens (`onJoined`). What comes for who is a note is said on to whom they were joined into (`sayOn`).
 *
 * No cycle can come about. A customer who has asked for others keeps a join into somebody else waiting until all that they
 * asked for *before* it (by the sequence of the record that identified) is answered; what they asked for later, they take
 * with them. So waits go from later to earlier and end; and whoever is asked last in a ring of joins finds that they are
 * asked to be joined into themselves, which is nothing.
 */
import { StateCorrupt } from "../codec.js";
import type { Compiled } from "../compile/compiled.js";
import { extrasOf, isKept, type Customer, type Data } from "../customer.js";
import { processEvent, processMove, type Evaluator, type Incoming } from "../evaluate.js";
import { isKnown } from "../erasure.js";
import { BAD, lastFault } from "../schema.js";
import { StateTooNew } from "../state.js";
import type { DeadReason } from "../stats.js";
import { checked } from "./checked.js";
import { noteJoined } from "./customer.js";
import { packState, unpackState } from "./pack.js";
import { wordType, type SaidEvent, type Saying, type Word } from "./word.js";
import { answer, ask, asksBefore, hears, putOff, say, takeAsked, takeWaiting, type JoinWord, type Words } from "./words.js";

/** What joining needs of the partition. */
export interface Place {
  readonly compiled: Compiled;
  readonly evaluator: Evaluator;
  readonly words: Words;
  readonly clock: number;
  readonly causeSequence: number;
  /** The customer is going to change. */
  touch(customer: Customer): void;
  /** The customer has changed. */
  changed(customer: Customer): void;
  /** Before anything happens to the customer. */
  current(customer: Customer): void;
  /** Runs what evaluates the customer. */
  evaluate(customer: Customer, what: () => void): void;
  /** An event happens to the customer, as if it had come for them. `hops`: so often it was said on. */
  happen(customer: Customer, event: Incoming, sent: SaidEvent, from: string, hops: number): void;
  /** Whether the event was seen; it is from now on. */
  seen(customer: Customer, source: string, id: string): boolean;
  bury(reason: DeadReason, detail: string, type: string, customer: string, event: SaidEvent): void;
  counted(type: string, outcome: "processed" | "duplicate" | "unmentioned"): void;
  /** What was said is part of what the next commit weighs. */
  weighs(characters: number): void;
  /** Whether an event of that own time, in the log at that sequence, is of before the customer's erasure. */
  isErased(customer: string, sequence: number, time: number): boolean;
  /** The own time of the customer's last erasure on request; null: none is known. */
  erasedAt(customer: string): number | null;
  /** Somebody who was joined into a customer was erased with them, at that own time. */
  erased(customer: string, at: number): void;
}

/** So often an event is said on. */
export const MAX_HOPS = 16;

const tell = (p: Place, customer: string, saying: Saying): boolean => {
  const weight = say(p.words, p.causeSequence, p.clock, customer, saying);
  if (weight !== null) p.weighs(weight);
  return weight !== null;
};

const saidEvent = ({ plan, id, source, time }: Incoming, raw: unknown): SaidEvent => ({ type: plan.wire, id, source, time, data: raw });

// ---------------------------------------------------------------------------------------------------- an event comes

/** The event says that the customer is the same as another: that one is asked. False: there is nobody to be asked, and the event is one like others. */
export function identified(p: Place, customer: Customer, event: Incoming, raw: unknown): boolean {
  const who = anonymousOf(event.data);
  if (who === null || who === customer.id) return false;
  const origin = p.causeSequence;
  const said = saidEvent(event, raw);
  if (!tell(p, who, { k: "join", into: customer.id, origin, event: said })) {
    p.bury("too_large", "the event is too large to be handed to another customer: nobody was joined", event.plan.wire, customer.id, said);
    return false;
  }
  ask(p.words, customer.id, { who, origin });
  return true;
}

export function anonymousOf(data: Data): string | null {
  const id = data["anonymous_id"];
  return typeof id === "string" && id !== "" ? id : null;
}

/** The event has come for somebody who was joined into another. */
export function sayOn(p: Place, note: Customer, event: Incoming, raw: unknown, from: string, hops: number): void {
  const to = note.movedTo as string;
  const said = saidEvent(event, raw);
  if (hops >= MAX_HOPS) {
    p.bury("not_an_event", `it was said on ${hops} times, from one customer who was joined into another to the next, and has not arrived`, event.plan.wire, note.id, said);
    return;
  }
  if (!tell(p, to, { k: "forwarded", from, hops: hops + 1, event: said })) {
    p.bury("too_large", `the event is too large to be handed to ${JSON.stringify(to)}, whom its customer was joined into`, event.plan.wire, note.id, said);
    return;
  }
  // Next time it need not come by here.
  if (from !== note.id) tell(p, from, { k: "moved", to });
}

// ---------------------------------------------------------------------------------------------------- a word comes

export function hear(p: Place, customer: Customer, word: Word): void {
  const type = wordType(word.saying.k);
  if (!hears(p.words, word)) return p.counted(type, "duplicate");
  p.counted(type, "processed");
  const { saying } = word;
  switch (saying.k) {
    case "join":
      onJoin(p, customer, { ...word, saying });
      return goOn(p, customer);
    case "joined":
      onJoined(p, customer, saying);
      return goOn(p, customer);
    case "forwarded": return onForwarded(p, customer, saying);
    case "moved":
      if (customer.movedTo === null || saying.to === customer.id) return;
      p.touch(customer);
      customer.movedTo = saying.to;
      return;
    case "released":
      if (customer.movedTo === null) return;
      p.touch(customer);
      customer.movedTo = null;
      if (saying.erased !== null) p.erased(customer.id, saying.erased);
      return;
  }
}

function onForwarded(p: Place, customer: Customer, { from, hops, event: said }: Extract<Saying, { k: "forwarded" }>): void {
  const event = understood(p, customer, said);
  if (event !== null) p.happen(customer, event, said, from, hops);
}

/** The event as the present program takes it; null: it does not. */
function understood(p: Place, customer: Customer, said: SaidEvent): Incoming | null {
  const plan = p.compiled.events.get(said.type);
  if (plan === undefined) {
    p.counted("other", "unmentioned");
    return null;
  }
  const data = checked(p.compiled, plan, structuredClone(said.data)); // what is checked is changed
  if (data === BAD) {
    p.bury("schema", lastFault(), said.type, customer.id, said);
    return null;
  }
  return { plan, data, time: said.time, id: said.id, source: said.source };
}

/** Somebody says that this customer is they. */
function onJoin(p: Place, customer: Customer, word: JoinWord): void {
  const { into, origin, event } = word.saying;
  const { words } = p;
  if (into === customer.id || answer(words, customer.id, origin)) {
    // What the customer was asked to join is themselves by now.
    return complete(p, customer, event, null, null);
  }
  if (asksBefore(words, customer.id, origin)) return putOff(words, word);
  const nothing = (): void => void tell(p, into, { k: "joined", who: customer.id, origin, event, state: null, left: false, hops: 0, asked: [] });
  // Whom they were joined into first, they stay with; and of who asked to be forgotten later, nothing may go anywhere.
  if (customer.movedTo !== null || p.isErased(customer.id, origin, event.time)) return nothing();
  const asked = words.asked.get(customer.id) ?? [];
  p.current(customer);
  const state = isKnown(customer) ? packState(p.compiled, customer) : null;
  if (!tell(p, into, { k: "joined", who: customer.id, origin, event, state, left: true, hops: 0, asked })) {
    const detail = `the state of ${JSON.stringify(customer.id)} is too large for a record of the event log: the customers were not joined`;
    p.bury("too_large", detail, event.type, into, event);
    return nothing();
  }
  takeAsked(words, customer.id);
  p.touch(customer);
  if (isKnown(customer)) p.evaluate(customer, () => processMove(p.evaluator, customer, into, event, p.clock));
  else customer.movedTo = into;
  p.changed(customer);
}

/** The other customer has come, or there is nothing to come. */
function onJoined(p: Place, customer: Customer, saying: Extract<Saying, { k: "joined" }>): void {
  const { who, origin, event, state, left, asked } = saying;
  if (customer.movedTo !== null) {
    // No ring of notes can come about; should somebody else write one into the log, nothing goes round for ever.
    const hops = saying.hops + 1;
    if (hops > MAX_HOPS || !tell(p, customer.movedTo, { ...saying, hops })) {
      p.bury("not_an_event", `what is known of ${JSON.stringify(who)} has not arrived at whom they were joined into`, event.type, customer.id, event);
    }
    return;
  }
  answer(p.words, customer.id, origin);
  for (const each of asked) ask(p.words, customer.id, each);
  if (p.isErased(customer.id, origin, event.time)) {
    // Whoever asked to be forgotten after they were identified meant the other as well.
    if (left) tell(p, who, { k: "released", erased: p.erasedAt(customer.id) });
  } else complete(p, customer, event, state === null ? null : unpacked(p, who, state, event), left ? who : null);
}

function unpacked(p: Place, who: string, state: Parameters<typeof unpackState>[2], event: SaidEvent): Customer | null {
  try {
    const other = unpackState(p.compiled, who, state);
    return isKept(other) ? other : null;
  } catch (error) {
    if (error instanceof StateTooNew) throw error;
    if (!(error instanceof StateCorrupt || error instanceof TypeError || error instanceof RangeError)) throw error;
    p.bury("schema", `what is said to be the state of ${JSON.stringify(who)} cannot be read: ${error.message}`, event.type, who, event);
    return null;
  }
}

/** The event that identified the customer happens, and with it the join. `left`: whose note leads here from now on. */
function complete(p: Place, customer: Customer, said: SaidEvent, other: Customer | null, left: string | null): void {
  const event = understood(p, customer, said);
  if (event === null) return;
  p.current(customer);
  const isAgain = p.seen(customer, said.source, said.id);
  if (isAgain && other === null) return p.counted(event.plan.name, "duplicate");
  p.touch(customer);
  p.evaluate(customer, () => processEvent(p.evaluator, customer, event, p.clock, other));
  if (left !== null && other === null) noteJoined(extrasOf(customer), [left]);
  p.counted(event.plan.name, "processed");
  p.changed(customer);
}

/** Joins that waited for what is answered now. */
function goOn(p: Place, customer: Customer): void {
  for (let word = takeWaiting(p.words, customer.id); word !== undefined; word = takeWaiting(p.words, customer.id)) onJoin(p, customer, word);
}

/** The customer was forgotten: who was joined into them is nobody's any more. `erased`: the own time of the request; null: nobody asked for it. */
export function release(p: Place, joined: readonly string[], erased: number | null): void {
  for (const id of joined) tell(p, id, { k: "released", erased });
}

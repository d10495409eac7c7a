/**
 * The words of one partition: what it has said and is to be put into the event log (said in the same commit as what caused
 * it, appended once that is done), up to where it has heard the others, and the joins that are under way.
 *
 * All of it stands in text fields of the partition's meta and changes in the same commits as the customers:
 * `said` (the number of the last word, and of which log: whoever has the partition next goes on behind it, in the midst of what
 * a record causes too), `word:<number>` (a record that is not known to be in the log), `heard:<partition>` (number of the last
 * word that was heard of it, and of which log), `asked:<origin>` (a customer has asked for another, and is not answered yet),
 * `waits:<origin>` (a join that waits until its customer's own are answered).
 *
 * With everybody in memory there is no log between: what is said is a queue, and taken right after the record that caused it.
 */
import type { MetaFields, NewRecord } from "../ports.js";
import { MAX_WORD_BYTES, numberText, wordRecord, type Asked, type Saying, type Word, type WordNumber } from "./word.js";

export type JoinWord = Word & { readonly saying: Extract<Saying, { readonly k: "join" }> };

/** A record that is to go into the log; `name` is its field. */
export interface Utterance {
  readonly name: string;
  readonly record: NewRecord;
}

interface Heard {
  readonly number: WordNumber;
  readonly log: string;
}

export interface Words {
  readonly source: number;
  readonly log: string;
  readonly inMemory: boolean;
  /** The record that said something last, and how much. */
  last: WordNumber;
  /** Everybody in memory: said and not taken yet. */
  readonly queue: Word[];
  /** With a log: said since the last commit was built. */
  utterances: Utterance[];
  /** Said before this process had the partition, and not known to be in the log. */
  readonly unsaid: readonly Utterance[];
  readonly heard: Map<number, Heard>;
  /** By the customer who asked. */
  readonly asked: Map<string, Asked[]>;
  /** By the customer whose joins they wait for. */
  readonly waiting: Map<string, JoinWord[]>;
  /** What the next commit sets. */
  fields: Record<string, string>;
}

/** The number of the last word. */
const SAID = "said";
const WORD = "word:";
const HEARD = "heard:";
const ASKED = "asked:";
const WAITS = "waits:";

export function createWords(source: number, log: string, inMemory: boolean, stored: MetaFields): Words {
  const unsaid: (Utterance & { readonly number: WordNumber })[] = [];
  const words: Words = {
    source, log, inMemory, last: lastSaid(stored[SAID] ?? "", log), queue: [], utterances: [], unsaid, heard: new Map(), asked: new Map(), waiting: new Map(), fields: {},
  };
  for (const [name, text] of Object.entries(stored)) {
    const rest = name.slice(name.indexOf(":") + 1);
    if (name.startsWith(WORD)) unsaid.push({ name, record: JSON.parse(text) as NewRecord, number: readNumber(rest) });
    else if (name.startsWith(HEARD)) {
      words.heard.set(Number(rest), readHeard(text));
    } else if (name.startsWith(ASKED)) {
      const { customer, who, origin } = JSON.parse(text) as Asked & { readonly customer: string };
      put(words.asked, customer, { who, origin });
    } else if (name.startsWith(WAITS)) {
      const word = JSON.parse(text) as JoinWord;
      put(words.waiting, word.customer, word);
    }
  }
  unsaid.sort((a, b) => compare(a.number, b.number));
  for (const list of words.asked.values()) list.sort((a, b) => a.origin - b.origin);
  for (const list of words.waiting.values()) list.sort((a, b) => a.saying.origin - b.saying.origin);
  return words;
}

/** Fields with which joins under way are given up: what would answer them may be lost with records of the log. */
export function withoutJoins(stored: MetaFields): MetaFields {
  return Object.fromEntries(Object.keys(stored).filter((name) => name.startsWith(ASKED) || name.startsWith(WAITS)).map((name) => [name, ""]));
}

function readHeard(text: string): Heard {
  const [number = "", ...log] = text.split(" ");
  return { number: readNumber(number), log: log.join(" ") };
}

/** In another log everything begins anew. */
function lastSaid(text: string, log: string): WordNumber {
  const last = readHeard(text);
  return text !== "" && last.log === log ? last.number : { sequence: 0, place: -1 };
}

function readNumber(text: string): WordNumber {
  const [sequence, place] = text.split(".").map(Number);
  return { sequence: sequence ?? 0, place: place ?? 0 };
}

const compare = (a: WordNumber, b: WordNumber): number => a.sequence - b.sequence || a.place - b.place;

function put<T>(lists: Map<string, T[]>, key: string, one: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [one]);
  else list.push(one);
}

function remove<T>(lists: Map<string, T[]>, key: string, which: (one: T) => boolean): T | undefined {
  const list = lists.get(key);
  const at = list?.findIndex(which) ?? -1;
  if (list === undefined || at < 0) return undefined;
  const [one] = list.splice(at, 1);
  if (list.length === 0) lists.delete(key);
  return one;
}

// ---------------------------------------------------------------------------------------------------- saying

/**
 * Says it because of a record of the log; how heavy it was. Null, and nothing is said: it is larger than a log takes. Numbers
 * never go back, or nobody would listen: a sweep may say something because of a record before the last one that did.
 */
export function say(w: Words, cause: number, at: number, customer: string, saying: Saying): number | null {
  const number: WordNumber = cause > w.last.sequence ? { sequence: cause, place: 0 } : { sequence: w.last.sequence, place: w.last.place + 1 };
  const word: Word = { source: w.source, log: w.log, number, customer, saying };
  if (w.inMemory) {
    w.last = number;
    w.queue.push(word);
    return 0;
  }
  const record = wordRecord(word, at);
  const { length } = record.body;
  if (length > MAX_WORD_BYTES || (length > MAX_WORD_BYTES / 4 && Buffer.byteLength(record.body) > MAX_WORD_BYTES)) return null;
  w.last = number;
  const name = `${WORD}${numberText(number)}`;
  w.utterances.push({ name, record });
  w.fields[name] = JSON.stringify(record);
  w.fields[SAID] = `${numberText(number)} ${w.log}`;
  return length;
}

/** What the commit that was just built says. */
export function takeUtterances(w: Words): readonly Utterance[] {
  const { utterances } = w;
  w.utterances = [];
  return utterances;
}

/** It is in the log. */
export function wasSaid(w: Words, { name }: Utterance): void {
  w.fields[name] = "";
}

export function takeWordFields(w: Words): MetaFields {
  const { fields } = w;
  w.fields = {};
  return fields;
}

// ---------------------------------------------------------------------------------------------------- hearing

/** Whether the word is news; it is heard from now on. */
export function hears(w: Words, { source, log, number }: Word): boolean {
  const last = w.heard.get(source);
  // Numbers of another log say nothing of these: it was made again, and somebody has decided to go on with it.
  if (last !== undefined && last.log === log && compare(number, last.number) <= 0) return false;
  w.heard.set(source, { number, log });
  if (!w.inMemory) w.fields[`${HEARD}${source}`] = `${numberText(number)} ${log}`;
  return true;
}

// ---------------------------------------------------------------------------------------------------- joins under way

export function ask(w: Words, customer: string, asked: Asked): void {
  put(w.asked, customer, asked);
  w.asked.get(customer)?.sort((a, b) => a.origin - b.origin);
  if (!w.inMemory) w.fields[`${ASKED}${asked.origin}`] = JSON.stringify({ customer, ...asked });
}

/** Whether the customer had asked for it; they ask no more. */
export function answer(w: Words, customer: string, origin: number): boolean {
  if (remove(w.asked, customer, (asked) => asked.origin === origin) === undefined) return false;
  if (!w.inMemory) w.fields[`${ASKED}${origin}`] = "";
  return true;
}

/** All that the customer has asked for: it is another's from now on. */
export function takeAsked(w: Words, customer: string): readonly Asked[] {
  const all = [...(w.asked.get(customer) ?? [])];
  for (const { origin } of all) answer(w, customer, origin);
  return all;
}

/** Whether the customer has asked for something before that. */
export const asksBefore = (w: Words, customer: string, origin: number): boolean => (w.asked.get(customer) ?? []).some((asked) => asked.origin < origin);

export function putOff(w: Words, word: JoinWord): void {
  put(w.waiting, word.customer, word);
  w.waiting.get(word.customer)?.sort((a, b) => a.saying.origin - b.saying.origin);
  if (!w.inMemory) w.fields[`${WAITS}${word.saying.origin}`] = JSON.stringify(word);
}

/** The first of the joins that waited and need not wait any longer. */
export function takeWaiting(w: Words, customer: string): JoinWord | undefined {
  const first = w.waiting.get(customer)?.[0];
  if (first === undefined || asksBefore(w, customer, first.saying.origin)) return undefined;
  remove(w.waiting, customer, (word) => word === first);
  if (!w.inMemory) w.fields[`${WAITS}${first.saying.origin}`] = "";
  return first;
}

/**
 * What the filler's partitions say to each other: figures of a midnight, and words to each other's customers (engine/merge/).
 *
 * The live ones have said theirs through the log, but under the old program: what was said of customers then lacks all that is new.
 * So those records are passed over, and what the filler's own partitions say goes from one to the other directly. It is handed
 * over as if it stood in the log behind the record that was handed out last, and moves no clock.
 *
 * Nothing is lost when the process dies: whoever says a word has it in their store until it is known to be heard, by a commit of
 * whoever hears it (`heard:` in their fields), and says it again; what was heard before is ignored. Figures of a midnight that were
 * on their way are lost with it, until the next one.
 */
import { isWordType } from "../merge/word.js";
import type { LogRecord, MetaFields, NewRecord } from "../ports.js";
import { POPULATION_TYPE, parseEventSubject, partition as partitionOf } from "../subjects.js";

export interface FillWords {
  /** A partition is opened with these fields, by a process or a session that has nothing of it in memory. */
  claimed(partition: number, fields: MetaFields): void;
  /** A commit of it has set these. */
  committed(partition: number, fields: MetaFields): void;
  /** Resolves when all are known to be heard; what is neither word nor figure (ticks) goes nowhere. */
  say(records: readonly NewRecord[]): Promise<void>;
  /** What is to be handed out next, at most so many, as of that place of the log. */
  take(limit: number, sequence: number): LogRecord[];
  /** Something is to be handed out. */
  readonly isWaiting: boolean;
  /** Nothing is said, or about to be, that was not heard. */
  readonly isQuiet: boolean;
}

interface Place {
  readonly sequence: number;
  readonly place: number;
}

interface Said {
  readonly record: NewRecord;
  readonly source: number;
  readonly receiver: number;
  readonly number: Place;
  readonly log: string;
  readonly heard: () => void;
}

interface Heard {
  readonly number: Place;
  readonly log: string;
}

/** Whether a record of the log is one of those that partitions say to each other. */
export function isSaid(subject: string): boolean {
  return subject.startsWith(OWN) && isSaidType(parseEventSubject(subject)?.type ?? "");
}

const OWN = "events.eddy";
const isSaidType = (type: string): boolean => type === POPULATION_TYPE || isWordType(type);

const WORD = "word:";
const HEARD = "heard:";
/** Figures of a midnight that are drawn up. */
const FIGURES = "prepared";

export function fillWords(partitions: number): FillWords {
  /** To be handed out. */
  let waiting: NewRecord[] = [];
  /** Said, and not known to be heard; in order. */
  let unheard: Said[] = [];
  /** By partition: what stands in its store as not said yet, or not known to be heard: numbers of words, and figures. */
  const outstanding = new Map<number, Set<string>>();
  /** By receiver and source. */
  const heard = new Map<string, Heard>();

  const isHeard = ({ receiver, source, number, log }: Omit<Said, "record" | "heard">): boolean => {
    const last = heard.get(`${receiver} ${source}`);
    return last !== undefined && last.log === log && (number.sequence < last.number.sequence || (number.sequence === last.number.sequence && number.place <= last.number.place));
  };

  function learn(partition: number, fields: MetaFields): void {
    let hasHeard = false;
    for (const [name, text] of Object.entries(fields)) {
      if (name.startsWith(WORD) && text !== "") {
        const own = outstanding.get(partition) ?? new Set();
        outstanding.set(partition, own.add(name.slice(WORD.length)));
      } else if (name === FIGURES && text !== "") {
        outstanding.set(partition, (outstanding.get(partition) ?? new Set()).add(FIGURES));
      } else if (name.startsWith(HEARD) && text !== "") {
        const [number = "", ...log] = text.split(" ");
        heard.set(`${partition} ${name.slice(HEARD.length)}`, { number: readNumber(number), log: log.join(" ") });
        hasHeard = true;
      }
    }
    if (!hasHeard) return;
    unheard = unheard.filter((said) => {
      if (said.receiver !== partition || !isHeard(said)) return true;
      known(said);
      return false;
    });
  }

  function known({ source, number, heard: resolve }: Said): void {
    outstanding.get(source)?.delete(`${number.sequence}.${number.place}`);
    resolve();
  }

  return {
    claimed(partition, fields) {
      outstanding.delete(partition);
      for (const key of [...heard.keys()]) if (key.startsWith(`${partition} `)) heard.delete(key);
      // Whoever said something for it before is no more, and says it again.
      const gone = unheard.filter(({ source }) => source === partition);
      unheard = unheard.filter(({ source }) => source !== partition);
      const gonesRecords = new Set(gone.map(({ record }) => record));
      waiting = waiting.filter((record) => !gonesRecords.has(record));
      learn(partition, fields);
      const again = new Set(unheard.filter(({ receiver }) => receiver === partition).map(({ record }) => record));
      if (again.size > 0) waiting = [...again, ...waiting.filter((record) => !again.has(record))];
    },
    committed: learn,
    async say(records) {
      const all: Promise<void>[] = [];
      for (const record of records) {
        const address = parseEventSubject(record.subject);
        if (address === null || !isSaidType(address.type)) continue;
        if (address.type === POPULATION_TYPE) {
          waiting.push(record);
          outstanding.get(Number(address.token))?.delete(FIGURES);
          continue;
        }
        const { by, log, sequence, place } = dataOf(record);
        const said = { record, source: by, receiver: partitionOf(address.token, partitions), number: { sequence, place }, log };
        all.push(new Promise((resolve) => {
          const whole: Said = { ...said, heard: resolve };
          if (isHeard(said)) return known(whole);
          unheard.push(whole);
          waiting.push(record);
        }));
      }
      await Promise.all(all);
    },
    take(limit, sequence) {
      const some = waiting.splice(0, limit);
      return some.map(({ subject, body }) => ({ sequence, stamp: 0, subject, headers: null, body: typeof body === "string" ? Buffer.from(body) : body }));
    },
    get isWaiting() { return waiting.length > 0; },
    get isQuiet() { return waiting.length === 0 && unheard.length === 0 && [...outstanding.values()].every(({ size }) => size === 0); },
  };
}

function readNumber(text: string): Place {
  const [sequence, place] = text.split(".").map(Number);
  return { sequence: sequence ?? 0, place: place ?? 0 };
}

interface WordData extends Place {
  readonly by: number;
  readonly log: string;
}

function dataOf({ body }: NewRecord): WordData {
  return (JSON.parse(typeof body === "string" ? body : Buffer.from(body).toString()) as { readonly data: WordData }).data;
}

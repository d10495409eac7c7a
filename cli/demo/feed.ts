/**
 * Plays the demonstration's customers: appends the events of a stream to the log, a few at a time and at a steady pace,
 * and measures how long each took from there to its commit.
 *
 * Never more than a bounded number of events is on its way. Where the machine cannot keep the pace, the feed is slower;
 * it does not hurry to catch up afterwards.
 *
 * Where customers are ranked, no event of a new day (UTC) is appended before the engine has said, through the log, how they
 * stood at midnight: so the same events give the same figures at any pace.
 */
import { isRefusal, recordOf } from "../../connectors/intake.js";
import type { Environment } from "../../engine/environment.js";
import { readMeta } from "../../engine/meta.js";
import type { Appended, EventLog, NewRecord, StateStore } from "../../engine/ports.js";
import { partition as partitionOf, TICK_TYPE, tickSubject } from "../../engine/subjects.js";
import type { ShopEvent } from "./shop-events.js";
import type { ShopStream } from "./shop-stream.js";

export interface FeedOptions {
  readonly stream: ShopStream;
  readonly log: Pick<EventLog, "append">;
  readonly partitions: number;
  /** The rules rank customers: the engine says at each midnight, once for each partition, how they stand. */
  readonly ranked: boolean;
  /** Events a second; null: as many as the engine takes. */
  readonly perSecond: number | null;
  /** How many events there are at most; Infinity: until told to end. */
  readonly most: number;
  readonly environment: Pick<Environment, "seconds" | "pause">;
  readonly appended: (event: ShopEvent) => void;
  /** One event was committed, this long after it was handed to the log. */
  readonly committed: (milliseconds: number) => void;
}

export interface Feed {
  /** Appends until all events are in the log, the stream's calendar ends, or the signal is aborted. */
  run(ending: AbortSignal): Promise<void>;
  /** Brings every partition's clock to the instant that the stream has reached: what is due by then has then happened. */
  catchUp(): Promise<void>;
  /** The partition's work is committed up to this sequence. */
  committedUpTo(partition: number, sequence: number): void;
  /** The engine has appended this to the log. */
  engineAppended(record: NewRecord, at: Appended): void;
  /** Records appended and not yet committed. */
  readonly onTheirWay: number;
  /** The sequence of the newest record. */
  readonly newest: number;
  /** The instant that the stream has reached, ms. */
  readonly simulatedMs: number;
}

const DAY_MS = 86_400_000;
const TURN_MS = 10;
/** What a pause that took too long may be made up for, in turns. */
const TURNS_AT_ONCE = 3;
/** How much of a second's events may be on their way, and how many at least and at most. */
const SHARE_ON_THEIR_WAY = 0.05;
const LEAST_ON_THEIR_WAY = 100;
const MOST_ON_THEIR_WAY = 2_000;
const MOST_AT_ONCE = 250;
/** Events later than 2199 are not believed by the engine. */
const CALENDAR_ENDS_MS = Date.UTC(2199, 0, 1);

interface OnItsWay {
  readonly sequence: number;
  /** Seconds; NaN for what is not measured. */
  readonly since: number;
}

export function feed(options: FeedOptions): Feed {
  const { stream, log, partitions, perSecond, environment } = options;
  const most = perSecond === null ? MOST_ON_THEIR_WAY : Math.min(MOST_ON_THEIR_WAY, Math.max(LEAST_ON_THEIR_WAY, perSecond * SHARE_ON_THEIR_WAY));
  const waiting = Array.from({ length: partitions }, (): OnItsWay[] => []);
  const committed = new Array<number>(partitions).fill(0);
  let onTheirWay = 0;
  let newest = 0;
  let fed = 0;
  let simulatedMs = stream.peekTime();
  /** Days since 1970; the last whose midnight is in the log. */
  let day = -1;
  const announced = new Set<string>();
  let newestAnnounced = 0;

  /** Takes off what is committed. */
  const settle = (partition: number): void => {
    const queue = waiting[partition] ?? [];
    const upTo = committed[partition] ?? 0;
    const now = environment.seconds();
    let done = 0;
    for (let first = queue[0]; first !== undefined && first.sequence <= upTo; first = queue[done]) {
      done++;
      if (!Number.isNaN(first.since)) options.committed((now - first.since) * 1000);
    }
    queue.splice(0, done);
    onTheirWay -= done;
  };

  const append = async (records: readonly NewRecord[], owners: readonly number[], since: number): Promise<void> => {
    const answers = await log.append(records);
    onTheirWay += answers.length;
    answers.forEach(({ sequence }, i) => {
      newest = sequence;
      waiting[owners[i] ?? 0]?.push({ sequence, since });
    });
    // The engine may have been quicker than the answer.
    for (const owner of new Set(owners)) settle(owner);
  };

  const isNewDay = (): boolean => options.ranked && Math.floor(stream.peekTime() / DAY_MS) > day;

  const appendTicks = async (instant: number): Promise<void> => {
    const time = new Date(instant).toISOString();
    const ticks = Array.from({ length: partitions }, (_, index) => ({
      subject: tickSubject(index),
      body: JSON.stringify({ specversion: "1.0", id: `${index}/${time}`, source: "eddy", type: TICK_TYPE, subject: String(index), time }),
    }));
    await append(ticks, ticks.map((_, index) => index), NaN);
  };

  /** Waits until every partition has said how its customers stood, and has read what all of them said. */
  const passMidnight = async (ending: AbortSignal): Promise<void> => {
    day = Math.floor(stream.peekTime() / DAY_MS);
    announced.clear();
    await appendTicks(day * DAY_MS);
    const isOver = (): boolean => announced.size === partitions && committed.every((upTo) => upTo >= newestAnnounced);
    while (!isOver() && !ending.aborted) await environment.pause(1, ending);
  };

  const appendEvents = async (count: number): Promise<void> => {
    const since = environment.seconds();
    const records: NewRecord[] = [];
    const owners: number[] = [];
    for (let i = 0; i < count && stream.peekTime() < CALENDAR_ENDS_MS && !isNewDay(); i++) {
      simulatedMs = stream.peekTime();
      const event = stream.next();
      const record = recordOf(event, JSON.stringify(event));
      if (isRefusal(record)) throw new Error(`the shop's own event was refused: ${record.refused}`);
      records.push(record);
      owners.push(partitionOf(event.subject, partitions));
      options.appended(event);
    }
    fed += records.length;
    await append(records, owners, since);
  };

  return {
    async run(ending) {
      let due = 0;
      let before = environment.seconds();
      while (!ending.aborted && fed < options.most && stream.peekTime() < CALENDAR_ENDS_MS) {
        await environment.pause(perSecond === null ? 0 : TURN_MS, ending);
        const now = environment.seconds();
        if (perSecond === null) due = MOST_AT_ONCE;
        else due = Math.min(due + perSecond * (now - before), (perSecond * TURN_MS * TURNS_AT_ONCE) / 1000);
        before = now;
        const count = Math.min(Math.floor(due), Math.floor(most - onTheirWay), options.most - fed);
        if (count <= 0) continue;
        if (isNewDay()) {
          await passMidnight(ending);
          before = environment.seconds();
          continue;
        }
        due -= count;
        await appendEvents(count);
      }
    },

    catchUp: () => appendTicks(simulatedMs),

    committedUpTo(partition, sequence) {
      committed[partition] = sequence;
      settle(partition);
    },
    engineAppended({ subject }, { sequence }) {
      announced.add(subject);
      newestAnnounced = sequence;
    },
    get onTheirWay() { return onTheirWay; },
    get newest() { return newest; },
    get simulatedMs() { return simulatedMs; },
  };
}

/** The same store, whose commits are told of: the partition, and how far in the log it has come. */
export function watchCommits(store: StateStore, told: (partition: number, sequence: number) => void): StateStore {
  return {
    ...store,
    async commit(commit) {
      const answer = await store.commit(commit);
      if (answer === "done" || answer === "already") told(commit.partition, readMeta(commit.meta).offset);
      return answer;
    },
  };
}

/** The same log, for the engine, whose appends are told of. */
export function watchAppends(log: EventLog, told: Feed["engineAppended"]): EventLog {
  return {
    ...log,
    async append(records) {
      const answers = await log.append(records);
      records.forEach((record, i) => answers[i] !== undefined && told(record, answers[i]));
      return answers;
    },
  };
}

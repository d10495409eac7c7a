/**
 * Whoever sends events, through faults of the broker and of the network: each event with its id, again until it is
 * acknowledged. Among them are events that cannot be processed, and some that are sent twice without the broker's
 * noticing.
 *
 * Afterwards it is known what the broker has promised to keep.
 */
import { setTimeout as delay } from "node:timers/promises";
import { connectNats } from "../../connectors/nats/connect.js";
import { natsEventLog } from "../../connectors/nats/event-log.js";
import { LogFull, LogUnavailable, type NewRecord } from "../../engine/ports.js";
import { partition as partitionOf } from "../../engine/subjects.js";
import { shopLoad } from "../../bench/shop-load.js";

export type BadReason = "not_json" | "schema" | "unknown_customer" | "not_an_event";

export interface Sender {
  /** Events acknowledged, without the copies. */
  readonly sent: number;
  /** Attempts that had to be made again. */
  readonly repeated: number;
  /** By partition: the highest sequence acknowledged. */
  readonly acknowledged: readonly number[];
  /** Ids that the broker has taken. */
  readonly ids: ReadonlySet<string>;
  readonly bad: Readonly<Record<BadReason, number>>;
  /** Events that were sent a second time as new records. */
  readonly copies: number;
  /** Events per second from now on; Infinity: as fast as it goes. */
  pace(perSecond: number): void;
  /** So many at once, now. */
  burst(count: number): void;
  /** Settles when all are sent; rejects with what cannot be repeated. */
  readonly ended: Promise<void>;
  close(): Promise<void>;
}

export interface SenderOptions {
  readonly port: number;
  readonly partitions: number;
  readonly events: number;
  readonly customers: number;
  readonly seed: number;
  readonly perSecond: number;
  readonly random: () => number;
}

const LARGEST_CHUNK = 200;
const AGAIN_AFTER_MS = 50;
const SHARE_BAD = 0.004;
const SHARE_TWICE = 0.006;

interface Event extends NewRecord {
  readonly id?: string;
  readonly name: string;
  readonly bad: BadReason | null;
}

export async function startSender(options: SenderOptions): Promise<Sender> {
  const { partitions, events, random } = options;
  const link = await connectNats({ servers: [`nats://127.0.0.1:${options.port}`], name: "sender", requestTimeoutMs: 3_000 });
  const log = natsEventLog(link);
  const load = shopLoad(options.seed, options.customers);
  const ids = new Set<string>();
  const bad: Record<BadReason, number> = { not_json: 0, schema: 0, unknown_customer: 0, not_an_event: 0 };
  const acknowledged = new Array<number>(partitions).fill(0);
  let perSecond = options.perSecond;
  let owed = 0;
  let made = 0;
  let repeated = 0;
  let copies = 0;
  let closed = false;
  let wake = (): void => undefined;

  function next(): Event[] {
    const { subject, body } = load();
    const { id, subject: customer } = JSON.parse(body) as { readonly id: string; readonly subject: string };
    const name = `${customer}/bench/${id}`;
    made++;
    const fate = random();
    if (fate < SHARE_BAD) return [spoilt(subject, body, name, random)];
    const event: Event = { subject, body, id: name, name, bad: null };
    if (fate > SHARE_BAD + SHARE_TWICE) return [event];
    copies++;
    return [event, { subject, body, name, bad: null }];
  }

  async function deliver(chunk: readonly Event[]): Promise<void> {
    for (;;) {
      try {
        const appended = await log.append(chunk);
        chunk.forEach(({ subject, name, bad: reason }, i) => {
          if (!ids.has(name) && reason !== null) bad[reason]++;
          ids.add(name);
          const index = partitionOf(subject.slice(subject.lastIndexOf(".") + 1), partitions);
          acknowledged[index] = Math.max(acknowledged[index] ?? 0, appended[i]?.sequence ?? 0);
        });
        return;
      } catch (error) {
        if (closed || !(error instanceof LogUnavailable || error instanceof LogFull)) throw error;
        repeated++;
        await delay(AGAIN_AFTER_MS);
      }
    }
  }

  async function run(): Promise<void> {
    let last = performance.now();
    while (made < events && !closed) {
      const now = performance.now();
      owed = perSecond === Infinity ? LARGEST_CHUNK : owed + ((now - last) / 1000) * perSecond;
      last = now;
      const count = Math.min(events - made, LARGEST_CHUNK, Math.floor(owed));
      if (count < 1) {
        // Pauses of unequal length, so that batches are small and large.
        await Promise.race([delay(5 + random() * 60), new Promise<void>((resolve) => (wake = resolve))]);
        continue;
      }
      owed -= count;
      await deliver(Array.from({ length: count }, next).flat());
    }
  }

  const ended = run();
  ended.catch(() => undefined); // whoever awaits it sees it
  return {
    get sent() { return ids.size; },
    get repeated() { return repeated; },
    get copies() { return copies; },
    acknowledged, ids, bad, ended,
    pace(rate) {
      perSecond = rate;
      wake();
    },
    burst(count) {
      owed += count;
      wake();
    },
    async close() {
      closed = true;
      wake();
      await log.close().catch(() => undefined);
      await link.close().catch(() => undefined);
    },
  };
}

/** The same event in a way that no engine can process. */
function spoilt(subject: string, body: string, name: string, random: () => number): Event {
  const kind = Math.floor(random() * 4);
  const event = JSON.parse(body) as { readonly data: object };
  if (kind === 0) return { subject, body: body.slice(0, -3), id: name, name, bad: "not_json" };
  if (kind === 1) return { subject, body: JSON.stringify({ ...event, data: Object.fromEntries(Object.keys(event.data).map((field) => [field, [1]])) }), id: name, name, bad: "schema" };
  if (kind === 2) return { subject, body: JSON.stringify({ ...event, subject: "somebody else" }), id: name, name, bad: "unknown_customer" };
  return { subject, body: JSON.stringify({ ...event, type: "order_returned" }), id: name, name, bad: "not_an_event" };
}

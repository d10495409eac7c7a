/**
 * A small shop on real servers, for tests of what stands there afterwards: every order is one action that says how many
 * orders the customer had by then, so that what is lost, repeated or counted twice is read off the output stream.
 */
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { randomUUID } from "node:crypto";
import { openPorts } from "../../cli/open.js";
import type { Place as Where } from "../../cli/place.js";
import { setupStreams } from "../../connectors/nats/setup.js";
import { decide, examine, type Choice, type Examined, type RecoverPorts } from "../../engine/recover.js";
import { encodeToken, eventSubject, partition } from "../../engine/subjects.js";
import { startInside, type InsideEngine, type InsideOptions } from "./engine-inside.js";
import { serversPlace, type Servers } from "./places.js";
import { settled, until } from "./progress.js";

export const SETTINGS = { partitions: 2, clock: "broker" } as const;
const RULES = 'event order_placed { total: number }\ntrait orders = count(order_placed)\nrule thanks { on order_placed  emit "thanks" { n: orders } }\n';

/** A customer of each partition. */
export const [ANN, BEN] = [0, 1].map((p) => Array.from({ length: 20 }, (_, i) => `c${i}`).find((customer) => partition(encodeToken(customer), 2) === p) ?? "") as [string, string];

export interface Shop {
  readonly place: Servers;
  readonly where: Where;
  /** The engine that runs. */
  readonly engine: InsideEngine;
  /** The number of the last order. */
  orderNumber: number;
  start(options?: Partial<InsideOptions>): Promise<InsideEngine>;
  stop(): Promise<void>;
  /** Appends so many orders of each customer; answers the last sequence. */
  orders(times: number, customers?: readonly string[]): Promise<number>;
  /** What stands in the output stream of a partition: each order, and the number of orders that its customer had then. */
  said(partition: number): Promise<string[]>;
  /** All events up to there are processed, and all that they brought about is published. */
  worked(sequence: number): Promise<void>;
  stoodStill(...partitions: number[]): Promise<void>;
  examined(partition: number): Promise<Examined>;
  /** Decides; answers what was done. */
  recover(choice: Choice, ...partitions: number[]): Promise<string[]>;
  /** Deletes a stream and makes it again. */
  remade(stream: string): Promise<void>;
  /** Keeps the files of a server in a folder as they are now; what it answers puts them back, while the server is down. */
  backup(server: Stoppable, of: string): Promise<() => Promise<void>>;
  dispose(): Promise<void>;
}

interface Stoppable {
  readonly folder: string;
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** What nats-server keeps of all streams. */
export const ALL_STREAMS = "store/jetstream/$G/streams";
export const streamFolder = (stream: string): string => join(ALL_STREAMS, stream);

export async function openShop(): Promise<Shop> {
  const place = await serversPlace({ ...SETTINGS, redis: { appendfsync: "always" } });
  const where: Where = { k: "servers", nats: { servers: [place.nats.url] }, redis: { url: place.redis.url } };
  let engine: InsideEngine | null = null;

  const connected = (): Promise<void> => until("the test's own connections are back", () =>
    Promise.all([place.ports.log.info(), place.ports.store.meta(0), place.ports.outputs.last(0)]).then(() => true, () => false));

  async function withPorts<T>(use: (ports: RecoverPorts) => Promise<T>): Promise<T> {
    const ports = await openPorts(where, { now: Date.now });
    try {
      return await use(ports);
    } finally {
      await ports.close();
    }
  }

  const shop: Shop = {
    place, where,
    get engine() {
      if (engine === null) throw new Error("no engine runs");
      return engine;
    },
    orderNumber: 0,
    start: async (options = {}) => (engine = await startInside(where, { rules: RULES, ...options })),
    async stop() {
      await engine?.stop();
      engine = null;
    },
    async orders(times, customers = [ANN, BEN]) {
      const records = Array.from({ length: times }, () => customers.map((customer) => {
        const id = `o-${++shop.orderNumber}`;
        return { subject: eventSubject("order_placed", customer), body: JSON.stringify({ id, type: "order_placed", subject: customer, data: { total: 5 } }), id };
      })).flat();
      return (await place.ports.log.append(records)).at(-1)?.sequence ?? 0;
    },
    said: async (p) => (await place.outputs(p)).map(({ body }) => {
      if (!body.startsWith("{")) return body;
      const { cause, data } = JSON.parse(body) as { cause: string; data: { n: number } };
      return `${cause}:${data.n}`;
    }),
    worked: (sequence) => until("all is done", () => settled(place, sequence)),
    stoodStill: (...partitions) => until(`partitions ${partitions.join()} stand still`, () => partitions.every((p) => engine?.stopped(p) != null)),
    examined: (p) => withPorts((ports) => examine(p, ports)),
    recover: (choice, ...partitions) => withPorts(async (ports) => {
      const done: string[] = [];
      for (const p of partitions) done.push((await decide(p, { choice, token: randomUUID(), now: Date.now() }, ports)).what);
      return done;
    }),
    async remade(stream) {
      await (await place.link.nc.jetstreamManager()).streams.delete(stream);
      await setupStreams(place.link, SETTINGS);
    },
    async backup(server, of) {
      const [files, copy] = [join(server.folder, of), join(server.folder, "backup", of)];
      await server.stop();
      cpSync(files, copy, { recursive: true });
      await server.start();
      await connected();
      return async () => {
        await server.stop();
        rmSync(files, { recursive: true, force: true });
        cpSync(copy, files, { recursive: true });
        await server.start();
        await connected();
      };
    },
    async dispose() {
      await engine?.stop();
      await place.dispose();
    },
  };
  return shop;
}

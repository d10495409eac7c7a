/**
 * Where an engine of a test works: a folder of its own, or servers of its own; set up, and open to the test beside the
 * engine, so that it can append events and look at what comes out.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEmbedded } from "../../connectors/embedded/open.js";
import { connectNats, type NatsLink } from "../../connectors/nats/connect.js";
import { natsEventLog } from "../../connectors/nats/event-log.js";
import { natsOutputLog } from "../../connectors/nats/output-log.js";
import { setupStreams } from "../../connectors/nats/setup.js";
import { connectRedis } from "../../connectors/redis/connection.js";
import { setupStore } from "../../connectors/redis/setup.js";
import { redisStore } from "../../connectors/redis/store.js";
import type { Ports } from "../../engine/engine.js";
import type { ClockKind } from "../../engine/ports.js";
import { startNats, type NatsServer, type NatsServerOptions } from "../servers/nats.js";
import { startRedis, type RedisServer, type RedisServerOptions } from "../servers/redis.js";

export interface Heard {
  /** Its position in the stream. */
  readonly number: number;
  readonly subject: string;
  readonly id: string;
  readonly body: string;
}

export interface Place {
  readonly ports: Ports;
  readonly partitions: number;
  /** What `eddy run` is told. */
  readonly flags: readonly string[];
  /** All that stands in the output stream of a partition, as its readers get it. */
  outputs(partition: number): Promise<Heard[]>;
  dispose(): Promise<void>;
}

export interface Servers extends Place {
  /** The test's own connection. */
  readonly link: NatsLink;
  readonly nats: NatsServer;
  readonly redis: RedisServer;
}

export interface PlaceOptions {
  readonly partitions: number;
  readonly clock: ClockKind;
}

/** `now` gives the stamps of what is appended through the place's own ports. */
export async function embeddedPlace(options: PlaceOptions, now: () => number = Date.now): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), "eddy-place-"));
  const ports = await openEmbedded(folder, { create: true, now, ...options });
  return {
    ports,
    partitions: options.partitions,
    flags: ["--embedded", folder],
    outputs: async (p) => ports.outputs.read(p, 1, await ports.outputs.last(p)),
    async dispose() {
      await ports.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export interface ServersOptions extends PlaceOptions {
  readonly nats?: NatsServerOptions;
  readonly redis?: RedisServerOptions;
}

export async function serversPlace(options: ServersOptions): Promise<Servers> {
  const [nats, redis] = await Promise.all([startNats(options.nats), startRedis(options.redis)]);
  const link = await connectNats({ servers: [nats.url] });
  await setupStreams(link, { partitions: options.partitions, clock: options.clock });
  const connection = connectRedis({ url: redis.url });
  await setupStore(connection, { partitions: options.partitions });
  const ports = { log: natsEventLog(link), store: redisStore(connection), outputs: natsOutputLog(link) };
  return {
    ports, nats, redis, link,
    partitions: options.partitions,
    flags: ["--nats", nats.url, "--redis", redis.url],
    outputs: (p) => consumed(link, `OUT_${p}`),
    async dispose() {
      await Promise.all([ports.log.close(), ports.outputs.close(), ports.store.close()]);
      await link.close();
      await Promise.all([nats.dispose(), redis.dispose()]);
    },
  };
}

/** Everything in a stream, by an ordered consumer. */
export async function consumed({ nc }: NatsLink, stream: string): Promise<Heard[]> {
  const { state } = await (await nc.jetstreamManager()).streams.info(stream);
  const heard: Heard[] = [];
  if (state.messages === 0) return heard;
  const messages = await (await nc.jetstream().consumers.get(stream)).consume({ max_messages: 5_000 });
  for await (const message of messages) {
    heard.push({ number: message.seq, subject: message.subject, id: message.headers?.get("Eddy-Id") ?? "", body: message.string() });
    if (message.seq >= state.last_seq) break;
  }
  await messages.close();
  return heard;
}

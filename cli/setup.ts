/**
 * `eddy setup`: creates the streams and prepares the store, or finds them and says so. Safe to repeat; what is fixed once
 * set up (the number of partitions, the clock) is never changed by it.
 */
import type { StreamsDescription } from "../connectors/nats/setup.js";
import type { StreamOptions } from "../connectors/nats/streams.js";
import type { ClockKind } from "../engine/ports.js";
import type { CommandCall } from "./commands.js";
import type { Configuration } from "./config.js";
import { EXIT, type ExitCode } from "./exit.js";
import { print, say, type Io } from "./io.js";
import { findPlace, type Place } from "./place.js";
import { whole } from "./progress.js";
import { clockInstant, clockKind } from "./settings.js";

/** The output streams have equal limits; the first one speaks for all. */
const OUTPUT_STREAM = "OUT_0";
const EVENTS_STREAM = "EVENTS";
const DEFAULT_PARTITIONS = 8;
const DEFAULT_CLOCK: ClockKind = "broker";

export async function setupCommand({ io, configuration }: CommandCall): Promise<ExitCode> {
  const place = findPlace(configuration, io, "both");
  const asked = { partitions: configuration.get("partitions"), clock: configuration.narrow("clock", clockKind, clockInstant) };
  if (place.k === "embedded") await setupEmbedded(place.folder, asked, io);
  else await setupServers(place, asked, configuration, io);
  return EXIT.ok;
}

interface Asked {
  readonly partitions: number | undefined;
  readonly clock: ClockKind | undefined;
}

async function setupEmbedded(folder: string, { partitions, clock }: Asked, io: Io): Promise<void> {
  const { openEmbedded } = await import("../connectors/embedded/open.js");
  const opened = await openEmbedded(folder, { create: true, now: io.now, ...given("partitions", partitions), ...(clock === undefined ? {} : { clock }) });
  try {
    const info = await opened.log.info();
    print(io, `${folder}: ${info.last === 0 ? "an empty log" : `a log of ${whole(info.last)} records`} and its state`);
    print(io, `${described(info)}, both fixed from now on`);
  } finally {
    await opened.close();
  }
}

async function setupServers(place: Extract<Place, { k: "servers" }>, asked: Asked, configuration: Configuration, io: Io): Promise<void> {
  const [{ connectNats }, { describeStreams, setupStreams }, { connectRedis }, { checkServers }, { setupStore, readPartitions }] = await Promise.all([
    import("../connectors/nats/connect.js"), import("../connectors/nats/setup.js"),
    import("../connectors/redis/connection.js"), import("../connectors/redis/server-check.js"), import("../connectors/redis/setup.js"),
  ]);
  const redis = connectRedis(place.redis);
  try {
    // Both must answer before anything is made in either.
    const warnings = await checkServers(redis);
    const stored = await readPartitions(redis);
    const link = await connectNats(place.nats);
    try {
      // What is there already counts where nothing else was asked for: a repeated set-up needs no flags.
      const settled = await describeStreams(link);
      const options = {
        partitions: asked.partitions ?? settled.partitions ?? stored ?? DEFAULT_PARTITIONS,
        clock: asked.clock ?? settled.clock ?? DEFAULT_CLOCK,
        ...limits(settled, configuration),
      };
      // The store refuses another number of partitions; it should do so before streams are made for that number.
      await setupStore(redis, options);
      const { created, updated, unchanged, warnings: weak } = await setupStreams(link, options);
      print(io, `NATS at ${link.address}`);
      for (const [word, streams] of [["created", created], ["changed", updated], ["found", unchanged]] as const) {
        if (streams.length > 0) print(io, `  ${word} ${streams.join(", ")}`);
      }
      print(io, `Redis at ${redis.address}`);
      print(io, stored === null ? "  prepared for the first time" : "  found prepared");
      print(io, `${described(options)}, both fixed from now on`);
      for (const warning of [...weak, ...warnings]) say(io, `warning: ${warning}`);
    } finally {
      await link.close();
    }
  } finally {
    await redis.close();
  }
}

/** What is asked for, and otherwise what the streams have already: repeating the set-up must not lift a limit. */
function limits({ streams }: StreamsDescription, configuration: Configuration): Partial<StreamOptions> {
  const events = streams.find(({ name }) => name === EVENTS_STREAM);
  const outputs = streams.find(({ name }) => name === OUTPUT_STREAM);
  const maxBytes = events !== undefined && events.maxBytes > 0 ? events.maxBytes : undefined;
  return {
    ...given("replicas", configuration.get("replicas") ?? events?.replicas),
    ...given("maxAgeMs", configuration.get("max-age") ?? events?.maxAgeMs),
    ...given("maxBytes", configuration.get("max-bytes") ?? maxBytes),
    ...given("outputMaxAgeMs", outputs?.maxAgeMs),
  };
}

function described({ partitions, clock }: { readonly partitions: number; readonly clock: ClockKind }): string {
  return `${partitions} partition${partitions === 1 ? "" : "s"}, on the ${clock === "broker" ? "broker's clock" : "events' own clock"}`;
}

/** The field only where it is set. */
function given<Name extends string>(name: Name, value: number | undefined): { readonly [_ in Name]?: number } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [_ in Name]: number });
}

/** The conformance suites of event log and output log on a real nats-server. */
import { afterAll, beforeAll } from "vitest";

import { natsEventLog } from "../../connectors/nats/event-log.js";
import { natsOutputLog } from "../../connectors/nats/output-log.js";
import { setupStreams } from "../../connectors/nats/setup.js";
import { EVENTS_STREAM, outputStream } from "../../connectors/nats/streams.js";
import { eventLogSuite, type EventLogFixture, type EventLogSettings } from "../conformance/event-log.js";
import { outputLogSuite, type OutputLogFixture } from "../conformance/output-log.js";
import { startNats, type NatsServer } from "../servers/nats.js";
import { belongings, removeStreams } from "./nats-belongings.js";

let server: NatsServer;

beforeAll(async () => {
  server = await startNats();
});
afterAll(() => server.dispose());

async function eventLogFixture(settings: EventLogSettings): Promise<EventLogFixture> {
  const mine = belongings();
  const operator = await mine.link(server.url);
  await removeStreams(operator);
  await setupStreams(operator, settings);
  const manager = await operator.nc.jetstreamManager();
  const open = async () => mine.keep(natsEventLog(await mine.link(server.url), { heartbeatMs: 200 }));
  let current = await open();
  return {
    log: current,
    another: open,
    reopen: async () => {
      await current.close();
      current = await open();
      return current;
    },
    removeBelow: async (sequence) => void (await manager.streams.purge(EVENTS_STREAM, { seq: sequence })),
    removeOne: async (sequence) => void (await manager.streams.deleteMessage(EVENTS_STREAM, sequence, false)),
    recreate: async () => {
      await manager.streams.delete(EVENTS_STREAM);
      await setupStreams(operator, settings);
    },
    dispose: mine.close,
  };
}

async function outputLogFixture(): Promise<OutputLogFixture> {
  const mine = belongings();
  const operator = await mine.link(server.url);
  await removeStreams(operator);
  await setupStreams(operator, { partitions: 4, clock: "broker" });
  const manager = await operator.nc.jetstreamManager();
  const open = async () => mine.keep(natsOutputLog(await mine.link(server.url)));
  let current = await open();
  return {
    log: current,
    another: open,
    reopen: async () => {
      await current.close();
      current = await open();
      return current;
    },
    removeBelow: async (partition, number) => void (await manager.streams.purge(outputStream(partition), { seq: number })),
    dispose: mine.close,
  };
}

eventLogSuite("NATS", eventLogFixture, { removeBelow: true, removeOne: true, recreate: true, maxBytes: true });
outputLogSuite("NATS", outputLogFixture, { removeBelow: true });

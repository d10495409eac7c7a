/**
 * How fast the NATS event log appends and reads. Against a server of its own, for the streams stay behind:
 * `npm run build && node dist/bench/nats-read.js nats://127.0.0.1:4222 1000000`.
 */
import { connectNats } from "../connectors/nats/connect.js";
import { natsEventLog } from "../connectors/nats/event-log.js";
import { setupStreams } from "../connectors/nats/setup.js";
import { eventSubject } from "../engine/subjects.js";

const [url = "nats://127.0.0.1:4222", count = "1000000"] = process.argv.slice(2);
const total = Number(count);
const link = await connectNats({ servers: [url] });
await setupStreams(link, { partitions: 8, clock: "broker" });
const log = natsEventLog(link);
const body = JSON.stringify({
  specversion: "1.0",
  id: "o-1",
  source: "shop",
  type: "order_placed",
  subject: "c42",
  time: "2026-03-02T10:00:00Z",
  data: { order_id: "o-1", total: 99.5 },
});

let { last } = await log.info();
if (last < total) {
  const started = performance.now();
  const before = last;
  while (last < total) {
    const records = Array.from({ length: Math.min(10_000, total - last) }, (_, i) => ({
      subject: eventSubject("order_placed", `c${(last + i) % 100_000}`),
      body,
      id: `c/shop/${last + i}`,
    }));
    await log.append(records);
    last += records.length;
  }
  report("append", total - before, started);
}

for (const limit of [512, 4096, 100_000]) {
  const reader = await log.read(1);
  const started = performance.now();
  let seen = 0;
  let length = 0;
  while (seen < total) {
    await reader.ready(1_000);
    for (const record of reader.take(limit)) {
      if (record.sequence !== ++seen) throw new Error(`record ${record.sequence} where ${seen} was due`);
      length += record.subject.length + record.body.length;
    }
  }
  report(`read, take(${limit}), ${length} bytes`, total, started);
  await reader.close();
}
await log.close();
await link.close();

function report(what: string, records: number, started: number): void {
  const seconds = (performance.now() - started) / 1000;
  process.stdout.write(`${what}: ${Math.round(records / seconds).toLocaleString("en")} a second\n`);
}

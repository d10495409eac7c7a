/**
 * The other end of the latency bench, a process of its own: publishes events by schedule (open loop) and waits for the
 * actions that answer the probes among them. Latency counts from the instant at which an event was meant to be sent, so
 * that a sender that falls behind does not flatter the figures.
 *
 *   node latency-load.js NATS_URL EVENTS_PER_SECOND SECONDS PROBE_SHARE SEED
 *
 * Another seed makes other events: the same ones would be duplicates.
 *
 * Prints one line of JSON: latencies in ms, sorted.
 */
import { connect } from "nats";
import { shopLoad } from "./shop-load.js";

const [url = "", perSecond = "2000", seconds = "10", share = "0.1", seed = "7"] = process.argv.slice(2);
const clock = (): number => performance.timeOrigin + performance.now();

const nc = await connect({ servers: url });
const latencies: number[] = [];
let awaited = 0;
nc.subscribe("actions.*.emit.echo", {
  callback: (_error, message) => {
    const now = clock();
    const { data } = JSON.parse(new TextDecoder().decode(message.data)) as { data: { sent: number } };
    latencies.push(now - data.sent);
  },
});
await nc.flush();

const load = shopLoad(Number(seed), 100_000);
const intervalMs = 1000 / Number(perSecond);
const total = Math.round(Number(perSecond) * Number(seconds));
const probeEvery = Math.max(1, Math.round(1 / Number(share)));
const begin = clock() + 200;
for (let n = 0; n < total; ) {
  const due = Math.min(total, Math.floor((clock() - begin) / intervalMs) + 1);
  for (; n < due; n++) {
    const intended = begin + n * intervalMs;
    if (n % probeEvery !== 0) {
      const { subject, body } = load();
      nc.publish(subject, body);
      continue;
    }
    awaited++;
    nc.publish(`events.probe.p${n % 5000}`, `{"specversion":"1.0","id":"p-${begin}-${n}","source":"bench","type":"probe","subject":"p${n % 5000}","data":{"sent":${intended}}}`);
  }
  await new Promise((resolve) => setTimeout(resolve, 0.5));
}
const giveUp = clock() + 10_000;
while (latencies.length < awaited && clock() < giveUp) await new Promise((resolve) => setTimeout(resolve, 10));
await nc.drain();
latencies.sort((a, b) => a - b);
process.stdout.write(`${JSON.stringify({ sent: total, awaited, latencies })}\n`, () => process.exit(0));

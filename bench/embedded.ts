/**
 * Figures of the embedded adapters, on records and states of 300 bytes: after `npm run build`,
 * `node dist/bench/embedded.js [FOLDER]`, which makes a folder of its own in FOLDER and removes it.
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEmbedded } from "../connectors/embedded/open.js";
import type { NewRecord } from "../engine/ports.js";

const EVENTS = 1_000_000;
const PER_APPEND = 10_000;
const CUSTOMERS = 100_000;
const PER_COMMIT = 400;

/** Time on the processor stands beside time on the clock: it counts on a machine that others use too. */
function say(what: string, count: number, { seconds, cpuMicros }: Spent): void {
  const rate = Math.round(count / seconds).toLocaleString("en").padStart(12);
  console.log(`${what.padEnd(52)} ${rate} a second, ${(cpuMicros / count).toFixed(2).padStart(8)} µs of processor time each`);
}

interface Spent {
  readonly seconds: number;
  readonly cpuMicros: number;
}

async function measured(act: () => Promise<void>): Promise<Spent> {
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  await act();
  const { user, system } = process.cpuUsage(cpuBefore);
  return { seconds: (performance.now() - startedAt) / 1000, cpuMicros: user + system };
}

function percentiles(what: string, times: number[]): void {
  times.sort((a, b) => a - b);
  const at = (share: number): string => (times[Math.floor(times.length * share)] ?? 0).toFixed(2);
  console.log(`${what.padEnd(52)} p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${at(0.9999)} ms`);
}

const dir = mkdtempSync(join(process.argv[2] ?? tmpdir(), "eddy-bench-"));
const { log, store, outputs, close } = await openEmbedded(dir, { create: true, now: Date.now });
const padding = "x".repeat(150);
const recordAt = (n: number): NewRecord => ({
  subject: `events.order_placed.c${n % CUSTOMERS}`,
  body: `{"specversion":"1.0","id":"o-${n}","source":"shop","type":"order_placed","subject":"c${n % CUSTOMERS}","data":{"text":"${padding}"}}`,
  id: `c${n % CUSTOMERS}/shop/o-${n}`,
});

async function append(what: string, count: number, perCall: number, from: number, withIds: boolean): Promise<void> {
  let seconds = 0;
  let cpuMicros = 0;
  for (let n = from; n < from + count; n += perCall) {
    const records = Array.from({ length: perCall }, (_, i) => recordAt(n + i));
    const batch = withIds ? records : records.map(({ subject, body }) => ({ subject, body }));
    const spent = await measured(async () => void (await log.append(batch)));
    seconds += spent.seconds;
    cpuMicros += spent.cpuMicros;
  }
  say(what, count, { seconds, cpuMicros });
}

await append(`append, ${PER_APPEND} a call, with ids`, EVENTS, PER_APPEND, 0, true);
await append("append, the same again (all duplicates)", EVENTS, PER_APPEND, 0, true);
await append(`append, ${PER_APPEND} a call, without ids`, EVENTS, PER_APPEND, 0, false);
await append("append, 1 a call, with an id", 20_000, 1, EVENTS, true);

{
  const reader = await log.read(1);
  let count = 0;
  let bytes = 0;
  const spent = await measured(async () => {
    for (;;) {
      await reader.ready(0);
      const records = reader.take(1_000);
      if (records.length === 0) break;
      count += records.length;
      for (const { body } of records) bytes += body.length;
    }
  });
  say("read, 1000 a take", count, spent);
  console.log(`${"".padEnd(52)} ${Math.round(bytes / count)} bytes a body, file of ${Math.round(statSync(join(dir, "eddy.mdb")).size / 1e6)} MB`);
  await reader.close();
}

{
  const { writer } = await store.claim(0, "bench");
  const state = Buffer.alloc(300, 7);
  const times: number[] = [];
  const commits = 1_500;
  let next = 0;
  let output = 1;
  const spent = await measured(async () => {
    for (let number = 1; number <= commits; number++) await commitMany(number);
  });
  async function commitMany(number: number): Promise<void> {
    const customers = Array.from({ length: PER_COMMIT }, () => `c${(next++ * 7_919) % CUSTOMERS}`);
    const at = performance.now();
    await store.commit({
      partition: 0, writer, number,
      states: customers.map((customer) => [customer, state] as const),
      wakes: customers.filter((_, i) => i % 4 === 0).map((customer, i) => [customer, number * 1000 + i] as const),
      segments: [{ segment: "active", add: customers.slice(0, 40), remove: customers.slice(40, 80) }],
      outputs: customers.slice(0, 40).map((customer) => ({ number: output++, subject: "actions.0.email.hello", id: `${customer}-${number}`, cause: number, body: padding })),
      forget: Math.max(0, output - 1000),
      meta: { position: String(number), clock: String(number), anchors: padding },
    });
    times.push(performance.now() - at);
  }
  say(`commit, ${PER_COMMIT} customers each: customers`, commits * PER_COMMIT, spent);
  percentiles("", times);
  const loads: number[] = [];
  for (let i = 0; i < 1_000; i++) {
    const customers = Array.from({ length: PER_COMMIT }, () => `c${(next++ * 104_729) % CUSTOMERS}`);
    const at = performance.now();
    await store.load(0, customers);
    loads.push(performance.now() - at);
  }
  percentiles(`load, ${PER_COMMIT} customers each`, loads);
  const small: number[] = [];
  say("commit, 1 customer", 5_000, await measured(async () => {
    for (let i = 1; i <= 5_000; i++) {
      const at = performance.now();
      await store.commit({
        partition: 0, writer, number: commits + i, states: [[`c${i}`, state]], wakes: [], segments: [], outputs: [], forget: 0, meta: { position: String(i) },
      });
      small.push(performance.now() - at);
    }
  }));
  percentiles("", small);
}

{
  const body = padding;
  say("publish, 250 a call", 200_000, await measured(async () => {
    for (let n = 1; n <= 200_000; n += 250) {
      await outputs.publish(1, Array.from({ length: 250 }, (_, i) => ({ number: n + i, subject: "actions.1.email.hello", id: `id-${n + i}`, cause: n, body })));
    }
  }));
}

await close();
rmSync(dir, { recursive: true });

/** The simulated servers keep the contracts of the ports: the suites of the real adapters, on simulated ones. */
import { afterAll, beforeAll } from "vitest";
import { eventLogSuite } from "../conformance/event-log.js";
import { outputLogSuite } from "../conformance/output-log.js";
import { stateStoreSuite } from "../conformance/state-store.js";
import { eventLog, newClient, newNetwork, outputLog, stateStore, type Network } from "./network.js";
import { next, scheduler, type Scheduler } from "./scheduler.js";
import { eventServer, outputServer, storeServer } from "./servers.js";

/** Simulated time goes with the clock here, as fast as it allows. */
const running: Scheduler[] = [];
let isOver = false;
beforeAll(() => {
  const goOn = (): void => {
    for (const s of running) {
      s.now = Date.now();
      for (let steps = 0; steps < 50 && s.tasks.some(({ at }) => at <= s.now); steps++) next(s, () => false)?.run();
    }
    if (!isOver) setImmediate(goOn);
  };
  goOn();
});
afterAll(() => { isOver = true; });

function network(events = eventServer("broker", 8)): Network {
  const s = scheduler(Date.now(), () => 0.1);
  running.splice(0, running.length, s);
  return newNetwork(s, events, storeServer(8), outputServer(8));
}

eventLogSuite("simulated", ({ clock, partitions, maxBytes = Infinity }) => {
  const n = network(eventServer(clock, partitions, maxBytes));
  let log = eventLog(newClient(n, "one"));
  const poke = (): void => { for (const each of n.readers) each(); };
  return Promise.resolve({
    log,
    another: () => Promise.resolve(eventLog(newClient(n, "another"))),
    async reopen() {
      await log.close();
      log = eventLog(newClient(n, "again"));
      return log;
    },
    removeBelow(sequence: number) {
      n.events.first = sequence;
      n.events.records = n.events.records.map((record) => (record !== null && record.sequence >= sequence ? record : null));
      poke();
      return Promise.resolve();
    },
    removeOne(sequence: number) {
      n.events.records[sequence - 1] = null;
      return Promise.resolve();
    },
    recreate() {
      Object.assign(n.events, { ...eventServer(clock, partitions, maxBytes), identity: "log 2" });
      poke();
      return Promise.resolve();
    },
    dispose: () => log.close(),
  });
}, { removeBelow: true, removeOne: true, recreate: true, maxBytes: true });

stateStoreSuite("simulated", () => {
  const n = network();
  const open = () => stateStore(newClient(n, "one"));
  return Promise.resolve({ store: open(), reopen: () => Promise.resolve(open()), dispose: () => Promise.resolve() });
});

outputLogSuite("simulated", () => {
  const n = network();
  const open = () => outputLog(newClient(n, "one"));
  const log = open();
  return Promise.resolve({ log, another: () => Promise.resolve(open()), reopen: () => Promise.resolve(open()), dispose: () => log.close() });
}, { removeBelow: false });

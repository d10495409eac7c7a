/** The conformance suites on a folder of its own for every test. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Embedded, EmbeddedOptions } from "../../connectors/embedded/open.js";
import { openEmbedded } from "../../connectors/embedded/open.js";
import { eventLogSuite } from "../conformance/event-log.js";
import { outputLogSuite } from "../conformance/output-log.js";
import { stateStoreSuite } from "../conformance/state-store.js";

interface Opened {
  readonly first: Embedded;
  another(): Promise<Embedded>;
  reopen(): Promise<Embedded>;
  dispose(): Promise<void>;
}

async function openNew(options: Partial<EmbeddedOptions> = {}): Promise<Opened> {
  const dir = mkdtempSync(join(tmpdir(), "eddy-"));
  const open = (): Promise<Embedded> => openEmbedded(dir, { create: true, now: Date.now, ...options });
  const first = await open();
  const opened = [first];
  const another = async (): Promise<Embedded> => {
    const next = await open();
    opened.push(next);
    return next;
  };
  return {
    first,
    another,
    async reopen() {
      for (const one of opened.splice(0)) await one.close();
      return another();
    },
    async dispose() {
      for (const one of opened) await one.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

stateStoreSuite("embedded", async () => {
  const { first, reopen, dispose } = await openNew();
  return { store: first.store, reopen: async () => (await reopen()).store, dispose };
});

stateStoreSuite("embedded, a scope", async () => {
  const { first, reopen, dispose } = await openNew({ scope: "fill" });
  return { store: first.store, reopen: async () => (await reopen()).store, dispose };
});

eventLogSuite("embedded", async ({ clock, partitions, maxBytes }) => {
  const { first, another, reopen, dispose } = await openNew({ clock, partitions, ...(maxBytes === undefined ? {} : { maxBytes }) });
  return {
    log: first.log,
    another: async () => (await another()).log,
    reopen: async () => (await reopen()).log,
    removeBelow: async (sequence) => first.log.trim(sequence),
    dispose,
  };
  // A log made anew is another folder; what a reader does whose folder was replaced is tested in embedded.test.ts.
}, { removeBelow: true, removeOne: false, recreate: false, maxBytes: true });

outputLogSuite("embedded", async () => {
  const { first, another, reopen, dispose } = await openNew();
  return {
    log: first.outputs,
    another: async () => (await another()).outputs,
    reopen: async () => (await reopen()).outputs,
    removeBelow: async (partition, number) => first.outputs.trim(partition, number),
    dispose,
  };
}, { removeBelow: true });

/** The conformance suites on a folder of its own for every test. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Embedded } from "../../connectors/embedded/open.js";
import { openEmbedded } from "../../connectors/embedded/open.js";
import { stateStoreSuite } from "../conformance/state-store.js";

function open(dir: string): Promise<Embedded> {
  return openEmbedded(dir, { create: true, now: Date.now });
}

stateStoreSuite("embedded", async () => {
  const dir = mkdtempSync(join(tmpdir(), "eddy-"));
  let current = await open(dir);
  return {
    store: current.store,
    async reopen() {
      await current.close();
      current = await open(dir);
      return current.store;
    },
    async dispose() {
      await current.close();
      rmSync(dir, { recursive: true });
    },
  };
});

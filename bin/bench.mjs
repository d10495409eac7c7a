// `npm run bench`: builds, then runs the benches. Arguments are handed on (`npm run bench -- throughput`).

import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { NotReady, ready } from "./ready.mjs";
import { needServers } from "./servers.mjs";

const home = join(dirname(fileURLToPath(import.meta.url)), "..");

try {
  ready(home);
  await needServers();
} catch (error) {
  if (!(error instanceof NotReady)) throw error;
  process.stderr.write(`eddy: ${error.message}\n`);
  process.exit(2);
}

const { status } = spawnSync(process.execPath, ["--expose-gc", join(home, "dist/bench/main.js"), ...process.argv.slice(2)], { stdio: "inherit", cwd: home });
process.exit(status ?? 70);

// `npm test`: installs what is missing, servers included, and runs every test. Arguments go to vitest
// (`npm test -- test/cli`).

import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { NotReady, ready } from "./ready.mjs";
import { needServers } from "./servers.mjs";

const home = join(dirname(fileURLToPath(import.meta.url)), "..");

function prepare() {
  try {
    ready(home);
    return needServers();
  } catch (error) {
    if (!(error instanceof NotReady)) throw error;
    process.stderr.write(`eddy: ${error.message}\n`);
    process.exit(2);
  }
}

const servers = prepare();
const vitest = spawn(process.execPath, [join(home, "node_modules/vitest/vitest.mjs"), "run", ...process.argv.slice(2)], {
  cwd: home,
  stdio: "inherit",
  env: { ...process.env, ...servers },
});
// The terminal sends Ctrl-C to both of us; vitest decides when it is done.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => signal === "SIGTERM" && vitest.kill(signal));
vitest.on("exit", (code, signal) => process.exit(code ?? (signal === null ? 70 : 1)));

// `npm start`: installs, builds and runs the demonstration. Arguments are handed on (`npm start -- --once`).

import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { NotReady, ready } from "./ready.mjs";

const home = join(dirname(fileURLToPath(import.meta.url)), "..");
const built = (path) => import(pathToFileURL(join(home, "dist", path)).href);

try {
  ready(home);
} catch (error) {
  if (!(error instanceof NotReady)) throw error;
  process.stderr.write(`eddy: ${error.message}\n`);
  process.exit(2);
}

const { report } = await built("cli/main.js");
const { processIo } = await built("cli/process-io.js");
try {
  const { main } = await built("cli/demo/demo.js");
  const code = await main(process.argv.slice(2));
  process.exitCode = typeof code === "number" ? code : 0;
} catch (error) {
  process.exitCode = report(error, processIo());
}
// What was written to a pipe must be with its reader before the process goes.
await Promise.all([process.stdout, process.stderr].map((stream) => new Promise((done) => stream.write("", done))));
process.exit();

/** The program once more, as a process that another one of its own has started (process-io.ts). */
import { main } from "./main.js";
import { processIo } from "./process-io.js";

const code = await main(process.argv.slice(2), processIo());
// What was written to a pipe must be with its reader before the process goes.
await new Promise((done) => process.stderr.write("", done));
process.exit(code);

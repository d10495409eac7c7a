/**
 * A TCP port of 127.0.0.1 that nobody listens on, and that nobody is given while it is not listened on: a test stops a server
 * and starts it again on its port.
 *
 * So it lies below those from which the system takes what is asked of it, for outgoing connections too; a process never gives
 * one twice, and processes begin at different ones. The port that a node of a Redis Cluster has beside its own, 10,000 above,
 * lies among none of these.
 */
import { createServer } from "node:net";

const FIRST = 10_000;
const COUNT = 10_000;
/** Of neighbours in the list of processes, each begins so far from the other. */
const APART = 1_237;

let next = (process.pid * APART) % COUNT;

export async function freePort(): Promise<number> {
  for (let tried = 0; tried < COUNT; tried++) {
    const port = FIRST + next;
    next = (next + 1) % COUNT;
    if ((await isFree(port)) && (await isFree(port + 10_000))) return port;
  }
  throw new Error(`none of the ports from ${FIRST} to ${FIRST + COUNT - 1} is free`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

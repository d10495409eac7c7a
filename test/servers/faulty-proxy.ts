/**
 * A TCP proxy of 127.0.0.1 that makes a network as it is on bad days: connections are cut (at once, in the middle of a
 * request, before a reply), everything is late, connections are dead without anybody being told, nobody answers.
 *
 * What has swallowed bytes never comes back to life: a connection of which a part is missing is broken for good. Each
 * byte that is passed on comes once and in order.
 */
import { createConnection, createServer, type AddressInfo, type Socket } from "node:net";

/** Which way bytes go lost: to the server, back from it, or both. */
export type Lost = "requests" | "replies" | "both";

export interface FaultyProxy {
  readonly port: number;
  /** Open connections. */
  readonly open: number;
  /** How many connections were ever cut by it. */
  readonly cuts: number;
  /** Cuts all connections there are. */
  cut(): void;
  /** Cuts the connection over which, from now on, so many bytes more were sent to the server. */
  cutRequestAfter(bytes: number): void;
  /** Cuts the next connection on which the server answers, and keeps the answer. */
  cutBeforeReply(): void;
  /** From now on every piece comes so much later; 0: as it comes. */
  delay(ms: number): void;
  /** The present connections swallow what comes, and stay open. New ones work. */
  swallow(lost: Lost): void;
  /** New connections are closed at once until `accept`. */
  refuse(): void;
  accept(): void;
  dispose(): Promise<void>;
}

interface Pair {
  readonly client: Socket;
  readonly upstream: Socket;
  swallows: Lost | null;
  end(): void;
}

export async function startFaultyProxy(serverPort: number): Promise<FaultyProxy> {
  const pairs = new Set<Pair>();
  let delayMs = 0;
  let refusing = false;
  let requestBytesLeft: number | null = null;
  let replyCut = false;
  let cuts = 0;

  const server = createServer((client) => {
    if (refusing) return void client.destroy();
    const upstream = createConnection(serverPort, "127.0.0.1");
    const pair: Pair = {
      client, upstream, swallows: null,
      end: () => {
        pairs.delete(pair);
        client.destroy();
        upstream.destroy();
      },
    };
    pairs.add(pair);
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      socket.on("error", pair.end);
      socket.on("close", () => {
        // A dead connection stays open at the other end, whoever gives it up here.
        if (pair.swallows === null) pair.end();
        else if (client.destroyed) pair.end();
      });
    }
    client.on("data", (data: Buffer) => {
      if (pair.swallows === "requests" || pair.swallows === "both") return;
      if (requestBytesLeft === null || data.length < requestBytesLeft) {
        if (requestBytesLeft !== null) requestBytesLeft -= data.length;
        return pass(client, upstream, data);
      }
      const part = data.subarray(0, requestBytesLeft);
      requestBytesLeft = null;
      cuts++;
      pairs.delete(pair);
      upstream.write(part, () => upstream.end());
      client.destroy();
    });
    upstream.on("data", (data: Buffer) => {
      if (pair.swallows === "replies" || pair.swallows === "both") return;
      if (!replyCut) return pass(upstream, client, data);
      replyCut = false;
      cuts++;
      pair.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  /** Late pieces stay in order: the one timer's delays are equal, and a shorter one waits for the queue. */
  const queues = new WeakMap<Socket, { data: Buffer; at: number }[]>();
  function pass(from: Socket, to: Socket, data: Buffer): void {
    const queue = queues.get(to) ?? [];
    queues.set(to, queue);
    if (delayMs === 0 && queue.length === 0) return write(from, to, data);
    queue.push({ data, at: performance.now() + delayMs });
    if (queue.length === 1) drain(from, to, queue);
  }

  function drain(from: Socket, to: Socket, queue: { data: Buffer; at: number }[]): void {
    const first = queue[0];
    if (first === undefined || to.destroyed) return void (queue.length = 0);
    setTimeout(() => {
      queue.shift();
      write(from, to, first.data);
      drain(from, to, queue);
    }, Math.max(0, first.at - performance.now()));
  }

  /** A reader that does not keep up is felt by the writer. */
  function write(from: Socket, to: Socket, data: Buffer): void {
    if (to.destroyed || !to.writable || to.write(data)) return;
    from.pause();
    to.once("drain", () => from.resume());
  }

  const cut = (): void => {
    for (const pair of [...pairs]) {
      cuts++;
      pair.end();
    }
  };

  return {
    port: (server.address() as AddressInfo).port,
    get open() { return pairs.size; },
    get cuts() { return cuts; },
    cut,
    cutRequestAfter(bytes) { requestBytesLeft = bytes; },
    cutBeforeReply() { replyCut = true; },
    delay(ms) { delayMs = ms; },
    swallow(lost) {
      for (const pair of pairs) pair.swallows = lost;
    },
    refuse() { refusing = true; },
    accept() { refusing = false; },
    async dispose() {
      for (const pair of [...pairs]) pair.end();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/**
 * A TCP proxy of 127.0.0.1 that breaks a connection at a chosen instant: in the middle of a request, or behind a
 * request and before its reply. Each order is carried out once; connections made afterwards work.
 */
import { createConnection, createServer, type AddressInfo, type Socket } from "node:net";

export interface CuttingProxy {
  readonly port: number;
  /** Lets so many more bytes through to the server, then cuts. */
  cutRequestAfter(bytes: number): void;
  /** Cuts when the server next answers, and keeps the answer. */
  cutBeforeReply(): void;
  /** How often it has cut so far. */
  readonly cuts: number;
  dispose(): Promise<void>;
}

export async function startCuttingProxy(serverPort: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let requestBytesLeft: number | null = null;
  let replyCut = false;
  let cuts = 0;

  const server = createServer((client) => {
    const upstream = createConnection(serverPort, "127.0.0.1");
    const both = [client, upstream];
    const end = (): void => both.forEach((socket) => socket.destroy());
    for (const socket of both) {
      sockets.add(socket);
      socket.on("error", end);
      socket.on("close", () => {
        sockets.delete(socket);
        end();
      });
    }
    client.on("data", (data: Buffer) => {
      if (requestBytesLeft === null) return void upstream.write(data);
      if (data.length < requestBytesLeft) {
        requestBytesLeft -= data.length;
        return void upstream.write(data);
      }
      const part = data.subarray(0, requestBytesLeft);
      requestBytesLeft = null;
      cuts++;
      upstream.write(part, () => {
        upstream.end();
        client.destroy();
      });
    });
    upstream.on("data", (data: Buffer) => {
      if (!replyCut) return void client.write(data);
      replyCut = false;
      cuts++;
      end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  return {
    port: (server.address() as AddressInfo).port,
    cutRequestAfter(bytes) { requestBytesLeft = bytes; },
    cutBeforeReply() { replyCut = true; },
    get cuts() { return cuts; },
    async dispose() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

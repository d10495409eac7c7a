/** Links, logs and servers that one test opens, closed at its end in reverse order; and an empty server to start from. */
import { connectNats, type NatsLink, type NatsOptions } from "../../connectors/nats/connect.js";

interface Closable {
  close(): Promise<void>;
}

export interface Belongings {
  link(url: string, options?: Partial<NatsOptions>): Promise<NatsLink>;
  keep<T extends Closable>(thing: T): T;
  later(close: () => Promise<void>): void;
  close(): Promise<void>;
}

export function belongings(): Belongings {
  const endings: (() => Promise<void>)[] = [];
  const keep = <T extends Closable>(thing: T): T => {
    endings.push(() => thing.close());
    return thing;
  };
  return {
    keep,
    link: async (url, options = {}) => keep(await connectNats({ servers: [url], ...options })),
    later: (close) => void endings.push(close),
    close: async () => {
      for (const end of endings.splice(0).reverse()) await end();
    },
  };
}

export async function removeStreams(link: NatsLink): Promise<void> {
  const manager = await link.nc.jetstreamManager();
  for await (const stream of manager.streams.list()) await manager.streams.delete(stream.config.name);
}

/**
 * TLS with an authority of one's own, and certificates of clients, against real servers: what works with the right files,
 * and what is said with the wrong ones. The same settings as users have, from the command line down.
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { connectNats, ConnectFailed, type NatsLink, type NatsOptions } from "../../connectors/nats/connect.js";
import { openRedisStore } from "../../connectors/redis/store.js";
import { StoreRefused, StoreUnavailable } from "../../engine/ports.js";
import { eddy, folderWith } from "../cli/eddy.js";
import { startNats, type NatsServer } from "../servers/nats.js";
import { freePort } from "../servers/ports.js";
import { startRedis, type RedisServer } from "../servers/redis.js";

const CERTIFICATES = join(dirname(fileURLToPath(import.meta.url)), "certificates");
const file = (name: string): string => join(CERTIFICATES, name);
const caFile = file("ca.pem");
const client = { certFile: file("client.pem"), keyFile: file("client.key") };
const natsTls = (name: string, more = ""): string =>
  ["tls {", `cert_file: "${file(`${name}.pem`)}"`, `key_file: "${file(`${name}.key`)}"`, `ca_file: "${caFile}"`, more, "}"].join("\n");

async function natsFailure(options: NatsOptions): Promise<string> {
  const link: NatsLink | ConnectFailed = await connectNats(options).catch((error: unknown) => {
    if (error instanceof ConnectFailed) return error;
    throw error;
  });
  if (link instanceof ConnectFailed) return link.message;
  await link.close();
  return "it connected";
}

describe("NATS", () => {
  let server: NatsServer;
  const url = (host = "127.0.0.1"): string[] => [`tls://${host}:${server.port}`];
  const restart = async (config: string): Promise<void> => {
    await server.stop();
    await server.start(config);
  };
  beforeAll(async () => { server = await startNats({ config: natsTls("server") }); });
  afterAll(() => server.dispose());

  test("an authority of one's own; also where the address says nats://", async () => {
    for (const servers of [url(), url("localhost"), [`nats://127.0.0.1:${server.port}`]]) {
      const link = await connectNats({ servers, tls: { caFile } });
      expect(await link.nc.rtt()).toBeGreaterThanOrEqual(0);
      await link.close();
    }
  });

  test("without it nothing is said to the server", async () => {
    expect(await natsFailure({ servers: url() })).toMatch(/cannot agree on TLS: .*certificate.*--nats-ca/);
    expect(await natsFailure({ servers: [`nats://me:geheim@127.0.0.1:${server.port}`] })).toMatch(/cannot agree on TLS: .*certificate/);
  });

  test("files that are not there", async () => {
    expect(await natsFailure({ servers: url(), tls: { caFile: "/no/such.pem" } })).toContain("/no/such.pem");
  });

  test("a certificate of somebody else's", async () => {
    await restart(natsTls("elsewhere"));
    expect(await natsFailure({ servers: url(), tls: { caFile } })).toMatch(/IP: 127\.0\.0\.1 is not in the cert's list|does not match certificate/);
  });

  test("certificates of clients", async () => {
    await restart(natsTls("server", "verify: true"));
    const link = await connectNats({ servers: url(), tls: { caFile, ...client } });
    await link.close();
    expect(await natsFailure({ servers: url(), tls: { caFile }, connectTimeoutMs: 500 })).not.toBe("it connected");
  });

  test("a server without TLS where TLS was asked for is refused before credentials are sent", async () => {
    await restart("");
    expect(await natsFailure({ servers: [`tls://me:geheim@127.0.0.1:${server.port}`] })).toContain("does not offer TLS");
    expect(await natsFailure({ servers: [`nats://me:geheim@127.0.0.1:${server.port}`], tls: { caFile } })).toContain("does not offer TLS");
  });
});

/** Null: this redis-server was built without TLS. */
async function redisWithTls(name: string, ...more: string[]): Promise<{ readonly server: RedisServer; readonly url: string } | null> {
  const port = await freePort();
  try {
    const settings = ["--tls-port", String(port), "--tls-cert-file", file(`${name}.pem`), "--tls-key-file", file(`${name}.key`), "--tls-ca-cert-file", caFile, ...more];
    return { server: await startRedis({ settings }), url: `rediss://127.0.0.1:${port}` };
  } catch (error) {
    if (/Missing implement of connection type tls|'tls-port'/.test(String(error))) return null;
    throw error;
  }
}

describe("Redis", () => {
  const opened = async (...args: Parameters<typeof openRedisStore>): Promise<unknown> => {
    try {
      const { store } = await openRedisStore({ maxRetriesPerRequest: 0, ...args[0] });
      await store.close();
      return "it opened";
    } catch (error) {
      return error;
    }
  };

  test("an authority of one's own, and certificates of clients", async (context) => {
    const redis = await redisWithTls("server", "--tls-auth-clients", "yes");
    if (redis === null) return context.skip("this redis-server was built without TLS");
    try {
      const { url } = redis;
      expect(await opened({ url, tls: { caFile, ...client } })).toBe("it opened");
      expect(await opened({ url, tls: client })).toBeInstanceOf(StoreUnavailable);
      expect(String(await opened({ url, tls: client }))).toMatch(/certificate.*--redis-ca/);
      expect(await opened({ url, tls: { caFile } })).toBeInstanceOf(StoreUnavailable);
      expect(String(await opened({ url, tls: { caFile: "/no/such.pem" } }))).toMatch(/cannot read the certificates of authorities for Redis, \/no\/such\.pem/);
      const noPem = await opened({ url, tls: { caFile: fileURLToPath(import.meta.url).replace("tls.test.ts", "certificates/README.md") } });
      expect(noPem).toBeInstanceOf(StoreRefused);
      expect(String(noPem)).toContain("is no PEM file");
    } finally {
      await redis.server.dispose();
    }
  });

  test("a certificate of somebody else's", async (context) => {
    const redis = await redisWithTls("elsewhere", "--tls-auth-clients", "no");
    if (redis === null) return context.skip("this redis-server was built without TLS");
    try {
      expect(String(await opened({ url: redis.url, tls: { caFile } }))).toMatch(/not in the cert's list|does not match certificate/);
    } finally {
      await redis.server.dispose();
    }
  });
});

test("from eddy.yaml to both servers", async (context) => {
  const redis = await redisWithTls("server", "--tls-auth-clients", "yes", "--requirepass", "geheim");
  if (redis === null) return context.skip("this redis-server was built without TLS");
  const nats = await startNats({ config: `${natsTls("server", "verify: true")}\nauthorization { user: eddy, password: geheim }` });
  const folder = folderWith({
    "eddy.yaml": [
      `nats: tls://eddy:geheim@127.0.0.1:${nats.port}`, `nats-ca: ${caFile}`, `nats-cert: ${client.certFile}`, `nats-key: ${client.keyFile}`,
      `redis: ${redis.url.replace("://", "://:geheim@")}`, `redis-ca: ${caFile}`, `redis-cert: ${client.certFile}`, `redis-key: ${client.keyFile}`, "",
    ].join("\n"),
  });
  try {
    const ran = await eddy(["setup", "--partitions", "1"], { folder: folder.path });
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.stdout + ran.stderr).not.toContain("geheim");
    const without = await eddy(["setup"], { folder: folder.path, environment: { EDDY_NATS_CA: file("client.pem") } });
    expect(without.code).toBe(2);
    expect(without.stderr).toMatch(/cannot agree on TLS/);
    expect(without.stderr).not.toContain("geheim");
  } finally {
    await Promise.all([redis.server.dispose(), nats.dispose()]);
    folder.remove();
  }
}, 60_000);

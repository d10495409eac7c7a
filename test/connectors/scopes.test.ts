/** Scopes on a real Redis, a cluster, and embedded. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openEmbedded, type Embedded } from "../../connectors/embedded/open.js";
import { openRedisStore, type OpenedStore } from "../../connectors/redis/store.js";
import { scopeSuite, type ScopeFixture } from "../conformance/scope.js";
import { startRedis, startRedisCluster, type RedisServer } from "../servers/redis.js";

let plain: readonly RedisServer[] = [];
let cluster: readonly RedisServer[] = [];
beforeAll(async () => {
  [plain, cluster] = await Promise.all([startRedis().then((server) => [server]), startRedisCluster()]);
});
afterAll(async () => {
  for (const server of [...plain, ...cluster]) await server.dispose();
});

async function onRedis(servers: readonly RedisServer[]): Promise<ScopeFixture> {
  for (const server of servers) {
    const redis = new Redis(server.url);
    await redis.flushall();
    redis.disconnect();
  }
  const url = `redis://${servers.map(({ port }) => `127.0.0.1:${port}`).join(",")}`;
  const opened: OpenedStore[] = [];
  for (const scope of ["", "fill", "fill"]) opened.push(await openRedisStore({ url }, null, scope));
  const [main, scope, other] = opened as [OpenedStore, OpenedStore, OpenedStore];
  return { main, scope, other, dispose: async () => { for (const { store } of opened) await store.close(); } };
}

async function inFolder(): Promise<ScopeFixture & { readonly dir: string }> {
  const dir = mkdtempSync(join(tmpdir(), "eddy-scope-"));
  const opened: Embedded[] = [];
  for (const scope of [{}, { scope: "fill" }, { scope: "fill" }]) opened.push(await openEmbedded(dir, { create: true, now: Date.now, ...scope }));
  const [main, scope, other] = opened as [Embedded, Embedded, Embedded];
  return {
    dir, main, scope, other,
    async dispose() {
      for (const one of opened) await one.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

scopeSuite("Redis", () => onRedis(plain));
scopeSuite("Redis Cluster", () => onRedis(cluster));
scopeSuite("embedded", inFolder);

test("a name that Eddy uses for something else is refused", async () => {
  for (const name of ["segment", "Fill", "a:b", "ranking"]) await expect(openRedisStore({ url: "redis://127.0.0.1:1" }, null, name)).rejects.toThrow(/name of a scope/);
  const made = await inFolder();
  await expect(openEmbedded(made.dir, { create: false, now: Date.now, scope: "a/b" })).rejects.toThrow(/name of a scope/);
  await made.dispose();
});

test("embedded: reading makes no scope, dropping leaves none; one process at a time fills it, beside the engine of the folder", async () => {
  const { dir, main, scope, dispose } = await inFolder();
  const folder = join(dir, "fill");
  expect((await scope.store.meta(0)).number).toBe(0);
  expect(await main.clear(0, (await main.store.claim(0, "w")).writer)).toBe(true);
  expect(existsSync(folder)).toBe(false);
  const engine = await openEmbedded(dir, { create: false, now: Date.now, engine: true });
  const filler = await openEmbedded(dir, { create: false, now: Date.now, engine: true, scope: "fill" });
  await expect(openEmbedded(dir, { create: false, now: Date.now, engine: true, scope: "fill" })).rejects.toThrow(/in use by an engine/);
  await engine.log.append([{ subject: "events.login.ann", body: "{}" }]);
  expect((await filler.log.info()).last).toBe(1);
  await filler.empty();
  await expect(openEmbedded(dir, { create: false, now: Date.now, engine: true, scope: "fill" })).rejects.toThrow(/in use by an engine/);
  // As whoever was killed while it removed a scope leaves it.
  mkdirSync(join(dir, "fill.gone-0"));
  await filler.drop(null);
  expect(readdirSync(dir).filter((name) => name.startsWith("fill"))).toEqual([]);
  for (const one of [engine, filler]) await one.close();
  const again = await openEmbedded(dir, { create: false, now: Date.now, engine: true, scope: "fill" });
  await again.close();
  await dispose();
});

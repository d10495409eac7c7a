/** Connecting to real servers: with every kind of credentials, over TLS, and what is said when it does not work. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { nkeys } from "nats";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { connectNats, ConnectFailed, type NatsOptions } from "../../connectors/nats/connect.js";
import { natsEventLog } from "../../connectors/nats/event-log.js";
import { setupStreams } from "../../connectors/nats/setup.js";
import { LogUnavailable } from "../../engine/ports.js";
import { recordOf } from "../conformance/event-log.js";
import { startNats, type NatsServer } from "../servers/nats.js";
import { freePort } from "../servers/ports.js";
import { belongings } from "./nats-belongings.js";

const PASSWORD = "pa55:w@rd/s3cret";

let mine = belongings();
let server: NatsServer;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "eddy-connect-"));
  server = await startNats();
});
afterAll(async () => {
  await server.dispose();
  rmSync(folder, { recursive: true, force: true });
});
afterEach(async () => {
  await mine.close();
  mine = belongings();
});

async function restart(config: string): Promise<void> {
  await server.stop();
  await server.start(config);
}

async function failure(options: NatsOptions): Promise<string> {
  try {
    mine.keep(await connectNats(options));
  } catch (error) {
    if (error instanceof ConnectFailed) return error.message;
    throw error;
  }
  throw new Error("it connected");
}

describe("connecting fails", () => {
  test("where nobody listens", async () => {
    const port = await freePort();
    expect(await failure({ servers: [`nats://127.0.0.1:${port}`] })).toBe(
      `no NATS server answers at nats://127.0.0.1:${port}: connection refused. Is it running, and is the address right?`,
    );
  });

  test("where somebody listens who is no NATS server", async () => {
    const mute = createServer();
    await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
    const address = mute.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    try {
      expect(await failure({ servers: [`nats://127.0.0.1:${port}`], connectTimeoutMs: 200 })).toMatch(
        new RegExp(`the NATS server at nats://127.0.0.1:${port} does not answer in time`),
      );
    } finally {
      mute.close();
    }
  });

  test.each(["http://127.0.0.1:4222", "nats://", "nats://user:s3cret@:99999", "::::"])("at %s, which is no address", async (address) => {
    const said = await failure({ servers: [address] });
    expect(said).toContain("is not a NATS address");
    expect(said).not.toContain("s3cret");
  });

  test("without any address", async () => expect(await failure({ servers: [] })).toContain("no NATS address was given"));

  test("with wrong credentials, which are not repeated", async () => {
    await restart(`authorization { user: eddy, password: "${PASSWORD}" }`);
    const wrong = [
      { servers: [server.url] },
      { servers: [server.url], user: "eddy", password: "s3cret-wrong" },
      { servers: [`nats://eddy:s3cret-wrong@127.0.0.1:${server.port}`] },
      { servers: [server.url], token: "s3cret-wrong" },
    ];
    for (const options of wrong) {
      const said = await failure(options);
      expect(said).toBe(`the NATS server at ${server.url} refuses the credentials (user, token, credentials file or nkey)`);
    }
  });

  test("with files that are not there", async () => {
    expect(await failure({ servers: [server.url], credsFile: "/no/such.creds" })).toMatch(/cannot read the credentials file \/no\/such\.creds/);
    const empty = join(folder, "empty.creds");
    writeFileSync(empty, "nothing\n");
    expect(await failure({ servers: [server.url], credsFile: empty })).toMatch(/holds no JWT and seed|cannot connect/);
    expect(await failure({ servers: [server.url], nkeyFile: "/no/such.nk" })).toMatch(/cannot read the nkey file/);
  });
});

describe("credentials", () => {
  test("user and password, apart or in the address", async () => {
    await restart(`authorization { user: eddy, password: "${PASSWORD}" }`);
    const apart = await mine.link(server.url, { user: "eddy", password: PASSWORD });
    const within = await mine.link(`nats://eddy:${encodeURIComponent(PASSWORD)}@127.0.0.1:${server.port}`);
    expect([apart.address, within.address]).toEqual([server.url, server.url]);
  });

  test("a token, apart or in the address", async () => {
    await restart('authorization { token: "t0ken" }');
    await mine.link(server.url, { token: "t0ken" });
    await mine.link(`nats://t0ken@127.0.0.1:${server.port}`);
  });

  test("an nkey", async () => {
    const pair = nkeys.createUser();
    const file = join(folder, "eddy.nk");
    writeFileSync(file, `${new TextDecoder().decode(pair.getSeed())}\n`);
    await restart(`authorization { users: [{ nkey: ${pair.getPublicKey()} }] }`);
    await mine.link(server.url, { nkeyFile: file });
  });

  test("a missing permission is named", async () => {
    await restart(
      `authorization { users: [
        { user: admin, password: admin }
        { user: eddy, password: eddy, permissions: { publish: { deny: ["events.>", "$JS.API.STREAM.CREATE.>"] } } }
      ] }`,
    );
    await setupStreams(await mine.link(server.url, { user: "admin", password: "admin" }), { partitions: 1, clock: "broker" });
    // What the server complains of must have come by then.
    const link = await mine.link(server.url, { user: "eddy", password: "eddy", requestTimeoutMs: 3_000 });
    const log = mine.keep(natsEventLog(link));
    const appending = log.append([recordOf(1)]);
    await expect(appending).rejects.toThrow(LogUnavailable);
    await expect(appending).rejects.toThrow(/no permission for publish on events\.seen\.c1/);
  });
});

const openssl = spawnSync("openssl", ["version"]).status === 0;

describe.runIf(openssl)("TLS", () => {
  const file = (name: string): string => join(folder, name);

  beforeAll(() => {
    const run = (...args: string[]): void => {
      const { status, stderr } = spawnSync("openssl", args, { encoding: "utf8" });
      if (status !== 0) throw new Error(stderr);
    };
    run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
      "-keyout", file("key.pem"), "-out", file("cert.pem"));
  });

  test("with the right authority, and refused without", async () => {
    await restart(`tls { cert_file: "${file("cert.pem")}", key_file: "${file("key.pem")}" }`);
    const link = await mine.link(`tls://localhost:${server.port}`, { tls: { caFile: file("cert.pem") } });
    expect(link.nc.info?.tls_required).toBe(true);
    await setupStreams(link, { partitions: 1, clock: "broker" });
    expect(await failure({ servers: [`tls://localhost:${server.port}`] })).toMatch(/cannot agree on TLS: self-signed certificate/);
    await restart("");
    expect(await failure({ servers: [`tls://localhost:${server.port}`] })).toContain("does not offer TLS");
  });
});

test("a link that is closed says so to its watchers, once", async () => {
  await restart("");
  const link = await mine.link(server.url);
  const states: string[] = [];
  link.watch((state) => states.push(state));
  await link.close();
  await link.close();
  expect(states).toEqual(["connected", "disconnected"]);
  expect(link.state()).toBe("disconnected");
});

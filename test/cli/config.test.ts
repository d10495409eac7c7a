import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";

import { readConfiguration, type Configuration } from "../../cli/config.js";
import { ConfigurationError } from "../../cli/exit.js";
import { findPlace } from "../../cli/place.js";
import { clockInstant, clockKind, settingNames, type SettingName } from "../../cli/settings.js";
import { folderWith, PROJECT } from "./eddy.js";

const folders: { remove(): void }[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) folder.remove();
});

interface Sources {
  readonly flags?: Partial<Record<SettingName, unknown>>;
  readonly environment?: Record<string, string>;
  readonly file?: string;
  readonly config?: string;
}

function read({ flags = {}, environment = {}, file, config }: Sources): Configuration & { readonly folder: string } {
  const folder = folderWith(file === undefined ? {} : { "eddy.yaml": file });
  folders.push(folder);
  const values = new Map(Object.entries(flags) as [SettingName, unknown][]);
  return { ...readConfiguration({ environment, folder: folder.path }, { config, values }), folder: folder.path };
}

/** What is said about it, without the folder. */
function refusal(sources: Sources): string {
  try {
    read(sources);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message;
    throw error;
  }
  return "taken";
}

describe("what wins", () => {
  test("flags over environment over eddy.yaml", () => {
    const file = "partitions: 2\n";
    expect(read({ file }).get("partitions")).toBe(2);
    expect(read({ file, environment: { EDDY_PARTITIONS: "3" } }).get("partitions")).toBe(3);
    expect(read({ file, environment: { EDDY_PARTITIONS: "3" }, flags: { partitions: "4" } }).get("partitions")).toBe(4);
    expect(read({}).get("partitions")).toBeUndefined();
  });

  test("NATS_URL and REDIS_URL are read, EDDY_NATS and EDDY_REDIS before them, empty ones not at all", () => {
    expect(read({ environment: { NATS_URL: "nats://a", REDIS_URL: "redis://b" } }).get("nats")).toEqual(["nats://a"]);
    expect(read({ environment: { NATS_URL: "nats://a", EDDY_NATS: "c" } }).get("nats")).toEqual(["nats://c"]);
    expect(read({ environment: { REDIS_URL: "redis://b", EDDY_REDIS: "" } }).get("redis")).toBe("redis://b");
  });

  test("a flag that stands alone can be turned off again", () => {
    expect(read({ environment: { EDDY_JSON: "1" }, flags: { json: false } }).get("json")).toBe(false);
    expect(read({ environment: { EDDY_JSON: "off" } }).get("json")).toBe(false);
  });

  test("relative paths belong to the current folder, those of a file to the file's folder", () => {
    const folder = folderWith({ "etc/eddy.yaml": "rules: ../rules\nembedded: /var/eddy\n" });
    folders.push(folder);
    const found = readConfiguration({ environment: { EDDY_CONFIG: "etc/eddy.yaml" }, folder: folder.path }, { values: new Map([["events", "in.ndjson"]]) });
    expect([found.get("rules"), found.get("embedded"), found.get("events")]).toEqual([`${folder.path}/rules`, "/var/eddy", `${folder.path}/in.ndjson`]);
    expect(found.file).toBe(`${folder.path}/etc/eddy.yaml`);
  });

  test("- is standard input and no path", () => {
    expect(read({ flags: { rules: "-" } }).get("rules")).toBe("-");
  });
});

describe("values", () => {
  test.each<[SettingName, unknown, unknown]>([
    ["http", "9464", { host: "127.0.0.1", port: 9464 }],
    ["http", 9464, { host: "127.0.0.1", port: 9464 }],
    ["http", "0", { host: "127.0.0.1", port: 0 }],
    ["http", "0.0.0.0:80", { host: "0.0.0.0", port: 80 }],
    ["http", "[::1]:9464", { host: "::1", port: 9464 }],
    ["http", "off", null],
    ["http", false, null],
    ["nats", "a:1, tls://b:2", ["nats://a:1", "tls://b:2"]],
    ["nats", "nats://user:p%40ss@h:4222", ["nats://user:p%40ss@h:4222"]],
    ["redis", "h:6379", "redis://h:6379"],
    ["redis", "rediss://:pw@a:1,b:2/3", "rediss://:pw@a:1,b:2/3"],
    ["until", "2026-03-02", Date.UTC(2026, 2, 2)],
    ["until", "2026-03-02 10:30", Date.UTC(2026, 2, 2, 10, 30)],
    ["until", "2026-03-02T10:00:00+01:00", Date.UTC(2026, 2, 2, 9)],
    ["max-age", "30 days", 30 * 86_400_000],
    ["max-age", "12h", 12 * 3_600_000],
    ["max-age", "forever", 0],
    ["max-bytes", "10 GB", 10_000_000_000],
    ["max-bytes", "1GiB", 2 ** 30],
    ["log-level", "warn", "warn"],
  ])("--%s %j", (name, raw, value) => {
    expect(read({ flags: { [name]: raw } }).get(name)).toEqual(value);
  });

  test.each<[SettingName, string]>([
    ["http", ":9464"], ["http", "h:99999"], ["http", "h:"], ["http", "-1"],
    ["nats", "http://h"], ["nats", "nats://"], ["nats", "a,,b"], ["redis", "redis://"], ["redis", "http://h"],
    ["until", "yesterday"], ["until", "2026-02-30"], ["until", "9999-01-01"],
    ["partitions", "0"], ["partitions", "1025"], ["partitions", "1.5"], ["partitions", "eight"],
    ["max-age", "0 days"], ["max-age", "3 fortnights"], ["max-bytes", "-1"], ["max-bytes", "1 XB"],
    ["log-level", "loud"], ["json", "maybe"], ["rules", ""],
  ])("--%s %j makes no sense", (name, raw) => {
    expect(refusal({ flags: { [name]: raw } })).toMatch(new RegExp(`^--${name}: it .*, not .*\\(from the command line\\)$`));
  });
});

describe("what is said", () => {
  test("the setting, what it must be, the value and where it came from", () => {
    expect(refusal({ environment: { EDDY_PARTITIONS: "many" } })).toBe('--partitions: it must be a whole number from 1 to 1024, not "many" (from EDDY_PARTITIONS)');
    expect(refusal({ file: "rules: .nan\n" })).toBe("--rules: it must be a text, not \"NaN\" (from eddy.yaml, line 1)");
    expect(refusal({ file: "# ours\nhttp: [1, 2]\n" })).toBe("--http: it must be HOST:PORT or off, not a list or group (from eddy.yaml, line 2)");
  });

  test("everything at once", () => {
    expect(refusal({ file: "partitions: x\nlog-level: loud\n", environment: { NATS_URL: "ftp://x" } }).split("\n")).toHaveLength(3);
  });

  test("a bad value of the file also where a flag hides it", () => {
    expect(refusal({ file: "partitions: x\n", flags: { partitions: "3" } })).toMatch(/eddy.yaml, line 1/);
  });

  test("passwords are not repeated", () => {
    expect(refusal({ environment: { NATS_URL: "http://me:geheim@h" } })).toBe('--nats: it must be an address such as nats://127.0.0.1:4222, not "http://me:***@h" (from NATS_URL)');
  });

  test.each([
    ["partitons: 3", 'eddy.yaml:1: there is no setting "partitons": did you mean "partitions"?'],
    ["log_level: info", 'eddy.yaml:1: there is no setting "log_level": did you mean "log-level"?'],
    ["\nlogLevel: info", 'eddy.yaml:2: there is no setting "logLevel": did you mean "log-level"?'],
    ["- a\n- b", 'eddy.yaml: it must hold settings, one a line, such as "http: 127.0.0.1:9464"'],
  ])("eddy.yaml: %j", (file, expected) => {
    expect(refusal({ file })).toBe(expected);
  });

  test("a key that is like none gets the list", () => {
    expect(refusal({ file: "colour: red" })).toMatch(/^eddy.yaml:1: there is no setting "colour"; there are rules, nats,/);
  });

  test("YAML that cannot be read, with its line", () => {
    expect(refusal({ file: 'http: "x\n' })).toMatch(/^eddy.yaml:\d: /);
    expect(refusal({ file: "json: true\njson: false\n" })).toMatch(/^eddy.yaml:2: .*unique/);
  });

  test("an empty file and a key without a value say nothing", () => {
    expect(read({ file: "# nothing\n" }).file).toMatch(/eddy.yaml$/);
    expect(read({ file: "http:\n" }).get("http")).toBeUndefined();
  });

  test("a file that was named must be there", () => {
    expect(refusal({ config: "other.yaml" })).toBe("--config: cannot read other.yaml (from the command line)");
    expect(refusal({ environment: { EDDY_CONFIG: "other.yaml" } })).toBe("--config: cannot read other.yaml (from EDDY_CONFIG)");
  });

  test("a variable with a slip in its name is a warning; others that begin alike are somebody's own", () => {
    expect(read({ environment: { EDDY_PARTITON: "3", EDDY_IMAGE_REGISTRY: "x", EDDY_DEBUG: "1" } }).warnings).toEqual(["the environment variable EDDY_PARTITON is not read: did you mean EDDY_PARTITIONS?"]);
  });
});

describe("--clock is a kind to setup and an instant to send", () => {
  test("each reads its own and passes over the other's unless it is a flag", () => {
    const kind = read({ file: "clock: event" });
    expect(kind.narrow("clock", clockKind, clockInstant)).toBe("event");
    expect(kind.narrow("clock", clockInstant, clockKind)).toBeUndefined();
    const instant = read({ environment: { EDDY_CLOCK: "2026-01-01" } });
    expect(instant.narrow("clock", clockInstant, clockKind)).toBe(Date.UTC(2026, 0, 1));
    expect(instant.narrow("clock", clockKind, clockInstant)).toBeUndefined();
    expect(() => read({ flags: { clock: "event" } }).narrow("clock", clockInstant, clockKind)).toThrow(/must be an instant .* not "event" \(from the command line\)/);
    expect(() => read({ file: "clock: sundial" }).narrow("clock", clockKind, clockInstant)).toThrow(/must be broker or event, not "sundial" \(from eddy.yaml, line 1\)/);
  });
});

describe("where log and state are", () => {
  const place = (sources: Sources, need: "log" | "store" | "both" = "both"): unknown => {
    const configuration = read(sources);
    return findPlace(configuration, { folder: "/here" }, need);
  };

  test("without any address, the folder .eddy here", () => {
    expect(place({})).toEqual({ k: "embedded", folder: "/here/.eddy" });
  });

  test("servers by their addresses", () => {
    expect(place({ environment: { NATS_URL: "nats://a", REDIS_URL: "redis://b" } })).toEqual({ k: "servers", nats: { servers: ["nats://a"] }, redis: { url: "redis://b" } });
    expect(place({ flags: { nats: "a" } }, "log")).toMatchObject({ k: "servers", nats: { servers: ["nats://a"] } });
  });

  test("credentials and certificates for each, with relative files at their own folders", () => {
    const file = "nats: tls://a\nredis: rediss://b\nnats-nkey: seed.nk\nnats-ca: ca.pem\nredis-cert: me.pem\nredis-key: me.key";
    const found = place({ file }) as { nats: { nkeyFile: string; tls: { caFile: string } }; redis: { tls: object } };
    expect(found.nats.nkeyFile).toMatch(/^\/.*\/seed\.nk$/);
    expect(found.nats.tls).toEqual({ caFile: expect.stringMatching(/^\/.*\/ca\.pem$/) as string });
    expect(found.redis.tls).toEqual({ certFile: expect.stringMatching(/\/me\.pem$/) as string, keyFile: expect.stringMatching(/\/me\.key$/) as string });
  });

  test.each([
    [{ "nats-cert": "/c.pem" }, "--nats-key is missing: --nats-cert is set (from the command line), and a certificate and its key belong together"],
    [{ "redis-key": "/k.pem", redis: "rediss://b" }, "--redis-cert is missing: --redis-key is set"],
    [{ "nats-creds": "/a.creds", "nats-nkey": "/a.nk" }, "--nats-creds (from the command line) and --nats-nkey (from the command line) exclude each other"],
    [{ "redis-ca": "/ca.pem" }, "--redis-ca (from the command line) is for TLS: write the address of Redis with rediss://"],
  ])("what does not belong together is refused: %j", (flags, said) => {
    expect(() => place({ flags: { nats: "nats://a", redis: "redis://b", ...flags } })).toThrow(said);
  });

  test("what was said more closely wins", () => {
    expect(place({ flags: { embedded: "/d" }, environment: { NATS_URL: "nats://a", REDIS_URL: "redis://b" } })).toEqual({ k: "embedded", folder: "/d" });
    expect(place({ file: "embedded: /d", environment: { NATS_URL: "nats://a", REDIS_URL: "redis://b" } })).toMatchObject({ k: "servers" });
  });

  test("two places named alike exclude each other", () => {
    expect(() => place({ flags: { embedded: "/d", nats: "a" } })).toThrow("--embedded (from the command line) and addresses of servers (from the command line) exclude each other");
  });

  test("one address alone is not enough for both", () => {
    expect(() => place({ environment: { NATS_URL: "nats://a" } })).toThrow("--redis is missing: an address of NATS is set (from NATS_URL)");
    expect(() => place({ flags: { redis: "b" } })).toThrow("--nats is missing: an address of Redis is set (from the command line)");
  });
});

describe("docs/configuration.md", () => {
  const text = readFileSync(join(PROJECT, "docs/configuration.md"), "utf8");

  test("knows every setting, and none that there is not", () => {
    const rows = [...text.matchAll(/^\| ((?:`[a-z-]+`(?:, )?)+) \|/gm)].flatMap((row) => [...(row[1] ?? "").matchAll(/`([a-z-]+)`/g)].map((found) => found[1] ?? ""));
    expect(rows.sort()).toEqual([...settingNames].sort());
  });

  test("shows an eddy.yaml that is taken as it is", () => {
    const example = /```yaml\n([\s\S]*?)```/.exec(text)?.[1] ?? "";
    const configuration = read({ file: example });
    expect(configuration.get("nats")).toEqual(["nats://127.0.0.1:4222"]);
    expect(configuration.narrow("clock", clockKind)).toBe("broker");
    expect(configuration.get("max-age")).toBe(400 * 86_400_000);
  });
});

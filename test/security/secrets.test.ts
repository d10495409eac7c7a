/**
 * Secrets in every place where they may stand, and everything that the program says searched for them; texts that steer
 * terminals, in every place from which they may come. By the real program where it is worth its time.
 */
import { Writable } from "node:stream";
import { describe, expect, test } from "vitest";
import { nkeys } from "nats";

import { readConfiguration } from "../../cli/config.js";
import { createLog } from "../../cli/logging.js";
import { main, report } from "../../cli/main.js";
import { redact, redactText } from "../../cli/redact.js";
import { visible, visibleLines } from "../../cli/visible.js";
import { createMetrics } from "../../connectors/http/metrics.js";
import { engineStats } from "../../engine/stats.js";
import { eddy, folderWith } from "../cli/eddy.js";

const SEED = new TextDecoder().decode(nkeys.createUser().getSeed());
const JWT = "eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.eyJqdGkiOiJHRUhFSU0iLCJzdWIiOiJVQUJDIn0.c2lnbmF0dXJlX29mX2dlaGVpbQ";
const CREDS = `-----BEGIN NATS USER JWT-----\n${JWT}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n${SEED}\n------END USER NKEY SEED------\n`;
const KEY = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49geheim\ngeheimAgEGCCqGSM49AwEHBG0wawIBAQQg\n-----END PRIVATE KEY-----";

/** Each holds one or more of these. */
const SECRETS = ["geheim", "ge%68eim", "ge%2Fheim", SEED, JWT, "c2lnbmF0dXJl", "GEHEIM"];
const PLACES: readonly string[] = [
  "nats://me:geheim@h:4222", "nats://geheim@h", "tls://me:ge%68eim@h", "redis://:geheim@h", "rediss://me:ge%2Fheim@h:6380/1", "redis://me:ge@heim:geheim@h",
  "nats://a:geheim@h1,nats://b:geheim@h2", "nats://a:geheim@h1, nats://b:geheim@h2", "nats://a:geheim@h1,b:geheim@h2:4222", "redis://me:geheim@a:1,b:2,c:3",
  'connect "nats://me:geheim@h" failed', "(nats://me:geheim@h)", "[redis://me:geheim@::1]", "redis://me:geheim@[::1]:6379", "NATS://ME:geheim@H", "me:geheim@h",
  "https://h/x?token=geheim", "https://h/x?a=1&password=geheim#b", "x?pwd=geheim&y=1", CREDS, JSON.stringify({ file: CREDS }), KEY, JSON.stringify(KEY), `seed ${SEED}.`, `Authorization: Bearer ${JWT}`,
  KEY.slice(0, 80),
];

const clean = (text: string): void => { for (const secret of SECRETS) expect(text).not.toContain(secret); };

describe("texts lose their secrets", () => {
  test.each(PLACES)("%j", (text) => {
    clean(redactText(text));
    clean(JSON.stringify(redact({ text, list: [text], deep: { er: { still: text } } })));
  });

  test("what is no secret stays", () => {
    for (const text of ["the engine ended", "SUPERCALIFRAGILISTIC", "see https://nats.io/docs#tls", "c42@example.com", "eyJ", "UABCDEFGHIJKLMNOPQRSTUVWXYZ234567"]) expect(redactText(text)).toBe(text);
  });
});

describe("errors", () => {
  class Refused extends Error { override readonly name = "StoreRefused"; }
  const withCommand = (): Error => Object.assign(new Error("NOAUTH redis://me:geheim@h"), { command: { name: "auth", args: ["me", "geheim"] }, cause: new Error("geheim") });
  const capture = (): { readonly to: Writable; text(): string } => {
    let text = "";
    return { to: new Writable({ write(chunk, _encoding, done) { text += String(chunk); done(); } }), text: () => text };
  };

  test.each([true, false])("in the log, with stacks and without (readable: %s), at any depth, with what clients hang on them", (readable) => {
    for (const stacks of [true, false]) {
      const { to, text } = capture();
      const log = createLog({ level: "debug", to, readable, stacks }).with({ where: "nats://me:geheim@h" });
      log.error("lost redis://me:geheim@h", { err: withCommand(), again: { err: withCommand(), list: [withCommand()] }, password: "geheim", options: { pass: "geheim", auth_token: "geheim", key: KEY } });
      expect(text()).toContain("NOAUTH");
      clean(text());
    }
  });

  test.each(["1", "0"])("at the end of the program, EDDY_DEBUG=%s", (debug) => {
    const { to, text } = capture();
    const io = { stderr: to, stdout: to, environment: { EDDY_DEBUG: debug } } as unknown as Parameters<typeof report>[1];
    for (const error of [new Refused("redis://me:geheim@h is wrong"), new TypeError(`no ${SEED}`), withCommand(), "thrown nats://me:geheim@h"]) report(error, io);
    expect(text()).toContain("is wrong");
    clean(text());
  });
});

describe("settings that make no sense", () => {
  test.each([
    ["redis", "redis://me:ge heim geheim@h"], ["redis", "http://me:geheim@h"], ["redis", "redis//me:geheim@h/x/y"], ["redis", "redis://me:geheim@h/x"], ["redis", "redis://me:a@geheim@h h"],
    ["nats", "nats:/me:geheim@h"], ["nats", "nats://me:geheim@h/path"], ["nats", "nats://me:ge heim geheim@h,:"], ["nats", "nats://me:geheim@h:99999"], ["nats", "geheim@@"], ["nats", "amqp://geheim@h"],
    ["http", "nats://me:geheim@h"], ["partitions", "nats://me:geheim@h"],
  ])("--%s %s", (name, value) => {
    for (const environment of [{ [`EDDY_${name.toUpperCase()}`]: value }]) {
      let said = "";
      try { readConfiguration({ environment, folder: "/" }, { values: new Map() }); } catch (error) { said = String(error); }
      expect(said).toContain(`--${name}`);
      expect(said).not.toContain("geheim");
    }
  });

  test("eddy.yaml that cannot be read quotes nothing of it", async () => {
    const folder = folderWith({ "eddy.yaml": "redis: \"redis://me:geheim@h\nnats: [nats://me:geheim@h\n\tpassword: geheim: geheim\n" });
    try {
      let text = "";
      const to = new Writable({ write(chunk, _encoding, done) { text += String(chunk); done(); } });
      const io = { stdin: process.stdin, stdout: to, stderr: to, environment: { EDDY_DEBUG: "1" }, folder: folder.path, terminal: false, now: () => 0, interrupted: () => new Promise<never>(() => undefined) };
      expect(await main(["run"], io)).toBe(2);
      expect(text).toContain("eddy.yaml");
      expect(text).not.toContain("geheim");
    } finally {
      folder.remove();
    }
  });
});

describe("terminals are not steered", () => {
  const EVIL = "\u001b[2J\u001b]0;owned\u0007\u009b31m\r\nforged line\u202egnp.exe\u2066\u007f\b";
  const STEERING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

  test("one line stays one line, several stay several", () => {
    expect(visible(EVIL)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
    expect(visibleLines(`a\n${EVIL}`)).not.toMatch(STEERING);
    expect(JSON.parse(visibleLines(JSON.stringify({ EVIL }, null, 2)))).toEqual({ EVIL });
    expect(visible("Łódź 🙂 שלום")).toBe("Łódź 🙂 שלום");
  });

  test("by customers, events, profiles and names of files, through every command", async () => {
    const event = (id: string, type: string, data: object): string => JSON.stringify({ id: `${id}${EVIL}`, source: EVIL, type, subject: EVIL, time: "2026-03-02T10:00:00Z", data });
    const folder = folderWith({
      "rules/shop.eddy": 'event e { s: string }\nprofile { name: string? }\ntrait t = last(e.s)\nsegment s when count(e) > 0\nrule r { on e emit "x" { s: event.s } }\nrule w { on e wait 30 days emit "later" }\ntest "t" { at 2026-03-02 10:00 e { s: "\\u001b[2J" } expect emit "y" { s: "\\u009b" } }',
      "events.ndjson": `${event("1", "e", { s: EVIL })}\n${event("2", "profile_updated", { name: EVIL })}\n${event("3", "e", { s: 1 })}\n{"id":"x","type":"eddy_${"\\u001b[2J"}","subject":"c"}\n`,
    });
    const ran = (...args: string[]): Promise<string> => eddy(args, { folder: folder.path }).then(({ stdout, stderr }) => stdout + stderr);
    try {
      const said = [
        await ran("replay", "rules", "--events", "events.ndjson", "--json"), await ran("test", "rules", "--explain"), await ran("setup", "--clock", "event"), await ran("send", "events.ndjson"),
        await ran("inspect", EVIL), await ran("explain", EVIL, "s"),
      ];
      // What one typed oneself may stand on two lines.
      const typed = [await ran("check", `${EVIL}.eddy`), await ran("explain", "c", EVIL), await ran(EVIL), await ran("run", "rules", "--http", EVIL)];
      for (const text of typed) expect(text).not.toMatch(STEERING);
      for (const text of said) {
        expect(text).not.toBe("");
        expect(text).not.toMatch(STEERING);
        expect(text).not.toMatch(/^forged line/m);
      }
    } finally {
      folder.remove();
    }
  }, 60_000);
});

test("labels of metrics: no name ends a line or a label", async () => {
  const evil = 'a"b\\c\nd{e}';
  const stats = engineStats();
  const metrics = createMetrics({
    stats, figures: () => null, lastReloadSuccessful: () => true, connections: () => new Map(),
    program: () => ({ hash: evil, events: [{ name: evil, wire: evil, fields: [] }], segments: [], rules: [], channels: [{ name: evil, policies: [] }], rankings: [], metrics: [], populations: [], experiments: [] }),
  });
  const { text } = await metrics.render();
  expect(text).toContain('hash="a\\"b\\\\c\\nd{e}"');
  for (const line of text.split("\n")) expect(line).toMatch(/^(?:#.*|[a-z0-9_]+(?:\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*\})? \S+|)$/);
});

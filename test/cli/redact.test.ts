import { describe, expect, test } from "vitest";

import { redact, redactUrl } from "../../cli/redact.js";

describe("addresses lose their secrets", () => {
  test.each([
    ["nats://127.0.0.1:4222", "nats://127.0.0.1:4222"],
    ["nats://me:geheim@h:4222", "nats://me:***@h:4222"],
    ["nats://token@h:4222", "nats://***@h:4222"],
    ["redis://:geheim@h/3", "redis://:***@h/3"],
    ["redis://:ge@he/im@h", "redis://:***@h"],
    ["redis://:gehe,im@h", "redis://:***@h"],
    ["nats://a:geheim@h1,nats://b:geheim@h2", "nats://a:***@h1,nats://b:***@h2"],
    ["cannot reach nats://me:geheim@h: refused, and tls://x:geheim@y", "cannot reach nats://me:***@h: refused, and tls://x:***@y"],
    ["me:geheim@h:4222", "me:***@h:4222"],
    ["https://h/x?token=geheim&page=2", "https://h/x?token=***&page=2"],
    ["https://h/x?page=2&auth_token=geheim#top", "https://h/x?page=2&auth_token=***#top"],
    ["write to someone@example.com", "write to someone@example.com"],
    ["http://[::1]:9464/metrics", "http://[::1]:9464/metrics"],
  ])("%s", (text, expected) => {
    expect(redactUrl(text)).toBe(expected);
  });
});

test("fields named after secrets lose their values, at any depth; others stay", () => {
  const fields = { password: "geheim", user: "me", nested: { apiToken: "geheim", urls: ["redis://:geheim@h"], nkey: "SU…", credsFile: "/a.creds" }, seed: null, count: 3 };
  const clean = redact(fields);
  expect(clean).toEqual({ password: "***", user: "me", nested: { apiToken: "***", urls: ["redis://:***@h"], nkey: "***", credsFile: "/a.creds" }, seed: null, count: 3 });
  expect(JSON.stringify(clean)).not.toContain("geheim");
});

test("what is nested in itself is cut", () => {
  const loop: Record<string, unknown> = {};
  loop["self"] = loop;
  expect(JSON.stringify(redact(loop))).toContain("…");
});

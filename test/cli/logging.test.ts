import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";

import { createLog, type LoggingOptions } from "../../cli/logging.js";

function logged(options: Partial<LoggingOptions>, act: (log: ReturnType<typeof createLog>) => void): string {
  const to = new PassThrough();
  act(createLog({ level: "info", to, readable: false, stacks: false, ...options }));
  return ((to.read() as Buffer | null) ?? Buffer.alloc(0)).toString("utf8");
}

const json = (text: string): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>;

describe("JSON lines", () => {
  test("level, time, message and fields, one line each", () => {
    const { time, ...rest } = json(logged({}, (log) => log.info("claimed", { partition: 3 })));
    expect(rest).toEqual({ level: "info", partition: 3, message: "claimed" });
    expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  test("secrets stay out, in the message, in fields and in errors", () => {
    const line = logged({ stacks: true }, (log) => log.error("lost nats://a:geheim@h", { err: new Error("no answer from redis://:geheim@h"), token: "geheim", url: "nats://a:geheim@h" }));
    expect(line).not.toContain("geheim");
    expect(json(line)).toMatchObject({ message: "lost nats://a:***@h", url: "nats://a:***@h", token: "***", err: { message: "no answer from redis://:***@h" } });
  });

  test("children keep their fields, redacted", () => {
    expect(json(logged({}, (log) => log.with({ partition: 2, password: "geheim" }).info("x")))).toMatchObject({ partition: 2, password: "***" });
  });

  test("stacks only where asked for", () => {
    const fail = (log: ReturnType<typeof createLog>): void => log.error("y", { err: new Error("x") });
    expect(json(logged({}, fail))["err"]).toEqual({ name: "Error", message: "x" });
    expect(json(logged({ stacks: true }, fail))["err"]).toMatchObject({ stack: expect.stringContaining("logging.test") });
  });

  test("below the level nothing is written", () => {
    expect(logged({ level: "warn" }, (log) => log.info("x"))).toBe("");
    expect(logged({ level: "silent" }, (log) => log.error("x"))).toBe("");
  });
});

describe("readable lines", () => {
  const plain = (text: string): string => text.replace(/\u001b\[\d*m/g, "");

  test("time of day, level, message, fields", () => {
    const line = plain(logged({ readable: true }, (log) => log.warn("lost it", { partition: 3, where: "a b", list: [1] })));
    expect(line).toMatch(/^\d\d:\d\d:\d\d\.\d{3} warn  lost it partition=3 where="a b" list=\[1\]\n$/);
  });

  test("an error follows the message", () => {
    expect(plain(logged({ readable: true }, (log) => log.error("no connection", { err: new Error("refused") })))).toMatch(/error no connection: refused\n$/);
  });

  test("what comes from outside cannot steer the terminal", () => {
    const line = plain(logged({ readable: true }, (log) => log.info("evil \u001b]0;title", { customer: "\u001b[2Jx\u0007" })));
    expect(line).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
    expect(line).toContain("evil \\u001b]0;title");
  });
});

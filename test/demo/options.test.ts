/** What may be said behind `npm start --`. */
import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { readOptions, type DemoOptions } from "../../cli/demo/options.js";
import { EXIT } from "../../cli/exit.js";
import type { Io } from "../../cli/io.js";
import { report } from "../../cli/main.js";

const io = (): Io & { readonly stdout: PassThrough; readonly stderr: PassThrough } => ({
  stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough(), environment: {}, folder: "/shop", terminal: false,
  now: () => 0, interrupted: () => new Promise(() => undefined),
});

const usual: DemoOptions = { once: null, seed: 1, lines: false, perSecond: 4000, http: undefined, folder: null };

test.each<[string, Partial<DemoOptions>]>([
  ["", {}],
  ["--once", { once: 100_000 }],
  ["--once 500 --seed 7", { once: 500, seed: 7 }],
  ["--once --lines", { once: 100_000, lines: true }],
  ["--rate 250", { perSecond: 250 }],
  ["--rate max", { perSecond: null }],
  ["--http off", { http: null }],
  ["--http 0.0.0.0:9000", { http: { host: "0.0.0.0", port: 9000 } }],
  ["--embedded store", { folder: "/shop/store" }],
  ["--embedded=/tmp/x --seed=0", { folder: "/tmp/x", seed: 0 }],
])("npm start -- %s", (line, given) => {
  expect(readOptions(line.split(" ").filter((word) => word !== ""), io())).toEqual({ ...usual, ...given });
});

test.each([
  ["--once 0", /^eddy: --once: it must be a whole number from 1 to 1000000000, not "0"$/m],
  ["--once many", /--once: .* not "many"/],
  ["--seed 1.5", /--seed: it must be a whole number/],
  ["--seed 4294967296", /--seed/],
  ["--rate 0", /--rate: .*, or max, not "0"/],
  ["--http here", /--http: it must be HOST:PORT/],
  ["--embedded", /option '--embedded <DIR>' argument missing/],
  ["--speed 3", /unknown option '--speed'/],
  ["fast", /too many arguments/],
])("npm start -- %s is refused, with the reason", (line, reason) => {
  const world = io();
  let code: number | null = null;
  try {
    readOptions(line.split(" "), world);
  } catch (error) {
    code = report(error, world);
  }
  expect(code).toBe(EXIT.usage);
  expect(String(world.stderr.read())).toMatch(reason);
});

test("the help goes to standard output and is no mistake", () => {
  const world = io();
  expect(() => readOptions(["--help"], world)).toThrow();
  expect(String(world.stdout.read())).toMatch(/--once \[N\]/);
  expect(world.stderr.read()).toBeNull();
});

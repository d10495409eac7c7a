/** The demonstration as `npm start` runs it, in a process of its own: rules, engine, embedded log and store, summary. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openEmbedded } from "../../connectors/embedded/open.js";
import { eddy, PROJECT, type Ran } from "../cli/eddy.js";

const EVENTS = 3_000;

let parent = "";
beforeAll(() => { parent = mkdtempSync(join(tmpdir(), "eddy-demo-")); });
afterAll(() => rmSync(parent, { recursive: true, force: true }));

interface Demonstration extends Ran {
  readonly store: string;
}

function start(...args: readonly string[]): { readonly child: ChildProcess; readonly ended: Promise<Ran> } {
  const child = spawn(process.execPath, [join(PROJECT, "bin/start.mjs"), "--http", "off", ...args], { cwd: PROJECT });
  const ended = new Promise<Ran>((resolve, reject) => {
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr: stderr.replace(/^eddy: building …\n/, "") }));
  });
  return { child, ended };
}

async function once(name: string, ...args: readonly string[]): Promise<Demonstration> {
  const store = join(parent, name);
  return { ...(await start("--once", String(EVENTS), "--rate", "max", "--embedded", store, ...args).ended), store };
}

/** All that the engine published, by partition, in order. */
async function outputsOf(store: string): Promise<unknown[][]> {
  const { log, outputs, close } = await openEmbedded(store, { create: false, now: Date.now });
  try {
    const { partitions } = await log.info();
    return await Promise.all(Array.from({ length: partitions }, async (_, index) => outputs.read(index, 1, await outputs.last(index))));
  } finally {
    await close();
  }
}

/** After a midnight, who is settled first under the new figures, and behind which event, depends on the machine; what is published does not. */
const withoutOrder = (outputs: readonly unknown[][]): readonly string[][] =>
  outputs.map((ofOne) => ofOne.map((output) => JSON.stringify({ ...(output as object), number: 0, cause: 0 })).sort());

/** Segments with their figures, actions by rule, newest actions: all but what depends on the machine. */
const result = ({ stdout }: Ran): string => stdout.slice(stdout.indexOf("\nSegments"), stdout.indexOf("Look next"));

const figure = (text: string, name: string): number => Number(new RegExp(`^  ${name} +([\\d,]+)`, "m").exec(text)?.[1]?.replaceAll(",", ""));

describe("once, with a summary", () => {
  let first: Demonstration;
  beforeAll(async () => { first = await once("first", "--seed", "7"); });

  test("it ends well, without a word on stderr or a control sequence", () => {
    expect(first).toMatchObject({ code: 0, stderr: "" });
    expect(first.stdout).not.toContain("\x1b");
    expect(first.stdout).toMatch(/^3,000 events of \d+ customers in \d+:\d\d/m);
    expect(first.stdout).toMatch(/^[\d,]+ actions, 0 dead letters; the simulated clock: \w+ \d+ Jan 2018/m);
    expect(first.stdout).toMatch(/^From log to commit: p50 [\d.]+ m?s, p99 [\d.]+ m?s, max [\d.]+ m?s\.$/m);
  });

  test("what the summary counts is what was published", async () => {
    const bodies = (await outputsOf(first.store)).flat() as { subject: string; body: string }[];
    const events = bodies.map(({ subject, body }) => ({ ...(JSON.parse(body) as { rule?: string; data: { segment?: string } }), subject }));
    const actions = events.filter(({ subject }) => subject.startsWith("actions."));
    expect(actions.length).toBeGreaterThan(500);
    expect(Number(/^([\d,]+) actions/m.exec(first.stdout)?.[1]?.replaceAll(",", ""))).toBe(actions.length);
    for (const rule of ["welcome", "cart_recovery", "first_visit", "second_order"]) {
      expect(figure(first.stdout, rule), rule).toBe(events.filter((each) => each.rule === rule).length);
      expect(figure(first.stdout, rule), rule).toBeGreaterThan(0);
    }
    const members = (segment: string): number => events.reduce((size, { subject, data }) => size + (data.segment !== segment ? 0 : subject.endsWith(".entered") ? 1 : -1), 0);
    for (const segment of ["new_customer", "just_bought"]) {
      expect(figure(first.stdout, segment), segment).toBe(members(segment));
      expect(figure(first.stdout, segment), segment).toBeGreaterThan(0);
    }
  });

  test("the same seed, the same again: every output of every partition; another seed, others", async () => {
    const second = await once("second", "--seed", "7", "--rate", "3000");
    expect(second.code).toBe(0);
    expect(result(second)).toBe(result(first));
    expect(withoutOrder(await outputsOf(second.store))).toEqual(withoutOrder(await outputsOf(first.store)));
    const other = await once("other", "--seed", "8");
    expect(result(other)).not.toBe(result(first));
  });

  test("the commands that it names do what they say", async () => {
    const commands = [...first.stdout.matchAll(/^ {4}bin\/eddy (.*)$/gm)].map(([, line]) => (line ?? "").split(" "));
    expect(commands.map(([name]) => name)).toEqual(["inspect", "check"]);
    const [inspect, check] = await Promise.all(commands.map((args) => eddy(args, { folder: PROJECT })));
    expect(inspect).toMatchObject({ code: 0, stderr: "" });
    expect(inspect?.stdout.split(",")[0]).toBe(commands[0]?.[1]);
    expect(inspect?.stdout).toMatch(/last actions, newest first\n {2}2018-01-/);
    expect(check?.code).toBe(0);
  });
});

describe("until told to end", () => {
  test.each(["SIGINT", "SIGTERM"] as const)("%s ends it in order: lines before, a summary, exit code 0, the folder stays", async (signal) => {
    const store = join(parent, signal);
    const { child, ended } = start("--rate", "500", "--embedded", store);
    await new Promise<void>((resolve) => {
      let seen = "";
      child.stdout?.on("data", (text: string) => / [1-9][\d,]* events .* p50 /.test((seen += text)) && resolve());
    });
    child.kill(signal);
    // What npm does with a Ctrl-C that the terminal has sent already.
    child.kill(signal);
    const { code, stdout, stderr } = await ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^The rules in rules at work on made-up customers; log and state in /);
    expect(stdout).toMatch(/^\d:\d\d  2018-01-\d\d \d\d:\d\d  [\d,]+ events  [\d,]+\/s  p50 /m);
    const stays = /\nLog and state stay in (.+)\.\n$/.exec(stdout)?.[1];
    expect(resolve(PROJECT, stays ?? "")).toBe(store);
    const published = (await outputsOf(store)).flat() as { subject: string }[];
    expect(Number(/^([\d,]+) actions/m.exec(stdout)?.[1])).toBe(published.filter(({ subject }) => subject.startsWith("actions.")).length);
  });
});

test("a mistake on the command line is told, and nothing is started", async () => {
  expect(await start("--once", "none").ended).toEqual({
    code: 2, stdout: "", stderr: 'eddy: --once: it must be a whole number from 1 to 1000000000, not "none"\n',
  });
});

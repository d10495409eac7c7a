/** What only the embedded adapters do: one folder, several processes, deaths, power cuts, full disks. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import {
  copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { open as openLmdb, type RootDatabaseOptionsWithPath } from "lmdb";
import ts from "typescript";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { restoreCheckpoint } from "../../connectors/embedded/checkpoint.js";
import { FolderRefused } from "../../connectors/embedded/failures.js";
import { textKeys } from "../../connectors/embedded/keys.js";
import type { Embedded, EmbeddedOptions } from "../../connectors/embedded/open.js";
import { openEmbedded } from "../../connectors/embedded/open.js";
import type { Timer } from "../../connectors/embedded/timer.js";
import type { LogReader, NewRecord } from "../../engine/ports.js";
import { LogChanged, LogClosed, LogMissing, StoreRefused, StoreUnavailable } from "../../engine/ports.js";
import { allMembers, allStates, allWakes, commitOf, outputOf } from "../conformance/state-store.js";

const P = 3;
const MINUTE_MS = 60_000;
const decoder = new TextDecoder();

let dir: string;
const opened: Embedded[] = [];
const children: ChildProcess[] = [];

beforeEach(() => {
  dir = join(mkdtempSync(join(tmpdir(), "eddy-embedded-")), "folder");
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  for (const one of opened.splice(0)) await one.close();
  rmSync(dirname(dir), { recursive: true, force: true });
});

async function open(options: Partial<EmbeddedOptions> = {}, at = dir): Promise<Embedded> {
  const one = await openEmbedded(at, { create: true, now: Date.now, ...options });
  opened.push(one);
  return one;
}

/** In a process of its own: whoever closes the lock file takes LMDB's locks on it from all of their process. */
function setNewest(by: number, magicBy = 0): void {
  const change = `const fs = require("fs"), lock = fs.openSync(process.argv[1], "r+"), head = Buffer.alloc(16); fs.readSync(lock, head, 0, 16, 0);
    head.writeUInt32LE(head.readUInt32LE() + ${magicBy}); head.writeBigUInt64LE(head.readBigUInt64LE(8) + BigInt(${by}), 8); fs.writeSync(lock, head, 0, 16, 0)`;
  const { status, stderr } = spawnSync(process.execPath, ["-e", change, join(dir, "eddy.mdb-lock")], { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
}

/** Time stands until it is moved on. */
function virtualTimer(): Timer & { advance(ms: number): void; readonly waiting: number } {
  const due = new Set<{ readonly at: number; readonly act: () => void }>();
  let now = 0;
  return {
    after(ms, act) {
      const one = { at: now + ms, act };
      due.add(one);
      return () => due.delete(one);
    },
    get waiting() { return due.size; },
    advance(ms) {
      const until = now + ms;
      for (;;) {
        const next = [...due].sort((a, b) => a.at - b.at)[0];
        if (next === undefined || next.at > until) break;
        due.delete(next);
        now = next.at;
        next.act();
      }
      now = until;
    },
  };
}

const event = (n: number, parts: Partial<NewRecord> = {}): NewRecord => ({ subject: "events.seen.c1", body: `{"n":${n}}`, ...parts });

/** For looking into the file past Eddy. */
const raw = (at: string): RootDatabaseOptionsWithPath => ({
  path: join(at, "eddy.mdb"), noSubdir: true, encoding: "binary", keyEncoder: textKeys, noSync: true, overlappingSync: false,
});

/** Changes what stands in the table of rows, as nothing of Eddy's would. */
async function editMeta(key: string, change: (row: Record<string, unknown>) => Record<string, unknown>): Promise<void> {
  const root = openLmdb<Buffer, string>(raw(dir));
  const meta = root.openDB<Buffer, string>("meta", raw(dir));
  const row = meta.get(key);
  meta.putSync(key, Buffer.from(JSON.stringify(change(row === undefined ? {} : (JSON.parse(row.toString()) as Record<string, unknown>)))));
  await root.close();
}

// --------------------------------------------------------------------------------------------------- processes

const project = join(dirname(fileURLToPath(import.meta.url)), "../..");
let compiled = "";

/** Other processes cannot run TypeScript, so what they run is compiled, once. */
beforeAll(() => {
  compiled = mkdtempSync(join(tmpdir(), "eddy-compiled-"));
  const sources = [
    ...readdirSync(join(project, "connectors/embedded")).map((name) => `connectors/embedded/${name}`),
    "engine/ports.ts", "engine/subjects.ts", "test/connectors/embedded-child.ts",
  ];
  for (const source of sources) {
    const { outputText } = ts.transpileModule(readFileSync(join(project, source), "utf8"), {
      compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
    });
    const target = join(compiled, source.replace(/\.ts$/, ".js"));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, outputText);
  }
  writeFileSync(join(compiled, "package.json"), '{"type":"module"}');
  symlinkSync(join(project, "node_modules"), join(compiled, "node_modules"));
});
afterAll(() => rmSync(compiled, { recursive: true, force: true }));

interface Running {
  readonly child: ChildProcess;
  readonly lines: string[];
  /** Resolves at the first line that begins so. */
  said(beginning: string): Promise<string>;
  /** Resolves with the exit code; null when a signal ended it. */
  readonly ended: Promise<number | null>;
}

function run(command: readonly string[]): Running {
  const [program = "", ...args] = command;
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  children.push(child);
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  let rest = "";
  let complaints = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts);
    for (const look of waiting) look();
  });
  child.stderr?.on("data", (chunk: Buffer) => { complaints += chunk.toString(); });
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  return {
    child, lines, ended,
    said: (beginning) => new Promise((resolve, reject) => {
      const look = (): void => {
        const line = lines.find((one) => one.startsWith(beginning));
        if (line === undefined) return;
        waiting.delete(look);
        resolve(line);
      };
      waiting.add(look);
      look();
      void ended.then((code) => reject(new Error(`the process ended with ${code}: ${complaints}`)));
    }),
  };
}

const script = (): string => join(compiled, "test/connectors/embedded-child.js");
const start = (...args: string[]): Running => run([process.execPath, script(), ...args]);

describe("the newest transaction", () => {
  const order = (n: number): NewRecord => ({ subject: "events.seen.c1", body: String(n) });

  test("that a process which opens the folder has LMDB forget is built upon all the same", async () => {
    const { log, store } = await open();
    const { writer } = await store.claim(P, "w");
    for (let n = 1; n <= 20; n++) {
      expect(await log.append([order(n)])).toEqual([{ sequence: n, duplicate: false }]);
      setNewest(-1 - (n % 2)); // as where one commit, or two, came in between
      expect(await store.commit(commitOf(writer, n, { states: [["c1", Buffer.from(String(n))]] }))).toBe("done");
      if (n % 3 === 0) setNewest(-1);
    }
    const reader = await log.read(1);
    await reader.ready(1_000);
    expect(reader.take(100).map(({ body }) => decoder.decode(body))).toEqual(Array.from({ length: 20 }, (_, i) => String(i + 1)));
    expect((await store.meta(P)).number).toBe(20);
    expect((await store.load(P, ["c1"])).map((state) => decoder.decode(state ?? undefined))).toEqual(["20"]);
  });

  test("nor does a number that never was lead astray", async () => {
    const { log } = await open();
    await log.append([order(1)]);
    setNewest(5);
    expect(await log.append([order(2)])).toEqual([{ sequence: 2, duplicate: false }]);
    expect(await log.append([order(3)])).toEqual([{ sequence: 3, duplicate: false }]);
  });

  test("is not written into a lock file of another kind", async () => {
    const { log } = await open();
    await log.append([order(1)]);
    setNewest(-1, 1);
    await expect(log.append([order(2)])).rejects.toThrow(/end all processes that use the folder, then start again/);
    setNewest(0, -1);
    expect(await log.append([order(2)])).toEqual([{ sequence: 2, duplicate: false }]);
  });
});

describe("several processes", () => {
  test("killed at any instant: all tables agree, nothing acknowledged is lost", async () => {
    await (await open()).close();
    let before = 0;
    for (let kill = 0; kill < 20; kill++) {
      const { child, lines, said, ended } = start("commitForEver", dir);
      await said("ready");
      // Between a fraction of a commit and some hundreds of them.
      if (kill < 19) await new Promise((resolve) => setTimeout(resolve, (kill * kill) / 4));
      else await said(`committed ${before + 21}`);
      child.kill("SIGKILL");
      await ended;

      const acknowledged = (what: string): number => Number(lines.findLast((line) => line.startsWith(`${what} `))?.split(" ")[1] ?? 0);
      const one = await open();
      const { store, outputs, log } = one;
      const { number, meta } = await store.meta(1);
      expect(number).toBeGreaterThanOrEqual(Math.max(before, acknowledged("committed")));
      if (number > 0) {
        expect(meta).toEqual({ position: String(number) });
        const customers = Array.from({ length: 20 }, (_, i) => `c${i}`);
        for (const state of await store.load(1, customers)) expect(Buffer.from(state ?? []).readDoubleLE(0)).toBe(number);
        const wakes = await allWakes(store, 1, 100);
        expect(wakes.map(({ customer }) => customer).sort()).toEqual([...customers].sort());
        expect(new Set(wakes.map(({ at }) => at))).toEqual(new Set([number]));
        expect(await store.segmentSizes(1, ["odd"])).toEqual([number % 2 === 1 ? 20 : 0]);
        expect((await allMembers(store, 1, "odd")).length).toBe(number % 2 === 1 ? 20 : 0);
        const outbox = await store.outbox(1, 0, 1_000);
        expect(outbox.at(-1)?.number).toBe(number);
        expect(outbox.map((output) => output.number)).toEqual(outbox.map((_, i) => number - outbox.length + 1 + i));
        const last = await outputs.last(1);
        expect(last).toBeGreaterThanOrEqual(acknowledged("published"));
        expect(last).toBeLessThanOrEqual(number);
        expect((await outputs.read(1, 1, number)).map((output) => output.number)).toEqual(Array.from({ length: last }, (_, i) => i + 1));
        expect((await log.info()).last).toBeGreaterThanOrEqual(acknowledged("appended"));
      }
      before = number;
      await one.close();
    }
    expect(before).toBeGreaterThan(20);
  });

  test("two append while one reads: every record once, in order", async () => {
    const { log } = await open();
    const reader = await log.read(1);
    const writers = [start("appendMany", dir, "one"), start("appendMany", dir, "two")];
    const bodies: string[] = [];
    let next = 1;
    while (bodies.length < 6_000) {
      await reader.ready(60_000);
      const records = reader.take(500);
      if (records.length === 0) throw new Error(`${bodies.length} of 6000 records came, then none`);
      for (const { sequence, body } of records) {
        expect(sequence).toBe(next++);
        bodies.push(decoder.decode(body));
      }
    }
    expect(await Promise.all(writers.map(({ ended }) => ended))).toEqual([0, 0]);
    for (const who of ["one", "two"]) {
      expect(bodies.filter((body) => body.startsWith(who))).toEqual(Array.from({ length: 3_000 }, (_, i) => `${who} ${i}`));
    }
    expect((await log.info()).last).toBe(6_000);
  });

  test("a second engine is refused while the first lives, and takes over when it is dead", async () => {
    await (await open()).close();
    const { child, said, ended } = start("commitForEver", dir);
    await said("committed 1");
    await expect(open({ engine: true })).rejects.toThrow(FolderRefused);
    await expect(open({ engine: true })).rejects.toThrow(`process id ${child.pid}`);
    const beside = await open();
    expect((await beside.store.meta(1)).number).toBeGreaterThan(0);
    child.kill("SIGKILL");
    await ended;
    const next = await open({ engine: true });
    expect((await next.store.claim(1, "next")).number).toBeGreaterThan(0);
  });

  test("a disk that is almost full: refused in words before anything is begun", async () => {
    const before = await open();
    const { writer } = await before.store.claim(1, "w");
    const { log, store } = await open({ leastFreeBytes: Number.MAX_SAFE_INTEGER });
    await expect(log.append([{ subject: "events.seen.c1", body: "{}" }])).rejects.toThrow(/cannot be written: the disk is full.*less than \d+ MB free/);
    await expect(store.commit({ partition: 1, writer, number: 1, states: [], wakes: [], segments: [], outputs: [], forget: 0, meta: {} })).rejects.toThrow(StoreRefused);
    expect([(await before.log.info()).last, (await before.store.meta(1)).number]).toEqual([0, 0]);
  });

  test("a full disk: refused in words, nothing written, and the same succeeds once there is room", async (context) => {
    if (process.platform !== "linux" || !existsSync("/usr/bin/prlimit")) context.skip("needs prlimit");
    const { lines, ended } = run(["bash", "-c", 'ulimit -S -f 1500 && exec "$@"', "bash", process.execPath, script(), "fillDisk", dir]);
    expect(await ended).toBe(0);
    const { number, refused, meanwhile, again, appended } = JSON.parse(lines[0] ?? "") as {
      number: number; refused: string[]; meanwhile: unknown; again: string; appended: unknown;
    };
    expect(number).toBeGreaterThan(2);
    expect(refused).toHaveLength(3);
    expect(refused[0]).toMatch(/^commit: StoreRefused: .*folder cannot be written: the disk is full.*MB free/);
    expect(refused[1]).toMatch(/^append: LogFull: .*the disk is full/);
    expect(refused[2]).toMatch(/^publish: LogFull: .*the disk is full/);
    expect(meanwhile).toEqual({ number: number - 1, there: true, last: 0 });
    expect(again).toBe("done");
    expect(appended).toEqual({ sequence: 300, duplicate: false });
    const { store, log } = await open();
    expect((await store.meta(1)).number).toBe(number);
    expect((await allStates(store, 1)).size).toBe(50 * number);
    expect(await log.info()).toMatchObject({ first: 1, last: 300 });
  });
});

describe("opening", () => {
  test("is refused where there is nothing and nothing is to be made", async () => {
    await expect(open({ create: false })).rejects.toThrow(LogMissing);
    await expect(open({ create: false })).rejects.toThrow("eddy setup --embedded");
    expect(existsSync(dir)).toBe(false);
    mkdirSync(dir);
    await expect(open({ create: false })).rejects.toThrow(LogMissing);
  });

  test("keeps to what the folder was set up with", async () => {
    await (await open({ partitions: 3, clock: "event" })).close();
    expect(await (await open()).log.info()).toMatchObject({ partitions: 3, clock: "event" });
    await expect(open({ partitions: 8 })).rejects.toThrow("was set up with 3 partitions, not 8");
    await expect(open({ clock: "broker" })).rejects.toThrow("was set up with the clock 'event', not 'broker'");
    await open({ partitions: 3, clock: "event" });
  });

  test.each([0, 1.5, -1, 100_000, Number.NaN])("refuses %s partitions", async (partitions) => {
    await expect(open({ partitions })).rejects.toThrow(FolderRefused);
  });

  test("is refused for another format", async () => {
    await (await open()).close();
    await editMeta("format", (row) => ({ ...row, format: 2 }));
    await expect(open()).rejects.toThrow(FolderRefused);
    await expect(open()).rejects.toThrow("has format 2, this version of Eddy reads and writes format 1");
  });

  test("is refused for a file that is not Eddy's, which stays as it is", async () => {
    mkdirSync(dir);
    const garbage = Buffer.from("not a database ".repeat(10_000));
    writeFileSync(join(dir, "eddy.mdb"), garbage);
    await expect(open()).rejects.toThrow(FolderRefused);
    await expect(open()).rejects.toThrow("is not a file of Eddy's");
    expect(readFileSync(join(dir, "eddy.mdb")).equals(garbage)).toBe(true);
    const file = join(dirname(dir), "file");
    writeFileSync(file, "");
    await expect(open({}, file)).rejects.toThrow(FolderRefused);
  });

  test("is waited for while another process makes it; a file that stays empty is refused", async () => {
    const one = await open();
    const { identity } = await one.log.info();
    await one.close();
    const [path, whole] = [join(dir, "eddy.mdb"), join(dirname(dir), "whole")];
    copyFileSync(path, whole);
    writeFileSync(path, "");
    await expect(open()).rejects.toThrow("is not a file of Eddy's");
    let found: Embedded | null = null;
    // Who makes it may be kept for longer than anybody waits, on a busy machine: not every time.
    for (let attempt = 0; found === null && attempt < 5; attempt++) {
      writeFileSync(path, "");
      const maker = spawn(process.execPath, ["-e", `const fs = require("fs"); console.log(); setTimeout(() => fs.renameSync(${JSON.stringify(whole)}, ${JSON.stringify(path)}), 50)`]);
      children.push(maker);
      const ended = new Promise((resolve) => maker.once("exit", resolve));
      await new Promise((resolve) => maker.stdout.once("data", resolve));
      found = await open().catch(() => null);
      await ended;
      if (found === null) copyFileSync(path, whole);
    }
    expect((await found?.log.info())?.identity).toBe(identity);
  });

  test("other files in the folder do not matter", async () => {
    mkdirSync(dir);
    writeFileSync(join(dir, "README"), "mine");
    await open();
    expect(readFileSync(join(dir, "README"), "utf8")).toBe("mine");
  });

  test("two engines in one process are two engines", async () => {
    const first = await open({ engine: true });
    await expect(open({ engine: true })).rejects.toThrow(`process id ${process.pid}`);
    await first.close();
    const second = await open({ engine: true });
    await first.close();
    await expect(open({ engine: true })).rejects.toThrow(FolderRefused);
    await second.close();
  });

  test("an engine on another host is believed to live until a person says otherwise", async () => {
    const first = await open({ engine: true });
    await editMeta("engine", (row) => ({ ...row, host: "elsewhere", nonce: "theirs" }));
    await first.close();
    await expect(open({ engine: true })).rejects.toThrow("on the host elsewhere");
    await open({ engine: true, takeOver: true });
  });

  test("a lock from before the machine was restarted does not count, nor one of a process number given anew", async () => {
    for (const old of [{ boot: "another" }, { started: "1" }]) {
      const first = await open({ engine: true });
      await editMeta("engine", (row) => ({ ...row, ...old, nonce: "old" }));
      await first.close();
      await (await open({ engine: true })).close();
    }
  });

  test("closing twice is closing once, and what is closed refuses", async () => {
    const { store, log, outputs, close } = await open();
    await Promise.all([close(), close()]);
    await expect(store.meta(P)).rejects.toThrow(StoreUnavailable);
    await expect(store.claim(P, "t")).rejects.toThrow(StoreUnavailable);
    await expect(log.info()).rejects.toThrow(LogClosed);
    await expect(outputs.last(P)).rejects.toThrow(LogClosed);
  });
});

describe("the log", () => {
  test("ids are recognised for two minutes, then no more; stamps follow the clock and never go back", async () => {
    let now = 1_000_000;
    const { log } = await open({ now: () => now });
    const add = async (id: string): Promise<[number, boolean]> => {
      const [appended] = await log.append([event(1, { id })]);
      return [appended?.sequence ?? 0, appended?.duplicate ?? false];
    };
    expect(await add("a")).toEqual([1, false]);
    now += 2 * MINUTE_MS - 1;
    expect(await add("a")).toEqual([1, true]);
    now += 1;
    expect(await add("a")).toEqual([2, false]);
    now -= 5 * MINUTE_MS;
    expect(await add("b")).toEqual([3, false]);
    expect(await add("a")).toEqual([2, true]);
    expect((await log.at(3))?.stamp).toBe(1_000_000 + 2 * MINUTE_MS);
    now += 20 * MINUTE_MS;
    expect(await add("b")).toEqual([4, false]);
    expect((await log.at(4))?.stamp).toBe(now);
  });

  test("the memory of ids is bounded in the folder too", async () => {
    let now = 0;
    const { log } = await open({ now: () => now });
    for (let i = 0; i < 300; i++) {
      now += 10_000;
      await log.append([event(i, { id: `id-${i}` })]);
    }
    const root = openLmdb<Buffer, string>(raw(dir));
    const ids = root.openDB<Buffer, string>("ids", raw(dir));
    expect(ids.getKeysCount()).toBe(12);
    await root.close();
  });

  test("agrees with a naive log over any history, of several writers and openings", async () => {
    const step = fc.record({
      ids: fc.array(fc.option(fc.integer({ min: 0, max: 12 }), { nil: undefined }), { maxLength: 6 }),
      pass: fc.constantFrom(0, 1, 20_000, 59_999, 60_000, 119_999, 120_000, 500_000),
      who: fc.integer({ min: 0, max: 1 }),
      reopen: fc.boolean(),
    });
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 20 }), async (steps) => {
      const at = mkdtempSync(join(tmpdir(), "eddy-naive-"));
      let now = 1_700_000_000_000;
      const openIt = (): Promise<Embedded> => openEmbedded(at, { create: true, now: () => now });
      const writers = [await openIt(), await openIt()];
      try {
        const known = new Map<number, { sequence: number; stamp: number }>();
        let last = 0;
        for (const { ids, pass, who, reopen } of steps) {
          now += pass;
          if (reopen) {
            await writers[who]?.close();
            writers[who] = await openIt();
          }
          const appended = await writers[who]?.log.append(ids.map((id) => event(0, id === undefined ? {} : { id: `id-${id}` })));
          expect(appended).toEqual(ids.map((id) => {
            const earlier = id === undefined ? undefined : known.get(id);
            if (earlier !== undefined && now - earlier.stamp < 2 * MINUTE_MS) return { sequence: earlier.sequence, duplicate: true };
            last += 1;
            if (id !== undefined) known.set(id, { sequence: last, stamp: now });
            return { sequence: last, duplicate: false };
          }));
        }
        expect((await writers[0]?.log.info())?.last).toBe(last);
      } finally {
        for (const writer of writers) await writer.close();
        rmSync(at, { recursive: true });
      }
    }), { numRuns: 25 });
  }, 60_000);

  test("a malformed record is refused with all that come with it", async () => {
    const { log } = await open();
    for (const bad of [event(1, { subject: "orders.c1" }), event(1, { subject: "events.a b.c" }), event(1, { subject: "events.>" }), event(1, { id: "x".repeat(10_000) })]) {
      await expect(log.append([event(1), bad])).rejects.toThrow(TypeError);
    }
    await expect(log.append([event(1, { body: Buffer.alloc(9 * 2 ** 20) })])).rejects.toThrow("larger than the log takes");
    expect((await log.info()).last).toBe(0);
  });

  test("a reader sees what another has appended when it looks, and its own at once", async () => {
    const timer = virtualTimer();
    const mine = await open({ timer, pollMs: 7 });
    const other = await open({ timer: virtualTimer() });
    const reader = await mine.log.read(1);
    const settledWithin = async (waiting: Promise<void>): Promise<boolean> => {
      let settled = false;
      void waiting.then(() => { settled = true; });
      for (let i = 0; i < 5; i++) await new Promise((resolve) => { setImmediate(resolve); });
      return settled;
    };
    const waiting = reader.ready(1_000);
    await other.log.append([event(1)]);
    expect(await settledWithin(waiting)).toBe(false);
    timer.advance(6);
    expect(await settledWithin(waiting)).toBe(false);
    timer.advance(1);
    expect(await settledWithin(waiting)).toBe(true);
    expect(reader.take(10)).toHaveLength(1);

    const again = reader.ready(1_000);
    await mine.log.append([event(2)]);
    expect(await settledWithin(again)).toBe(true);
    expect(reader.take(10)).toHaveLength(1);

    const inVain = reader.ready(1_000);
    timer.advance(999);
    expect(await settledWithin(inVain)).toBe(false);
    timer.advance(1);
    expect(await settledWithin(inVain)).toBe(true);
    expect(reader.take(10)).toEqual([]);
    // Nobody waits, so nothing looks; only the checkpoint is due.
    await mine.settled();
    timer.advance(10_000);
    expect(timer.waiting).toBe(0);
  });

  test.each(["deleted", "replaced"])("a folder that was %s under a reader has changed", async (how) => {
    const { log, store } = await open();
    await log.append([event(1)]);
    const reader: LogReader = await log.read(1);
    await reader.ready(100);
    expect(reader.take(10)).toHaveLength(1);
    const waiting = reader.ready(10_000);
    renameSync(dir, `${dir}-old`);
    if (how === "replaced") await (await openEmbedded(dir, { create: true, now: Date.now })).close();
    await expect(waiting).rejects.toThrow(LogChanged);
    await expect(reader.ready(10)).rejects.toThrow(LogChanged);
    await expect(log.info()).rejects.toThrow(LogMissing);
    await expect(log.append([event(2)])).rejects.toThrow(LogMissing);
    await expect(store.claim(P, "w")).rejects.toThrow(StoreRefused);
  });

  test("other processes and the event loop have their turn between the parts of a large append", async () => {
    const { log } = await open();
    let turns = 0;
    const ticking = setInterval(() => { turns += 1; }, 0);
    await log.append(Array.from({ length: 60_000 }, (_, i) => event(i)));
    clearInterval(ticking);
    expect(turns).toBeGreaterThan(3);
    expect((await log.info()).last).toBe(60_000);
  });
});

describe("the store", () => {
  test("takes the longest ids there can be, in order, and refuses longer ones", async () => {
    const { store } = await open();
    const { writer } = await store.claim(P, "w");
    const long = "x".repeat(1_499);
    const ids = [`${long}b`, `${long}a`, long, "ü".repeat(750), "👍".repeat(375)];
    const segment = "s".repeat(400);
    await store.commit(commitOf(writer, 1, {
      states: ids.map((id, i) => [id, Buffer.from(String(i))]), wakes: ids.map((id) => [id, 5]), segments: [{ segment, add: ids, remove: [] }],
    }));
    expect((await store.load(P, ids)).map((state) => decoder.decode(state ?? undefined))).toEqual(["0", "1", "2", "3", "4"]);
    const inOrder = [long, `${long}a`, `${long}b`, "ü".repeat(750), "👍".repeat(375)];
    expect((await store.wakes(P, null, 10)).map(({ customer }) => customer)).toEqual(inOrder);
    expect((await store.wakes(P, { customer: `${long}a`, at: 5 }, 1))[0]?.customer).toBe(`${long}b`);
    expect(await allMembers(store, P, segment)).toEqual([...ids].sort());
    for (const id of ["x".repeat(1_501), "ü".repeat(751), "x".repeat(100_000)]) {
      await expect(store.commit(commitOf(writer, 2, { states: [[id, Buffer.alloc(1)]] }))).rejects.toThrow(StoreRefused);
      await expect(store.load(P, [id])).rejects.toThrow("longer than 1500 bytes");
    }
    await expect(store.commit(commitOf(writer, 2, { segments: [{ segment: `${segment}s`, add: ["a"], remove: [] }] }))).rejects.toThrow(StoreRefused);
    expect(await store.commit(commitOf(writer, 2))).toBe("done");
  });

  test("names that begin alike are different segments", async () => {
    const { store } = await open();
    const { writer } = await store.claim(P, "w");
    await store.commit(commitOf(writer, 1, { segments: [
      { segment: "a", add: ["bc", "0c"], remove: [] }, { segment: "ab", add: ["c"], remove: [] }, { segment: "a0", add: ["d"], remove: [] },
    ] }));
    expect(await Promise.all(["a", "ab", "a0"].map((segment) => allMembers(store, P, segment)))).toEqual([["0c", "bc"], ["c"], ["d"]]);
  });

  test("a claim of another opening is seen at once, and its commits too", async () => {
    const [one, two] = [await open(), await open()];
    const first = await one.store.claim(P, "one");
    expect(await one.store.commit(commitOf(first.writer, 1, { states: [["a", Buffer.from("1")]] }))).toBe("done");
    expect(decoder.decode((await two.store.load(P, ["a"]))[0] ?? undefined)).toBe("1");
    const second = await two.store.claim(P, "two");
    expect((await one.store.meta(P)).writer).toEqual(second.writer);
    expect(await one.store.commit(commitOf(first.writer, 2))).toBe("lost");
    expect(await two.store.commit(commitOf(second.writer, 2, { states: [["a", Buffer.from("2")]] }))).toBe("done");
    expect(decoder.decode((await one.store.load(P, ["a"]))[0] ?? undefined)).toBe("2");
  });
});

test("the output log keeps the newest, a bounded number of them", async () => {
  const { outputs } = await open({ keepOutputs: 10 });
  for (let first = 1; first <= 100; first += 5) await outputs.publish(P, Array.from({ length: 5 }, (_, i) => outputOf(first + i)));
  expect(await outputs.last(P)).toBe(100);
  expect((await outputs.read(P, 1, 1_000)).map(({ number }) => number)).toEqual(Array.from({ length: 10 }, (_, i) => 91 + i));
  expect(await outputs.publish(P, [outputOf(101)])).toBe(101);
});

describe("power cuts", () => {
  /** Changes everything in the folder. */
  async function work(one: Embedded, from: number, to: number): Promise<void> {
    const { writer } = await one.store.claim(P, "writer");
    for (let number = from; number <= to; number++) {
      const customers = Array.from({ length: 30 }, (_, i) => `c${(number * 7 + i * 13) % 400}`);
      const unique = [...new Set(customers)];
      expect(await one.store.commit(commitOf(writer, number, {
        states: unique.map((customer) => [customer, Buffer.alloc(300, number % 251)]),
        wakes: unique.map((customer) => [customer, number]),
        segments: [{ segment: number % 2 === 0 ? "even" : "odd", add: unique.slice(0, 9), remove: unique.slice(9) }],
        outputs: [outputOf(number)], forget: Math.max(0, number - 5), meta: { position: String(number) },
      }))).toBe("done");
      await one.outputs.publish(P, [outputOf(number)]);
      await one.log.append([event(number, { id: `n-${number}`, body: "x".repeat(500) })]);
    }
  }

  async function everything({ store, outputs, log }: Embedded): Promise<unknown> {
    const reader = await log.read(1);
    await reader.ready(0);
    const records = reader.take(10_000).map(({ sequence, stamp, body }) => [sequence, stamp, body.length]);
    await reader.close();
    return {
      meta: (await store.meta(P)).meta, states: await allStates(store, P), wakes: await allWakes(store, P, 1_000),
      members: [await allMembers(store, P, "odd"), await allMembers(store, P, "even")], sizes: await store.segmentSizes(P, ["odd", "even"]),
      outbox: await store.outbox(P, 0, 1_000), outputs: await outputs.read(P, 1, 10_000), last: await outputs.last(P), log: await log.info(), records,
    };
  }

  /** A generator that gives the same numbers again (mulberry32). */
  function random(seed: number): () => number {
    let state = seed;
    return () => {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
  }

  const PAGE = 4096;
  const dataFile = (at: string): string => join(at, "eddy.mdb");
  const checkpointFile = (at: string): string => join(at, "checkpoint");

  /**
   * What may be on the disk after a power cut: of every page either what was flushed or what was written since. The
   * head of the file is the newest, which points to pages that may not be there.
   */
  function afterPowerCut(flushed: Buffer, written: Buffer, chance: () => number): Buffer {
    const result = Buffer.from(written);
    for (let at = 2 * PAGE; at < written.length; at += PAGE) {
      if (chance() < 0.5) continue;
      result.fill(0, at, at + PAGE);
      flushed.subarray(at, at + PAGE).copy(result, at);
    }
    return result;
  }

  test("everything is as it was at the last checkpoint, whichever pages the disk kept", async () => {
    const one = await open({ boot: "before", timer: virtualTimer() });
    await work(one, 1, 60);
    await one.settled();
    const expected = await everything(one);
    const flushed = readFileSync(dataFile(dir));
    const checkpoint = readFileSync(checkpointFile(dir));
    await work(one, 61, 200);
    const written = readFileSync(dataFile(dir));
    expect(readFileSync(checkpointFile(dir)).equals(checkpoint)).toBe(true);

    for (let seed = 1; seed <= 5; seed++) {
      const at = join(dirname(dir), `seed-${seed}`);
      mkdirSync(at);
      writeFileSync(dataFile(at), afterPowerCut(flushed, written, random(seed)));
      writeFileSync(checkpointFile(at), checkpoint);
      const after = await open({ boot: "after", timer: virtualTimer() }, at);
      expect(await everything(after), `seed ${seed}`).toEqual(expected);
      await work(after, 61, 70);
      expect((await after.log.info()).last).toBe(70);
    }
  });

  test("the checkpoint of one process is safe from the writes of another", async () => {
    const one = await open({ boot: "before", timer: virtualTimer() });
    await work(one, 1, 40);
    const other = await open({ boot: "before", timer: virtualTimer() });
    await other.log.append([event(1)]);
    await other.settled();
    const expected = await everything(one);
    const flushed = readFileSync(dataFile(dir));
    const checkpoint = readFileSync(checkpointFile(dir));
    // It takes its protection with it; the first one's must do.
    await other.close();
    await work(one, 41, 150);
    const at = join(dirname(dir), "cut");
    mkdirSync(at);
    writeFileSync(dataFile(at), afterPowerCut(flushed, readFileSync(dataFile(dir)), random(5)));
    writeFileSync(checkpointFile(at), checkpoint);
    expect(await everything(await open({ boot: "after" }, at))).toEqual(expected);
  });

  test("what was acknowledged by the disk is in the checkpoint", async () => {
    const one = await open({ boot: "before", timer: virtualTimer(), acknowledge: "disk" });
    const { writer } = await one.store.claim(P, "w");
    const flushes = await Promise.all([
      one.store.commit(commitOf(writer, 1, { meta: { position: "1" } })), one.log.append([event(1)]), one.outputs.publish(P, [outputOf(1)]),
    ]);
    expect(flushes[0]).toBe("done");
    const at = join(dirname(dir), "cut");
    cpSync(dir, at, { recursive: true });
    const after = await open({ boot: "after" }, at);
    expect((await after.store.meta(P)).number).toBe(1);
    expect((await after.log.info()).last).toBe(1);
    expect(await after.outputs.last(P)).toBe(1);
  });

  describe("between the folder and a scope in it", () => {
    const filling = { boot: "before", timer: virtualTimer(), scope: "fill" };
    /** What is left of the folder when the power goes now. */
    async function cut(): Promise<{ readonly main: Embedded; readonly scope: Embedded }> {
      const at = join(dirname(dir), `cut-${++cuts}`);
      cpSync(dir, at, { recursive: true });
      return { main: await open({ boot: "after", timer: virtualTimer() }, at), scope: await open({ ...filling, boot: "after" }, at) };
    }
    let cuts = 0;

    test("what says that the scope is filled is never there without what it holds", async () => {
      await open({ boot: "before", timer: virtualTimer() });
      const scope = await open(filling);
      const { writer } = await scope.store.claim(P, "filler");
      for (let number = 1; number <= 5; number++) await scope.store.commit(commitOf(writer, number, { states: [[`c${number}`, Buffer.from("x")]] }));
      const before = await cut();
      expect((await before.scope.store.meta(P)).number).toBe(0);
      // Whoever reads the field goes by the states, and may bring that to the disk sooner than this process does with the field.
      expect(await scope.store.share({}, { filled: "change" })).toBe(true);
      const after = await cut();
      expect((await after.scope.store.meta(P)).number).toBe(5);
      expect(await after.scope.store.load(P, ["c5"])).not.toEqual([null]);
    });

    test.each([["a partition of the scope", P], ["the scope", null]])("%s is gone only when all that others have made of it is on the disk", async (_, partition) => {
      const main = await open({ boot: "before", timer: virtualTimer() });
      const { writer } = await main.store.claim(P, "engine");
      const scope = await open(filling);
      await scope.store.claim(P, "filler");
      await main.store.commit(commitOf(writer, 1, { states: [["c1", Buffer.from("joined")]] }));
      const before = await cut();
      expect((await before.main.store.meta(P)).number).toBe(0);
      await scope.drop(partition);
      const after = await cut();
      expect((await after.main.store.meta(P)).number).toBe(1);
      expect(await after.main.store.load(P, ["c1"])).not.toEqual([null]);
    });
  });

  test("a clean end and the death of a process lose nothing", async () => {
    const one = await open({ boot: "before", timer: virtualTimer() });
    await work(one, 1, 10);
    const expected = await everything(one);
    // As a killed process leaves it: the files as the system has them, the checkpoint an old one.
    const killed = join(dirname(dir), "killed");
    cpSync(dir, killed, { recursive: true });
    expect(await everything(await open({ boot: "before" }, killed))).toEqual(expected);
    await one.close();
    expect(await everything(await open({ boot: "after" }))).toEqual(expected);
  });

  test("a checkpoint follows by itself, and only when something was written", async () => {
    const timer = virtualTimer();
    const one = await open({ boot: "before", timer, checkpointMs: 100 });
    await work(one, 1, 3);
    const before = readFileSync(checkpointFile(dir));
    timer.advance(100);
    await one.settled();
    expect(readFileSync(checkpointFile(dir)).equals(before)).toBe(false);
    expect(timer.waiting).toBe(0);
    expect(readdirSync(dir).sort()).toEqual(["checkpoint", "eddy.mdb", "eddy.mdb-lock"]);
  });

  test("a restoration that was cut short is begun anew", async () => {
    const one = await open({ boot: "before" });
    await work(one, 1, 5);
    await one.close();
    const expected = readFileSync(checkpointFile(dir));
    renameSync(checkpointFile(dir), join(dir, "checkpoint.restoring"));
    copyFileSync(dataFile(dir), join(dir, "data"));
    restoreCheckpoint(dir, dataFile(dir), "after", 40);
    expect(existsSync(join(dir, "checkpoint.restoring"))).toBe(false);
    expect(readFileSync(checkpointFile(dir)).length).toBeGreaterThan(expected.length - 10);
    expect((await (await open({ boot: "after" })).store.meta(P)).number).toBe(5);
  });

  test("a damaged checkpoint is refused in words", async () => {
    await (await open({ boot: "before" })).close();
    const bytes = readFileSync(checkpointFile(dir));
    bytes.fill(0, bytes.length - 100);
    writeFileSync(checkpointFile(dir), Buffer.concat([bytes, Buffer.from("x")]));
    await expect(open({ boot: "after" })).rejects.toThrow("restore the folder from a backup");
  });

  test("without a sign of restarts LMDB waits for the disk itself", async () => {
    const one = await open({ boot: null });
    await work(one, 1, 3);
    await one.settled();
    expect(existsSync(checkpointFile(dir))).toBe(false);
    await one.close();
    expect((await (await open({ boot: null })).store.meta(P)).number).toBe(3);
  });
});

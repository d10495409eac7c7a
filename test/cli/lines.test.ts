import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough, Readable, Writable } from "node:stream";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";

import { UsageError } from "../../cli/exit.js";
import { BadFile, readLines, refuseSharedOutput, writeLines, type Line } from "../../cli/lines.js";
import { folderWith } from "./eddy.js";

const folder = folderWith({ "plain.txt": "one\n\ntwo\r\nthree", "zipped.txt.gz": gzipSync("one\ntwo\n"), "cut.gz": gzipSync("x".repeat(100_000)).subarray(0, 60), "empty.txt": "" });
afterAll(() => folder.remove());

const path = (name: string): string => join(folder.path, name);
const nothing = { stdin: Readable.from([]), folder: folder.path };

async function lines(source: { readonly batches: AsyncIterable<readonly Line[]> }): Promise<(string | null)[][]> {
  const found: (string | null)[][] = [];
  for await (const batch of source.batches) for (const { number, bytes } of batch) found.push([String(number), bytes === null ? null : bytes.toString("utf8")]);
  return found;
}

describe("reading", () => {
  test("numbers count empty lines, Windows line ends go, the last line needs none", async () => {
    const source = await readLines(path("plain.txt"), nothing);
    expect(await lines(source)).toEqual([["1", "one"], ["3", "two"], ["4", "three"]]);
    expect(source.progress()).toBe(1);
    const empty = await readLines(path("empty.txt"), nothing);
    expect([await lines(empty), empty.progress()]).toEqual([[], 1]);
  });

  test("gzip by the name; damaged gzip is told", async () => {
    expect(await lines(await readLines(path("zipped.txt.gz"), nothing))).toEqual([["1", "one"], ["2", "two"]]);
    await expect(lines(await readLines(path("cut.gz"), nothing))).rejects.toThrow(BadFile);
  });

  test("standard input, however it is cut into pieces", async () => {
    const text = "α\nbeta\n\nγδ";
    const bytes = Buffer.from(text);
    for (const size of [1, 2, 3, 7, 100]) {
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
      expect(await lines(await readLines("-", { ...nothing, stdin: Readable.from(pieces) }))).toEqual([["1", "α"], ["2", "beta"], ["4", "γδ"]]);
    }
  });

  test("a line beyond the bound comes without its bytes, and the next one is whole", async () => {
    const stdin = Readable.from([Buffer.from("x".repeat(11)), Buffer.from("x\nshort\n1234567890\n")]);
    expect(await lines(await readLines("-", { ...nothing, stdin }, 10))).toEqual([["1", null], ["2", "short"], ["3", "1234567890"]]);
  });

  test("a file that is not there is the system's error", async () => {
    await expect(readLines(path("nowhere"), nothing)).rejects.toMatchObject({ code: "ENOENT" });
  });
});

describe("writing", () => {
  const many = Array.from({ length: 50_000 }, (_, i) => `line ${i}`);

  test.each(["out.txt", "out.txt.gz"])("%s", async (name) => {
    const sink = writeLines(path(name), { stdout: new PassThrough(), folder: folder.path });
    for (const line of many) await sink.write(line);
    await sink.close();
    const bytes = readFileSync(path(name));
    expect((name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8")).toBe(`${many.join("\n")}\n`);
  });

  test("standard output, at the reader's pace, and it stays open", async () => {
    const taken: string[] = [];
    let atOnce = 0;
    const slow = new Writable({
      highWaterMark: 1024,
      write(chunk: Buffer, _encoding, done) {
        atOnce = Math.max(atOnce, slow.writableLength);
        taken.push(chunk.toString("utf8"));
        setImmediate(done);
      },
    });
    const sink = writeLines("-", { stdout: slow, folder: folder.path });
    for (const line of many) await sink.write(line);
    await sink.close();
    expect(taken.join("")).toBe(`${many.join("\n")}\n`);
    expect(atOnce).toBeLessThan(200_000);
    expect(slow.writableEnded).toBe(false);
  });

  test("a place that cannot be written fails, at the latest when closing", async () => {
    const sink = writeLines(path("no/such/folder.txt"), { stdout: new PassThrough(), folder: folder.path });
    await expect((async () => {
      for (const line of many) await sink.write(line);
      await sink.close();
    })()).rejects.toMatchObject({ code: "ENOENT" });
    const quiet = writeLines(path("no/such/other.txt"), { stdout: new PassThrough(), folder: folder.path });
    await expect(quiet.close()).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("a relative name starts at the command's folder", async () => {
    const sink = writeLines("near.txt", { stdout: new PassThrough(), folder: folder.path });
    await sink.write("one");
    await sink.close();
    expect(readFileSync(path("near.txt"), "utf8")).toBe("one\n");
    expect(await lines(await readLines("near.txt", nothing))).toEqual([["1", "one"]]);
  });

  test("two outputs cannot share standard output", () => {
    expect(() => refuseSharedOutput(new Map([["actions", "-"], ["members", "-"], ["traits", undefined]]))).toThrow(new UsageError("--actions and --members cannot both write to standard output: give all but one of them a file"));
    expect(() => refuseSharedOutput(new Map([["actions", "-"], ["members", "/a"]]))).not.toThrow();
  });
});

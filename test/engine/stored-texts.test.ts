/**
 * What stores hold beside customers, as versions in use have written it: fields of a partition, the outbox of both stores, programs. Each
 * stands here as it was written and is read for ever; what a newer Eddy wrote is refused in words. (Customers: state-versions.test.ts.)
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "lmdb";
import { expect, test } from "vitest";
import * as embedded from "../../connectors/embedded/packed-output.js";
import { openEmbedded } from "../../connectors/embedded/open.js";
import * as redis from "../../connectors/redis/packed-output.js";
import { BundleUnreadable, readBundle } from "../../engine/change/bundle.js";
import { readMeta } from "../../engine/meta.js";
import { STATE_VERSION, StateTooNew } from "../../engine/state.js";
import { readTombstones } from "../../engine/tombstones.js";

/** By the version of `format` with which they were written first. */
const FIELDS = {
  1: { format: "1", offset: "7", clock: "1772359200000", log: "log 1", anchors: "7:1772359200000 5:1772359100000", next: "4", program: "abc" },
  3: {
    format: "3", offset: "7", clock: "1772359200000", log: "log 1", anchors: "7:1772359200000", next: "4", surplus: "2:3", outputs: "out 1", published: "3", quiet: "2", program: "abc",
    began: "3:1772359000000", since: '{"rankings k":2}', "layout:1": '{"aggregates":[],"segments":["vip"],"rules":[]}',
  },
  4: { format: "4", offset: "9", clock: "1772359200000", log: "log 1", anchors: "", next: "4", program: "abc", "erased:00112233445566778899aabbccddeeff": "8:1772359100000:4:0123456789abcdef", scrub: "4" },
} as const;

test("fields of a partition", () => {
  expect(readMeta(FIELDS[1])).toMatchObject({ offset: 7, clock: 1772359200000, log: "log 1", anchors: [{ sequence: 7, stamp: 1772359200000 }, { sequence: 5 }], next: 4, surplus: null, outputs: "", published: 0, quiet: 0, began: null });
  const third = readMeta(FIELDS[3]);
  expect(third).toMatchObject({ surplus: { from: 2, to: 3 }, outputs: "out 1", published: 3, quiet: 2, began: { offset: 3, clock: 1772359000000 } });
  expect(third.layouts.get(1)).toMatchObject({ segments: ["vip"] });
  expect([...readTombstones(readMeta(FIELDS[4]).fields).all]).toEqual([["00112233445566778899aabbccddeeff", { sequence: 8, instant: 1772359100000, bound: 4, request: "0123456789abcdef" }]]);
  expect(() => readMeta({ ...FIELDS[4], format: String(STATE_VERSION + 1) })).toThrow(StateTooNew);
  expect(() => readMeta({ ...FIELDS[4], format: String(STATE_VERSION + 1) })).toThrow(/newer Eddy/);
});

const OUTPUT = { number: 3, subject: "actions.0.emit.x", id: "a1", cause: 7, body: '{"who":"Łódź"}' };

test("outputs in the outbox", () => {
  const inRedis = 'actions.0.emit.xa1{"who":"Łódź"}';
  expect(redis.unpackOutput(3, Buffer.from(`7 16 2\n${inRedis}`))).toEqual(OUTPUT);
  const inFolder = `0000000000001c401000000002000000${Buffer.from(inRedis).toString("hex")}`;
  expect(embedded.packOutput(OUTPUT).toString("hex")).toBe(inFolder);
  expect(embedded.unpackOutput(3, Buffer.from(inFolder, "hex"))).toEqual(OUTPUT);
});

test("programs", () => {
  const first = { version: 1, files: [{ path: "shop.eddy", text: "event bought" }], finishing: [{ rule: "thanks", from: "abc" }] };
  expect(readBundle("h", JSON.stringify(first))).toEqual(first);
  expect(() => readBundle("h", JSON.stringify({ ...first, version: 2 }))).toThrow(BundleUnreadable);
  expect(() => readBundle("h", JSON.stringify({ ...first, version: 2 }))).toThrow(/its version is 2, this Eddy reads 1/);
});

test("a folder of a newer format is refused and left alone", async () => {
  const dir = mkdtempSync(join(tmpdir(), "eddy-newer-"));
  try {
    await (await openEmbedded(dir, { create: true, now: () => 0 })).close();
    const root = open({ path: join(dir, "eddy.mdb"), noSubdir: true, maxDbs: 16, encoding: "binary", keyEncoding: "binary" });
    const meta = root.openDB<Buffer, Buffer>({ name: "meta", encoding: "binary", keyEncoding: "binary" });
    const key = Buffer.from("format");
    const format = JSON.parse(String(meta.get(key))) as object;
    await meta.put(key, Buffer.from(JSON.stringify({ ...format, format: 2 })));
    await root.close();
    await expect(openEmbedded(dir, { create: false, now: () => 0 })).rejects.toThrow(/has format 2, this version of Eddy reads and writes format 1/);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

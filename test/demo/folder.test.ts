/** The demonstration's folders: one each, and none left behind for longer than until the next start. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { emptyFolder, freshFolder } from "../../cli/demo/folder.js";

let parent = "";
beforeEach(() => { parent = mkdtempSync(join(tmpdir(), "eddy-demo-")); });
afterEach(() => rmSync(parent, { recursive: true, force: true }));

/** A process that is gone. */
const gone = (): number => spawnSync(process.execPath, ["--version"]).pid;

function leave(name: string): string {
  const folder = join(parent, name);
  mkdirSync(folder);
  writeFileSync(join(folder, "eddy.mdb"), "what it was");
  return folder;
}

test("an empty folder of this process's own, also where there is no parent yet", () => {
  const folder = freshFolder(join(parent, "deep", ".eddy"));
  expect(folder).toBe(join(parent, "deep", ".eddy", `demo-${process.pid}`));
  expect(readdirSync(folder)).toEqual([]);
});

test("what demonstrations left that have ended goes, also one under our own number; everything else stays", () => {
  const ended = leave(`demo-${gone()}`);
  leave(`demo-${process.pid}`);
  const running = leave(`demo-${process.ppid}`);
  const others = ["demo", "demo-x", "demo-1x", "store"].map(leave);
  writeFileSync(join(parent, "eddy.mdb"), "of eddy run");
  const folder = freshFolder(parent);
  expect(existsSync(ended)).toBe(false);
  expect(readdirSync(folder)).toEqual([]);
  for (const each of [running, ...others]) expect(existsSync(join(each, "eddy.mdb"))).toBe(true);
  expect(existsSync(join(parent, "eddy.mdb"))).toBe(true);
});

test("a folder that somebody names is made, and refused when there is something in it", () => {
  const named = join(parent, "mine");
  expect(emptyFolder(named)).toBe(named);
  expect(emptyFolder(named)).toBe(named);
  writeFileSync(join(named, "note"), "");
  expect(() => emptyFolder(named)).toThrow(/mine is not empty/);
});

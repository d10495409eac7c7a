/**
 * `eddy test` on a thousand tests: the rule library with its own tests over and over again, from the start of the process to
 * its end, with the time of the processor that it takes; beside it a process that only loads the same code and checks one
 * line of rules.
 *
 *   node dist/bench/tests.js [tests=1000]
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { SourceFile } from "../dsl/compile.js";
import { manyTests } from "./many-tests.js";

export interface TestFigures {
  readonly tests: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Of the process that does next to nothing. */
  readonly bareSeconds: number;
}

const HOME = join(import.meta.dirname, "../..");
const ROUNDS = 5;

/** Runs the command; seconds by the wall clock and of the processor. */
function timed(folder: string): { readonly stdout: string; readonly seconds: number; readonly cpuSeconds: number } {
  const file = join(folder, "cpu");
  // The child says on its way out what it took.
  const telling = `process.on("exit", () => require("node:fs").writeFileSync(${JSON.stringify(file)}, JSON.stringify(process.cpuUsage())));`;
  writeFileSync(join(folder, "telling.cjs"), telling);
  const begun = performance.now();
  const { stdout, status, stderr } = spawnSync(process.execPath, ["--require", join(folder, "telling.cjs"), join(HOME, "bin/eddy"), "test", "rules"], { cwd: folder, encoding: "utf8" });
  const seconds = (performance.now() - begun) / 1000;
  if (status !== 0) throw new Error(`eddy test failed: ${stdout}${stderr}`);
  const { user, system } = JSON.parse(readFileSync(file, "utf8")) as NodeJS.CpuUsage;
  return { stdout, seconds, cpuSeconds: (user + system) / 1e6 };
}

function folderWith(files: readonly SourceFile[]): string {
  const folder = mkdtempSync(join(tmpdir(), "eddy-bench-"));
  for (const { file, text } of files) {
    const path = join(folder, "rules", file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  return folder;
}

export function tests(least: number): TestFigures {
  const bare = folderWith([{ file: "one.eddy", text: 'event e\ntest "t" { at 2026-03-02 10:00 e expect any(e) }\n' }]);
  const many = folderWith(manyTests(least));
  const best = (folder: string): ReturnType<typeof timed> =>
    Array.from({ length: ROUNDS }, () => timed(folder)).reduce((a, b) => (b.seconds < a.seconds ? b : a));
  const [bareBest, manyBest] = [best(bare), best(many)];
  const result = { tests: Number(/(\d+) tests passed/.exec(manyBest.stdout)?.[1]), seconds: manyBest.seconds, cpuSeconds: manyBest.cpuSeconds, bareSeconds: bareBest.seconds };
  console.log(`${result.tests} tests: ${result.seconds.toFixed(2)} s (${result.cpuSeconds.toFixed(2)} s of the processor), one test: ${result.bareSeconds.toFixed(2)} s; best of ${ROUNDS}`);
  for (const folder of [bare, many]) rmSync(folder, { recursive: true });
  return result;
}

if (process.argv[1] === import.meta.filename) tests(Number(process.argv[2] ?? 1000));

/**
 * Whether one commit is slower or faster than another. Both are built in folders of their own, with the benches of the newer
 * one, and run in turn, process by process; but first the older one runs against a second build of itself. What differs
 * there is noise, and only what differs by more is called news.
 *
 *   npm run bench -- regression --between OLDER --and NEWER [--only BENCH …] [--rounds 5]
 *
 * Each figure is a ratio of the two runs of one round; the spread is that of the rounds.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { homeFile } from "../cli/home.js";
import { median, printTable } from "./table.js";

export interface RegressionOptions {
  readonly older: string;
  readonly newer: string;
  readonly benches: readonly string[];
  readonly rounds: number;
  /** Of the benches' events and customers. */
  readonly scale: number;
}

export type Verdict = "slower" | "faster" | "no difference beyond the noise of A/A";

export interface RegressionRow {
  readonly figure: string;
  readonly older: number;
  readonly newer: number;
  /** Newer divided by older, so that more than 1 is worse; rates are turned over. */
  readonly ratio: number;
  readonly least: number;
  readonly most: number;
  /** By how much the older one differs from itself, at most: 0.05 is five per cent. */
  readonly noise: number;
  readonly verdict: Verdict;
}

type Figures = ReadonlyMap<string, number>;

// ---------------------------------------------------------------------------------------------------- figures

/** Counts and sizes of what was run are no figures. */
const NOT_MEASURED = /^machine\.|(?:^|\.)(?:rules|outputs|commits|lost|tests|declarations|size|megabytes)$/;
/** Where more is better. */
const IS_RATE = /PerSecond$|ratio$|ofByHand$|timesFaster$/i;

/** All numbers of what a bench answered, by their path; entries of lists are called by the texts in them. */
export function figuresOf(value: unknown, path = ""): Map<string, number> {
  const found = new Map<string, number>();
  const take = (name: string, part: unknown): void => {
    for (const [inner, number] of figuresOf(part, path === "" ? name : `${path}.${name}`)) found.set(inner, number);
  };
  if (typeof value === "number" && Number.isFinite(value) && value > 0 && !NOT_MEASURED.test(path)) found.set(path, value);
  else if (Array.isArray(value)) value.forEach((part: unknown, i) => take(nameOf(part) ?? String(i), part));
  else if (typeof value === "object" && value !== null) for (const [name, part] of Object.entries(value)) take(name, part);
  return found;
}

function nameOf(row: unknown): string | null {
  if (typeof row !== "object" || row === null) return null;
  const { rules } = row as { rules?: unknown };
  const texts = Object.values(row).filter((part): part is string => typeof part === "string");
  return texts.length === 0 ? null : [...texts, ...(typeof rules === "number" ? [String(rules)] : [])].join(" ");
}

// ---------------------------------------------------------------------------------------------------- verdicts

/** A round of both: what the one cost, divided by what the other did. */
type Round = readonly [one: Figures, other: Figures];

const worse = (figure: string, [one, other]: Round): number => {
  const ratio = (other.get(figure) ?? NaN) / (one.get(figure) ?? NaN);
  return IS_RATE.test(figure) ? 1 / ratio : ratio;
};

/** `same`: rounds of the older one against itself; `different`: of the older one against the newer one. */
export function verdicts(same: readonly Round[], different: readonly Round[]): readonly RegressionRow[] {
  const names = [...(different[0]?.[0].keys() ?? [])].filter((figure) => [...same, ...different].every(([one, other]) => one.has(figure) && other.has(figure)));
  return names.map((figure) => {
    const ratios = different.map((round) => worse(figure, round));
    const noise = Math.max(...same.map((round) => Math.abs(Math.log(worse(figure, round)))));
    const ratio = median(ratios);
    const beyond = Math.abs(Math.log(ratio)) > noise && ratios.every((each) => each > 1 === ratio > 1);
    const middle = (side: 0 | 1): number => median(different.map((round) => round[side].get(figure) ?? NaN));
    return {
      figure, older: middle(0), newer: middle(1), ratio, least: Math.min(...ratios), most: Math.max(...ratios), noise: Math.exp(noise) - 1,
      verdict: !beyond ? "no difference beyond the noise of A/A" : ratio > 1 ? "slower" : "faster",
    };
  });
}

// ---------------------------------------------------------------------------------------------------- commits

function git(...command: string[]): string {
  const { status, stdout, stderr } = spawnSync("git", command, { cwd: homeFile("."), encoding: "utf8" });
  if (status !== 0) throw new Error(`git ${command.join(" ")}: ${stderr}`);
  return stdout.trim();
}

/** A commit in a folder of its own, built, with the benches that lie in `benches`. */
async function build(commit: string, folder: string, benches: string | null): Promise<void> {
  git("worktree", "add", "--detach", "--force", folder, commit);
  symlinkSync(homeFile("node_modules"), join(folder, "node_modules"));
  if (benches !== null) {
    rmSync(join(folder, "bench"), { recursive: true });
    cpSync(benches, join(folder, "bench"), { recursive: true });
  }
  const ready = await import(pathToFileURL(join(folder, "bin/ready.mjs")).href) as { build(home: string): void };
  ready.build(folder);
}

/** The benches are the newer commit's, and the older one has not all that they use. */
export class NotComparable extends Error { override readonly name = "NotComparable"; }

class BenchFailed extends Error {
  override readonly name = "BenchFailed";
  constructor(message: string, readonly stderr: string) { super(message); }
}

/** What a process that has failed says of it in one line, without the folder it ran in. */
export function failureIn(stderr: string, folder: string): string {
  const line = /^(?:\w*Error)\b[^:\n]*: (.+)$/m.exec(stderr)?.[1] ?? stderr.trim().split("\n").at(-1) ?? "";
  return line.replaceAll(`${folder}/`, "");
}

function run(folder: string, benches: readonly string[], scale: number): Figures {
  const { status, stderr } = spawnSync(process.execPath, ["--expose-gc", join(folder, "dist/bench/main.js"), ...benches, "--scale", String(scale)], { cwd: folder, encoding: "utf8" });
  if (status !== 0) throw new BenchFailed(`the benches ${benches.join(", ")} do not run in ${folder}:\n${stderr}`, stderr);
  return figuresOf(JSON.parse(readFileSync(join(folder, "bench/out/figures.json"), "utf8")));
}

/** Also warms the machine up. */
function tryOut(folder: string, older: string, benches: readonly string[], scale: number): void {
  try {
    run(folder, benches, scale);
  } catch (error) {
    if (!(error instanceof BenchFailed)) throw error;
    throw new NotComparable(
      `the newer commit's bench ${benches.join(", ")} does not run on ${older}: ${failureIn(error.stderr, folder)}\n` +
      "Name a later commit with --between, or with --only a bench that uses what both commits have, such as check",
    );
  }
}

/** Of fewer rounds chance decides what is news. */
const FEWEST_ROUNDS = 4;

export async function regression({ older, newer, benches, rounds, scale }: RegressionOptions): Promise<{ readonly rows: readonly RegressionRow[] }> {
  if (!(rounds >= FEWEST_ROUNDS)) throw new Error(`a comparison of commits takes at least ${FEWEST_ROUNDS} rounds`);
  const [a, b] = [older, newer].map((name) => git("rev-parse", "--verify", `${name}^{commit}`)) as [string, string];
  const place = mkdtempSync(join(tmpdir(), "eddy-regression-"));
  const [first, again, second] = ["a", "again", "b"].map((name) => join(place, name)) as [string, string, string];
  try {
    console.log(`A is ${git("log", "-1", "--format=%h %s", a)}; B is ${git("log", "-1", "--format=%h %s", b)}; building …`);
    await build(b, second, null);
    await build(a, first, join(second, "bench"));
    await build(a, again, join(second, "bench"));
    tryOut(first, older, benches, scale);
    // Who goes first takes turns.
    const inTurn = (other: string): Round[] => Array.from({ length: rounds }, (_, i): Round => {
      console.log(`${other === again ? "A/A" : "A/B"}, round ${i + 1} of ${rounds}`);
      if (i % 2 === 0) return [run(first, benches, scale), run(other, benches, scale)];
      const figures = run(other, benches, scale);
      return [run(first, benches, scale), figures];
    });
    const rows = verdicts(inTurn(again), inTurn(second));
    const percent = (ratio: number): string => `${ratio >= 1 ? "+" : "−"}${(Math.abs(ratio - 1) * 100).toFixed(1)} %`;
    printTable(
      `${benches.join(", ")}: B against A, medians of ${rounds} rounds; more than nothing is worse`,
      ["figure", "A", "B", "B against A", "from", "to", "A/A differs by", "verdict"],
      rows.map((row) => [row.figure, row.older, row.newer, percent(row.ratio), percent(row.least), percent(row.most), `${(row.noise * 100).toFixed(1)} %`, row.verdict]),
    );
    return { rows };
  } finally {
    for (const folder of [first, again, second]) spawnSync("git", ["worktree", "remove", "--force", folder], { cwd: homeFile(".") });
    rmSync(place, { recursive: true, force: true });
  }
}

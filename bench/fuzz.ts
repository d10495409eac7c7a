/**
 * Looks for texts that the compiler or the formatter cannot take: spoilt programs, random words, random bytes, one seed
 * each, until the time is over. What must hold is written in test/dsl/garbage.ts; a bounded run stands in the tests.
 *
 *   npm run bench -- fuzz [--minutes 5] [--seed 1]      goes on from that seed and prints where it stopped
 *   npm run bench -- fuzz --minutes 0 --seed 4711       that one alone, with its text if anything is wrong
 *
 * The work is done in a thread of its own, which is ended when one text takes too long.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import type { SourceFile } from "../dsl/compile.js";
import { garbage, type Project, troubleWith } from "../test/dsl/garbage.js";

/** The first file of each is the one that the others lean on. */
const PLACES: readonly (readonly [string, string])[] = [
  ["rules", "shared/events.eddy"], ["test/retail/rules", "shop.eddy"], ["test/goldens/syntax", "forms.eddy"], ["../shared/design/corpus", "events.eddy"],
];

/** CPU seconds that one text may take. */
const LONG_SECONDS = 10;
/** Without a word from the thread for so long, it hangs. */
const HANGING_MS = 120_000;
const REPORT_EVERY = 500;

export interface FuzzFigures {
  readonly firstSeed: number;
  readonly programs: number;
  readonly findings: readonly Finding[];
}
interface Finding {
  readonly seed: number;
  readonly kind: string;
  readonly trouble: string;
  /** As little of it as still shows the trouble. */
  readonly files: readonly SourceFile[];
}
interface Task {
  readonly first: number;
  readonly untilMs: number;
}
type Said = { readonly k: "at"; readonly seed: number } | { readonly k: "found"; readonly finding: Finding } | { readonly k: "done"; readonly next: number };

const projects = (): readonly Project[] => PLACES.filter(([place]) => existsSync(place)).map(([place, base]) =>
  readdirSync(place, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".eddy")).sort((a, b) => Number(b === base) - Number(a === base) || (a < b ? -1 : 1))
    .map((name): SourceFile => ({ file: `${place}/${name}`, text: readFileSync(`${place}/${name}`, "utf8") })));

export async function fuzz(minutes: number, seed: number): Promise<FuzzFigures> {
  const known = projects();
  console.log(`fuzz: from seed ${seed}, ${minutes} minutes, garbage of ${known.map((files) => files.length).join(" + ")} files`);
  const task: Task = { first: seed, untilMs: Date.now() + minutes * 60_000 };
  const findings: Finding[] = [];
  let at = seed;
  const next = await new Promise<number>((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: task });
    const patience = setInterval(() => {
      if (Date.now() - heard < HANGING_MS) return;
      findings.push({ seed: at, kind: "hang", trouble: `nothing was heard for ${HANGING_MS / 1000} s after seed ${at}`, files: garbage(at, known).files });
      void worker.terminate();
      clearInterval(patience);
      resolve(at + 1);
    }, 1_000);
    let heard = Date.now();
    worker.on("message", (said: Said) => {
      heard = Date.now();
      if (said.k === "at") at = said.seed;
      else if (said.k === "found") findings.push(said.finding);
      else {
        clearInterval(patience);
        resolve(said.next);
      }
      if (said.k === "at" && (said.seed - seed) % REPORT_EVERY === 0 && said.seed > seed) console.log(`  ${said.seed - seed} programs`);
    });
    worker.on("error", (error) => {
      clearInterval(patience);
      reject(error);
    });
  });
  for (const { seed: which, kind, trouble, files } of findings) {
    console.log(`\nseed ${which} (${kind}): ${trouble}`);
    for (const { file, text } of files) console.log(`--- ${file}\n${text.slice(0, 4_000)}`);
  }
  console.log(`${next - seed} programs, seeds ${seed} to ${next - 1}: ${findings.length === 0 ? "nothing found" : `${findings.length} found`}`);
  return { firstSeed: seed, programs: next - seed, findings };
}

// ---- in the thread ----

function work({ first, untilMs }: Task): void {
  const say = (said: Said): void => parentPort?.postMessage(said);
  const known = projects();
  let seed = first;
  do {
    say({ k: "at", seed });
    const { files, kind } = garbage(seed, known);
    const before = process.cpuUsage();
    const trouble = troubleWith(files);
    const { user, system } = process.cpuUsage(before);
    const seconds = (user + system) / 1e6;
    if (trouble !== null) say({ k: "found", finding: { seed, kind, trouble, files: shrunk(files, trouble) } });
    else if (seconds > LONG_SECONDS) say({ k: "found", finding: { seed, kind, trouble: `took ${seconds.toFixed(1)} s of CPU`, files } });
    seed++;
  } while (Date.now() < untilMs);
  say({ k: "done", next: seed });
}

/** Leaves files, lines and words out for as long as the same trouble remains. */
function shrunk(files: readonly SourceFile[], trouble: string): readonly SourceFile[] {
  const first = (text: string): string => text.split("\n")[0] ?? "";
  const same = (candidate: readonly SourceFile[]): boolean => first(troubleWith(candidate) ?? "") === first(trouble);
  let kept = files;
  for (const file of files.slice(0, -1)) {
    const fewer = kept.filter((one) => one !== file);
    if (same(fewer)) kept = fewer;
  }
  for (const separator of ["\n", " "]) {
    kept = kept.map((one, i) => {
      const fits = (parts: readonly string[]): boolean => same(kept.map((other, j) => (i === j ? { ...one, text: parts.join(separator) } : other)));
      return { ...one, text: fewest(one.text.split(separator), fits).join(separator) };
    });
  }
  return kept;
}

/** Halves, quarters and so on are left out where `fits` still holds. */
function fewest(parts: readonly string[], fits: (parts: readonly string[]) => boolean): readonly string[] {
  let kept = parts;
  for (let size = Math.ceil(parts.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < kept.length; ) {
      const fewer = [...kept.slice(0, at), ...kept.slice(at + size)];
      if (fits(fewer)) kept = fewer;
      else at += size;
    }
  }
  return kept;
}

if (!isMainThread) work(workerData as Task);

// Garbage, bounded: `npm run bench -- fuzz` goes on for as long as one likes.

import { describe, expect, test } from "vitest";
import type { SourceFile } from "../../dsl/compile.js";
import { corpus } from "./corpus.js";
import { garbage, type Project, troubleOnce, troubleWith } from "./garbage.js";
import { hostile, many } from "./hostile.js";
import { ruleFiles } from "./rule-files.js";

const under = (folder: string): Project =>
  ruleFiles.filter(({ name }) => name.startsWith(folder)).map(({ name, text }): SourceFile => ({ file: name, text })).sort(({ file }) => (file.endsWith("/events.eddy") ? -1 : 1));
const projects: readonly Project[] = [
  under("rules/"), under("test/retail"), under("test/goldens/syntax"),
  ...(corpus.length === 0 ? [] : [corpus.map(({ name, text }): SourceFile => ({ file: name, text })).sort(({ file }) => (file === "events.eddy" ? -1 : 1))]),
];

/** CPU seconds. */
function takes(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

/** Twelve letters, others for each number. */
const spread = (i: number): string => Array.from({ length: 12 }, (_, k) => "abcdefghijklmnop"[Math.imul(i + k * 977, 2654435761) >>> 28]).join("");

describe("hostile texts end in findings, and soon, whoever looks at them", () => {
  const more: typeof hostile = [
    ["5,000 declarations with a name that there is not", Array.from({ length: 5_000 }, (_, i) => `trait t${i} = nothing_such_${i}`).join("\n"), null],
    ["5,000 declarations of one name", many("trait t = 1\n", 5_000), null],
    ["5,000 names that are almost known", Array.from({ length: 5_000 }, (_, i) => `trait customer_${spread(i)} = customer_${spread(i + 20_000)}`).join("\n"), null],
    ["5,000 traits in a chain", Array.from({ length: 5_000 }, (_, i) => `trait t${i} = t${i + 1}`).join("\n"), null],
    ["5,000 traits in a circle", Array.from({ length: 5_000 }, (_, i) => `trait t${i} = t${(i + 1) % 5_000}`).join("\n"), null],
    ["2,500 rules on events that there are not", Array.from({ length: 2_500 }, (_, i) => `rule r${i} { on e${i} until f${i} wait 1 day send c${i} "x" { a: event.b } }`).join("\n"), null],
    ["2,500 tests of nothing", Array.from({ length: 2_500 }, (_, i) => `test "t${i}" { at 2026-03-02 10:00 e${i} { a: 1 } expect send c "x" }`).join("\n"), null],
    ["5,000 fields of one event", `event e { ${many("a: string ", 5_000)} }`, null],
    ["5,000 operators that are well nested", `trait x = [${many("(1 + 2 * 3 < 4 and not 5 == 6 or 7), ", 1_250)}1]`, null],
    ["2,000 events that drop on one another", Array.from({ length: 2_000 }, (_, i) => `event e${i % 100} { a${i}: { b: string = "x", c: number[] } }`).join("\n"), null],
  ];

  test.each([...hostile, ...more])("%s", (_, text) => {
    expect(takes(() => expect(troubleOnce([{ file: "a.eddy", text }])).toBeNull())).toBeLessThan(10);
  }, 60_000);
});

/** More of them by hand: GARBAGE=20000 SEED=5. */
const COUNT = Number(process.env["GARBAGE"] ?? 150);
const SEED = Number(process.env["SEED"] ?? 1);

test(`${COUNT} spoilt programs from seed ${SEED}`, () => {
  for (let seed = SEED; seed < SEED + COUNT; seed++) {
    const { files, kind } = garbage(seed, projects);
    const trouble = troubleWith(files);
    expect(trouble, `seed ${seed} (${kind}):\n${files.at(-1)?.text.slice(0, 2_000) ?? ""}`).toBeNull();
  }
}, 120_000);

test("the same seed makes the same garbage", () => {
  for (let seed = 1; seed < 30; seed++) expect(garbage(seed, projects)).toEqual(garbage(seed, projects));
});

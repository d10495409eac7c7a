/** What `eddy check` gives to programs and code hosts: JSON, SARIF, the cost. */
import { readFileSync } from "node:fs";
import { PassThrough, Readable, Writable } from "node:stream";
import { afterAll, describe, expect, test } from "vitest";

import { main } from "../../cli/main.js";
import { complaints } from "../dsl/sarif.js";
import { folderWith } from "./eddy.js";

const GOOD = `event order_placed { total: number }
trait spent = sum(order_placed.total)
  over 365 days   # a year
segment vip when spent >= 100 and count(order_placed) over 30 days > 1
segment keen when count(order_placed) over 30 days > 5
rule thanks { on enter vip  wait 1 day  emit "thanks" { spent: spent } }
test "nobody" { at 2026-03-02 10:00 order_placed { total: 1 } expect count(order_placed) over 30 days == 1 }
`;
const FAULTY = 'event order_placed { total: number }\nrule r { on order_place  emit "x" }\n';

const folder = folderWith({ "rules/good.eddy": GOOD, "faulty/a b.eddy": FAULTY });
afterAll(() => folder.remove());

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(args: readonly string[], input = ""): Promise<Ran> {
  const texts = { stdout: "", stderr: "" };
  const into = (name: "stdout" | "stderr"): Writable => new Writable({ write(chunk: Buffer, _encoding, done) { texts[name] += chunk.toString("utf8"); done(); } });
  const code = await main(args, {
    stdin: input === "" ? new PassThrough().end() : Readable.from([input]), stdout: into("stdout"), stderr: into("stderr"),
    environment: {}, folder: folder.path, terminal: false, now: () => 0, interrupted: () => new Promise(() => undefined),
  });
  return { code, ...texts };
}

describe("--json", () => {
  test("has for every finding where it is, how bad, what, and the way out", async () => {
    const { code, stdout, stderr } = await run(["check", "--json", "faulty"]);
    expect([code, stderr]).toEqual([1, ""]);
    expect(JSON.parse(stdout)).toEqual({
      ok: false,
      files: ["faulty/a b.eddy"],
      diagnostics: [{
        code: "E0103", severity: "error", message: 'there is no event "order_place"', file: "faulty/a b.eddy",
        start: { line: 2, column: 13, offset: 49 }, end: { line: 2, column: 24, offset: 60 }, label: 'did you mean "order_placed"?',
      }],
    });
  });
});

describe("--sarif", () => {
  test("writes a valid log beside what people read", async () => {
    const { code, stdout, stderr } = await run(["check", "faulty", "--sarif", "findings.sarif"]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("error[E0103]");
    const log = JSON.parse(readFileSync(`${folder.path}/findings.sarif`, "utf8")) as { runs: { tool: { driver: { version: string } }; results: { ruleId: string; locations: { physicalLocation: { artifactLocation: { uri: string } } }[] }[] }[] };
    expect(complaints(log)).toEqual([]);
    expect(log.runs[0]?.tool.driver.version).toMatch(/^\d+\.\d+\.\d+$/);
    expect(log.runs[0]?.results.map(({ ruleId }) => ruleId)).toEqual(["E0103"]);
    expect(log.runs[0]?.results[0]?.locations[0]?.physicalLocation.artifactLocation.uri).toBe("faulty/a%20b.eddy");
  });

  test("- is standard output, and leaves room for nothing else there", async () => {
    const { code, stdout } = await run(["check", "--sarif", "-"]);
    expect(code).toBe(0);
    expect(complaints(JSON.parse(stdout))).toEqual([]);
    const both = await run(["check", "--sarif", "-", "--json"]);
    expect([both.code, both.stdout]).toEqual([2, ""]);
    expect(both.stderr).toMatch(/^eddy: --sarif - takes standard output for itself/);
  });

  test("a file that cannot be written: exit 2", async () => {
    const { code, stderr } = await run(["check", "--sarif", "nowhere/findings.sarif"]);
    expect(code).toBe(2);
    expect(stderr).toContain("nowhere/findings.sarif cannot be written");
  });
});

describe("--cost", () => {
  test("shows each aggregate in the author's words, the rules and the total", async () => {
    const { code, stdout, stderr } = await run(["check", "--cost"]);
    expect([code, stderr]).toEqual([0, "1 event, 1 rule, 2 segments in 1 file: no errors\n"]);
    expect(stdout).toMatch(/^bytes per customer +typical +at most\n/);
    expect(stdout).toMatch(/\nsum\(order_placed\.total\) over 365 days +\d+ +[\d,]+ {2}by order_placed; in trait spent\n/);
    expect(stdout).toMatch(/\ncount\(order_placed\) over 30 days +\d+ +[\d,]+ {2}by order_placed; in segment keen, segment vip\n/);
    expect(stdout).toMatch(/\nthanks +\d+ +\d+ {2}by order_placed\n/);
    expect(stdout).toMatch(/\nTOTAL +[\d,]+ +[\d,]+/);
    expect(stdout).toContain("typical: an event of every type once a week");
  });

  test("as data with --json", async () => {
    const { stdout } = await run(["check", "--cost", "--json"]);
    const { cost } = JSON.parse(stdout) as { cost: { aggregates: { text: string; usedIn: string[]; places: string[]; bytes: { typical: number; most: number }; events: string[] }[]; total: { typical: number; most: number }; assumptions: string[] } };
    const year = cost.aggregates.find(({ text }) => text.startsWith("sum"));
    expect(year).toMatchObject({ usedIn: ["trait spent"], places: ["rules/good.eddy:2:15"], events: ["order_placed"] });
    expect(year?.bytes.typical).toBeGreaterThan(200);
    expect(year?.bytes.most).toBeGreaterThan(10_000);
    expect(cost.total.typical).toBeGreaterThan(year?.bytes.typical ?? 0);
    expect(cost.assumptions).toHaveLength(2);
  });

  test("of rules with errors there is none", async () => {
    const { code, stdout } = await run(["check", "--cost", "faulty"]);
    expect([code, stdout]).toEqual([1, ""]);
  });
});

/** The tests of the shop rules, on the engine: all of them pass, and together they touch every rule and segment. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { failureText, testReport } from "../../cli/test-report.js";
import { compileTests, type SourceFile } from "../../dsl/compile.js";
import { sourcesOf, suiteOf } from "./suites.js";
import { runSuite } from "../../engine/testing/suite.js";

const folder = fileURLToPath(new URL("../../rules/shop/", import.meta.url));
const files: readonly SourceFile[] = readdirSync(folder).filter((name) => name.endsWith(".eddy")).sort()
  .map((file) => ({ file, text: readFileSync(folder + file, "utf8") }));

describe("the shop rules", () => {
  const report = testReport(sourcesOf(files));
  const { outcomes, idleRules, idleSegments } = runSuite(suiteOf(files));

  test.each(outcomes.map((outcome) => [`${outcome.test.span.file}: ${outcome.test.name}`, outcome] as const))("%s", (_, outcome) => {
    expect(outcome.failures.length === 0 ? "" : failureText(report, outcome)).toBe("");
  });

  test("every rule starts, and every segment is entered", () => {
    expect(outcomes.length).toBeGreaterThan(40);
    expect({ idleRules, idleSegments }).toEqual({ idleRules: [], idleSegments: [] });
  });

  test("nothing is to be said against them", () => {
    expect(compileTests(files).diagnostics).toEqual([]);
  });
});

/** The rule library: one valid program, tested to the last branch, explained for people, and every family to be had alone. */
import { describe, expect, test } from "vitest";
import { failureText, testReport } from "../../cli/test-report.js";
import type { Declaration } from "../../dsl/ast.js";
import { compileProgram, compileTests } from "../../dsl/compile.js";
import { formatText } from "../../dsl/format.js";
import { parseFile } from "../../dsl/parse.js";
import { runSuite } from "../../engine/testing/suite.js";
import { sourcesOf, suiteOf } from "../testing/suites.js";
import { exists, families, filesOf, folders, SHARED, text, together } from "./library.js";

const files = [...together, ...filesOf(...folders)];

describe("its tests", () => {
  const report = testReport(sourcesOf(files));
  const { outcomes, coverage, idleRules, idleSegments } = runSuite(suiteOf(files));

  test.each(outcomes.map((outcome) => [`${outcome.test.span.file}: ${outcome.test.name}`, outcome] as const))("%s", (_, outcome) => {
    expect(outcome.failures.length === 0 ? "" : failureText(report, outcome)).toBe("");
  });

  test("start every rule and enter every segment", () => {
    expect(outcomes.length).toBeGreaterThan(40);
    expect({ idleRules, idleSegments }).toEqual({ idleRules: [], idleSegments: [] });
  });

  test("take every way that a rule may go", () => {
    const left = coverage.rules.flatMap(({ name, branches }) => branches.filter(({ taken }) => !taken).map(({ decision, way }) => `${decision.file}: ${name}: ${text(decision.file).slice(decision.start, decision.end).split("\n")[0]}: ${way}`));
    expect(left).toEqual([]);
  });
});

test("nothing is to be said against it", () => {
  expect(compileTests(files).diagnostics).toEqual([]);
});

test.each(files.map(({ file, text: source }) => [file, source] as const))("%s is in the canonical layout", (file, source) => {
  expect(formatText(file, source).text).toBe(source);
});

describe.each(families)("%s", (family) => {
  test("is a program with no more than what is shared", () => {
    const { diagnostics } = compileProgram(filesOf(SHARED, family));
    // What only other families use is idle here.
    expect(diagnostics.filter(({ code }) => !["W0001", "W0002", "W0003"].includes(code)).map(({ code, message }) => `${code} ${message}`)).toEqual([]);
  });
});

describe.each(files.map(({ file, text: source }) => [file, source] as const))("%s", (file, source) => {
  const { declarations } = parseFile(file, source);

  test("begins with a sentence about the whole of it", () => {
    expect(source).toMatch(/^# \S.*\S/);
  });

  test("says above each segment and rule what was wished, and has a label for people", () => {
    for (const declaration of declarations) {
      if (declaration.k !== "segment" && declaration.k !== "rule") continue;
      expect(declaration.label?.value, declaration.name.text).toMatch(/\w+/);
      // A rule right behind the segment or trait that was made for it shares its sentence.
      const above = source.slice(0, declaration.span.start).trimEnd().split("\n").at(-1);
      if (declaration.k === "rule") expect(above, `the line above ${declaration.name.text}`).toMatch(/^(#|segment |trait |  (when|until) )/);
    }
  });

  test("speaks in its tests of each of its segments and of every message of its rules", () => {
    const said = (each: Declaration): string => source.slice(each.span.start, each.span.end);
    const tests = declarations.filter(({ k }) => k === "test").map(said).join("\n");
    for (const declaration of declarations) {
      if (declaration.k === "segment") expect(tests, `segment ${declaration.name.text}`).toMatch(new RegExp(`expect .*\\b${declaration.name.text}\\b`));
      if (declaration.k !== "rule") continue;
      for (const [action] of said(declaration).matchAll(/(?:send \w+|emit) "\w+"/g)) {
        expect(tests, `${action} of ${declaration.name.text}`).toMatch(new RegExp(`expect (?:at [\\d: .-]+ )?${action}`));
      }
    }
  });
});

describe("its READMEs", () => {
  test("name every folder", () => {
    for (const folder of folders) {
      expect(text("README.md")).toContain(`](${folder}/README.md)`);
      expect(exists(`${folder}/README.md`), folder).toBe(true);
    }
  });

  test.each(folders)("%s: every file stands in the table", (folder) => {
    const readme = text(`${folder}/README.md`);
    const rows = readme.split("\n").flatMap((line) => /^\| `([^`]+)`/.exec(line)?.[1] ?? []);
    expect(rows.filter((name) => name.endsWith(".eddy")).sort()).toEqual(filesOf(folder).map(({ file }) => file.slice(folder.length + 1)).sort());
  });
});

/**
 * The scenarios that are kept beside the project, as far as this version runs them: their tests prove the engine's
 * semantics. What is not supported is taken away, with all that depends on it:
 *
 * - Tests in which customers are joined are left out.
 * - Every declaration in which the checker finds an error goes, again and again until none is left. Tests that go so are
 *   left out.
 * - A test is left out where a rule that went could have started in it: without the rule it would say less.
 */
import { describe, expect, test } from "vitest";
import type { Declaration, RuleDeclaration, Span, TestDeclaration } from "../../dsl/ast.js";
import { check } from "../../dsl/check/check.js";
import { mentions } from "../../dsl/check/mentions.js";
import { failureText, testReport } from "../../cli/test-report.js";
import { parseFile } from "../../dsl/parse.js";
import type { TestSuite } from "../../dsl/tests.js";
import { runTest } from "../../engine/testing/run.js";
import { testPrograms } from "../../engine/testing/program.js";
import type { Outcome } from "../../engine/testing/outcome.js";
import { corpus, withoutCorpus } from "../dsl/corpus.js";

interface Run {
  /** By `file: test`. */
  readonly outcomes: ReadonlyMap<string, Outcome>;
  /** Why each does not run. */
  readonly leftOut: ReadonlyMap<string, string>;
  /** What went is called. */
  readonly gone: ReadonlySet<string>;
}

const nameOf = (span: Span, name: string): string => `${span.file.replace(".eddy", "")}: ${name}`;

const contains = (outer: Span, inner: Span): boolean => outer.file === inner.file && outer.start <= inner.start && inner.end <= outer.end;

/** Declarations without errors, and those that had some, with the first of them. */
function supported(): { readonly suite: TestSuite; readonly kept: readonly Declaration[]; readonly removed: ReadonlyMap<Declaration, string> } {
  let kept: readonly Declaration[] = corpus.flatMap(({ name, text }) => parseFile(name, text).declarations);
  const removed = new Map<Declaration, string>();
  for (;;) {
    const { diagnostics, suite } = check(kept, []);
    const made = suite();
    if (made !== null) return { suite: made, kept, removed };
    for (const declaration of kept) {
      const error = diagnostics.find(({ span, severity }) => severity === "error" && contains(declaration.span, span));
      if (error !== undefined) removed.set(declaration, error.message);
    }
    kept = kept.filter((declaration) => !removed.has(declaration));
  }
}

function runCorpus(): Run {
  const { suite, kept, removed } = supported();
  const gone = [...removed.keys()];
  const outcomes = new Map<string, Outcome>();
  const leftOut = new Map<string, string>();
  for (const [declaration, why] of removed) if (declaration.k === "test") leftOut.set(nameOf(declaration.span, declaration.name.value), why);
  const rules = gone.filter((declaration) => declaration.k === "rule");
  const programOf = testPrograms(suite);
  for (const one of suite.tests) {
    const written = kept.find((each): each is TestDeclaration => each.k === "test" && each.span === one.span);
    const outcome = runTest(programOf(one), one);
    if (mentions(written?.lines).has("customer_identified")) {
      leftOut.set(nameOf(one.span, one.name), "joining customers is not supported");
      continue;
    }
    const missing = rules.find((rule) => rule.span.file === one.span.file && couldStart(rule, mentions(written?.lines), outcome.touched.entered));
    if (missing !== undefined) leftOut.set(nameOf(one.span, one.name), `the rule "${missing.name.text}" is not supported`);
    else outcomes.set(nameOf(one.span, one.name), outcome);
  }
  return { outcomes, leftOut, gone: new Set(gone.flatMap((declaration) => ("name" in declaration && "text" in declaration.name ? [declaration.name.text] : []))) };
}

function couldStart({ clauses }: RuleDeclaration, mentioned: ReadonlySet<string>, entered: ReadonlySet<string>): boolean {
  return clauses.some((clause) => {
    if (clause.k !== "start") return clause.k === "schedule";
    const { moment } = clause;
    switch (moment.k) {
      case "events": return moment.events.some(({ event }) => mentioned.has(event.text));
      case "enter": case "leave": return entered.has(moment.name.text);
      case "change": return mentioned.has("profile_updated");
      case "up": case "down": return true;
    }
  });
}

const NOTHING: Run = { outcomes: new Map(), leftOut: new Map(), gone: new Set() };

describe.skipIf(corpus.length === 0)(`the scenarios${withoutCorpus}`, () => {
  const { outcomes, leftOut, gone } = corpus.length === 0 ? NOTHING : runCorpus();
  const report = testReport(new Map(corpus.map(({ name, text }) => [name, text])));

  test.each([...outcomes])("%s", (_, outcome) => {
    expect(outcome.failures.length === 0 ? "" : failureText(report, outcome)).toBe("");
  });

  for (const [name, why] of leftOut) test.skip(`${name} (left out: ${why})`, () => undefined);

  test("whole files of them run", () => {
    const whole = ["audiences", "churn_prevention", "events", "history", "metrics", "order_status", "personal_content", "sleeping_customers", "value_segments"];
    for (const file of whole) {
      expect([...outcomes.keys()].filter((name) => name.startsWith(`${file}: `)), file).not.toEqual([]);
      expect([...leftOut.keys()].filter((name) => name.startsWith(`${file}: `)), file).toEqual([]);
    }
    expect(outcomes.size).toBeGreaterThanOrEqual(30);
  });

  test("no test is left out but for what is not supported", () => {
    for (const [name, why] of leftOut) {
      const missing = /^there is no .*"(\w+)"$/.exec(why)?.[1];
      expect(missing === undefined ? why.includes("not supported") : gone.has(missing), `${name}: ${why}`).toBe(true);
    }
  });
});

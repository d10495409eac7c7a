/** The shop rules: they parse, they stay within what the README says, and their tests speak of all of them. */
import { expect, test } from "vitest";
import { declared, shopFile, shopFiles } from "./declared.js";

test("every file parses without a complaint", () => {
  const files = shopFiles();
  expect(files.length).toBeGreaterThan(5);
  for (const { name, diagnostics, declarations } of files) {
    expect(diagnostics, name).toEqual([]);
    expect(declarations.length, name).toBeGreaterThan(0);
  }
});

test("names are declared once", () => {
  for (const kind of ["event", "trait", "segment", "channel", "rule"] as const) {
    const names = declared(kind).map((each) => each.name.text);
    expect(names.length, kind).toBeGreaterThan(0);
    expect(new Set(names).size, kind).toBe(names.length);
  }
});

test("every segment and rule has a label for people", () => {
  for (const { name, label } of [...declared("segment"), ...declared("rule")]) {
    expect(label?.value, name.text).toMatch(/\w+/);
  }
});

test("the tests of a file speak of each of its segments and of every message of its rules", () => {
  for (const { name: file, text, declarations } of shopFiles()) {
    const spans = declarations.filter((each) => each.k === "test").map(({ span }) => text.slice(span.start, span.end));
    const tests = spans.join("\n");
    for (const declaration of declarations) {
      if (declaration.k === "segment") {
        expect(tests, `${file}: segment ${declaration.name.text}`).toMatch(new RegExp(`expect .*\\b${declaration.name.text}\\b`));
      }
      if (declaration.k !== "rule") continue;
      const rule = text.slice(declaration.span.start, declaration.span.end);
      for (const [action] of rule.matchAll(/(?:send \w+|emit) "\w+"/g)) {
        expect(tests, `${file}: ${action} of ${declaration.name.text}`).toContain(`expect ${action}`);
      }
    }
  }
});

test("the README names every file and every segment beside its own file", () => {
  const readme = shopFile("README.md");
  for (const { name, declarations } of shopFiles()) {
    const row = readme.split("\n").find((line) => line.startsWith(`| \`${name}\``));
    expect(row, `${name} stands in the table`).toBeDefined();
    for (const each of declarations) {
      if (each.k === "segment") expect(row, name).toContain(`\`${each.name.text}\``);
    }
  }
});

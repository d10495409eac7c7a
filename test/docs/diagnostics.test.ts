/** docs/diagnostics.md is what the table of codes makes of it; UPDATE_GOLDENS=1 writes it anew. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { codes } from "../../dsl/diagnostics/codes.js";
import { diagnosticsPage } from "../../dsl/diagnostics/page.js";

const file = fileURLToPath(new URL("../../docs/diagnostics.md", import.meta.url));

test("the page is fresh", () => {
  const page = diagnosticsPage();
  if (process.env["UPDATE_GOLDENS"] === "1") writeFileSync(file, page);
  expect(readFileSync(file, "utf8")).toBe(page);
});

test("it has a section for every code, once and in order", () => {
  expect([...diagnosticsPage().matchAll(/^### ([EW]\d{4}): \S/gm)].map(([, code]) => code)).toEqual(Object.keys(codes));
});

test("each can be linked to, whatever its title becomes", () => {
  const anchors = [...diagnosticsPage().matchAll(/^<a id="([ew]\d{4})"><\/a>$/gm)].map(([, anchor]) => anchor?.toUpperCase());
  expect(anchors).toEqual(Object.keys(codes));
});

test("what the texts say stands there as it was meant", () => {
  const page = diagnosticsPage();
  expect(page).toContain("### E0203: a condition that is not true or false\n\nConditions, and what stands beside and, or and not, must be booleans.");
  expect(page).toContain("Names are made of a-z, 0-9 and \\_;");
  expect(page).toContain("`placed_at: time from \"time\"`");
});

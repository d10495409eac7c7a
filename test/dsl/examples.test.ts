/** The examples of docs/diagnostics.md: what is wrong has exactly its code, what is right has nothing. */
import { expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { codes } from "../../dsl/diagnostics/codes.js";
import { examples, PRELUDE, textOf } from "../../dsl/diagnostics/examples.js";
import { ran } from "../testing/suites.js";

const FILE = "rules.eddy";
/** An example shows one thing: what else would use it is not there. */
const UNUSED: ReadonlySet<string> = new Set(["W0001", "W0002", "W0003"]);

/** Prelude and example in a form in which a declaration is never made twice. */
function filesOf(text: string): { file: string; text: string }[] {
  const own = /^channel (\w+)/m.exec(text)?.[1];
  const prelude = own === "email" ? PRELUDE.replace(/^channel email.*$/m, "") : PRELUDE;
  return [{ file: "prelude.eddy", text: prelude }, { file: FILE, text }];
}

function found(text: string, code: string): readonly string[] {
  const there = compileProgram(filesOf(text)).diagnostics.filter((each) => each.span.file === FILE && (each.code === code || !UNUSED.has(each.code)));
  return [...new Set(there.map((each) => `${each.code} ${each.message}`))];
}

test.each([...examples])("%s", (code, { wrong, right }) => {
  const codesFound = [...new Set(found(textOf(wrong), code).map((each) => each.slice(0, 5)))];
  expect(codesFound, found(textOf(wrong), code).join("\n")).toEqual([code]);
  expect(found(`${right}\n`, code)).toEqual([]);
  expect(ran(...filesOf(`${right}\n`)).told).toBe("");
});

test("every code that may be found has one, and no other", () => {
  const reported = Object.entries(codes).filter(([, { retired }]) => retired !== true).map(([code]) => code);
  expect([...examples.keys()]).toEqual(reported);
});

test("examples are short, and the wrong one differs from the right one", () => {
  for (const [code, { wrong, right }] of examples) {
    const text = typeof wrong === "string" ? wrong : wrong.shown;
    expect(text, code).not.toBe(right);
    expect(text.split("\n").length, code).toBeLessThanOrEqual(10);
    for (const line of [...text.split("\n"), ...right.split("\n")]) expect(line.length, line).toBeLessThanOrEqual(100);
  }
});

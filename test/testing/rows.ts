/** Small programs, each with a test in the language itself. */
import { describe, expect, test } from "vitest";
import { ran } from "./suites.js";

const told = (text: string): string => ran({ file: "a.eddy", text }).told;

/** Name, declarations, and the lines of the test. */
export type Row = readonly [name: string, program: string, lines: string];

export const rows = (title: string, table: readonly Row[]): void => {
  describe(title, () => {
    test.each(table)("%s", (_, program, lines) => expect(told(`${program}\ntest "t" {\n${lines}\n}`)).toBe(""));
  });
};

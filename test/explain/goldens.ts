/** What is explained, beside what it is to be. UPDATE_GOLDENS=1 writes that anew; read the difference. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";

const folder = fileURLToPath(new URL("../goldens/explain/", import.meta.url));

export function expectGolden(name: string, text: string): void {
  if (process.env["UPDATE_GOLDENS"] === "1") writeFileSync(folder + name, text);
  expect(text).toBe(readFileSync(folder + name, "utf8"));
}

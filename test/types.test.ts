/**
 * The types of everything hold. Building does not look at them, so this does. What the compiler found out stays beside the
 * packages, so that the next run looks only at what is new and what depends on it.
 */
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");

test("tsc finds nothing", async () => {
  const found = await new Promise<string>((resolve, reject) => {
    const tsc = spawn(process.execPath, [join(ROOT, "node_modules/typescript/bin/tsc"), "-p", join(ROOT, "tsconfig.json"), "--noEmit", "--pretty", "false", "--incremental", "--tsBuildInfoFile", join(ROOT, "node_modules/.cache/types.tsbuildinfo")]);
    let said = "";
    tsc.stdout.on("data", (chunk: Buffer) => (said += chunk.toString("utf8")));
    tsc.on("error", reject);
    tsc.on("close", (code) => resolve(code === 0 ? "" : said));
  });
  expect(found.split("\n").slice(0, 40).join("\n")).toBe("");
}, 300_000);

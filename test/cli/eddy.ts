/** Runs the real program, bin/eddy, in a folder of its own, without the settings of whoever runs the tests. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Where package.json lies; from dist/, where benches run this, it is one further up. */
export const PROJECT = ["../..", "../../.."].map((up) => join(dirname(fileURLToPath(import.meta.url)), up)).find((folder) => existsSync(join(folder, "package.json"))) ?? ".";
const PROGRAM = join(PROJECT, "bin/eddy");

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  /** Without the notes of a build that came first. */
  readonly stderr: string;
}

export interface RunOptions {
  readonly folder: string;
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

export function eddy(args: readonly string[], { folder, input = "", environment = {} }: RunOptions): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [PROGRAM, ...args], { cwd: folder, env: { ...neutral(), ...environment } });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
    child.on("error", reject);
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
    child.on("close", (code) => resolve({ code, stdout: text(out), stderr: text(err).replace(/^eddy: building …\n/, "") }));
  });
}

const text = (chunks: readonly Buffer[]): string => Buffer.concat(chunks).toString("utf8");

function neutral(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(EDDY_|NATS_URL$|REDIS_URL$|FORCE_COLOR$)/.test(name)));
}

/** A temporary folder with these files. */
export function folderWith(files: Readonly<Record<string, string | Buffer>>): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "eddy-cli-"));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), content);
  }
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** `eddy fmt`, in this process: what it writes, what it says, and what it leaves alone. */
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { PassThrough, Readable, Writable } from "node:stream";
import { afterEach, describe, expect, test } from "vitest";

import { main } from "../../cli/main.js";
import { folderWith, type Ran } from "./eddy.js";

const ROUGH = "event a{x:number}\ntrait t=count(a)   # how many\n";
const LAID_OUT = "event a {\n  x: number\n}\ntrait t = count(a) # how many\n";
const WRONG = "trait   b = = 1\n";

const folders: { remove(): void }[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) folder.remove();
});
function folderOf(files: Readonly<Record<string, string | Buffer>>): string {
  const folder = folderWith(files);
  folders.push(folder);
  return folder.path;
}

async function fmt(folder: string, args: readonly string[], input = "", environment: Record<string, string> = {}): Promise<Ran> {
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  const sink = (into: Buffer[]): Writable => new Writable({ write: (chunk: Buffer, _, done) => { into.push(Buffer.from(chunk)); done(); } });
  const stdin = new PassThrough();
  Readable.from([Buffer.from(input)]).pipe(stdin);
  const code = await main(["fmt", ...args], {
    stdin, stdout: sink(out), stderr: sink(err), environment, folder, terminal: false, now: () => 0, interrupted: () => new Promise(() => undefined),
  });
  return { code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() };
}
const text = (...path: string[]): string => readFileSync(join(...path), "utf8");

describe("in place", () => {
  test("what is not laid out is written anew and named, the rest is not touched", async () => {
    const folder = folderOf({ "rules/rough.eddy": ROUGH, "rules/below/fine.eddy": LAID_OUT, "rules/notes.txt": ROUGH });
    const before = statSync(join(folder, "rules/below/fine.eddy")).mtimeMs;
    expect(await fmt(folder, [])).toEqual({ code: 0, stdout: "rules/rough.eddy\n", stderr: "2 files: 1 formatted\n" });
    expect(text(folder, "rules/rough.eddy")).toBe(LAID_OUT);
    expect(text(folder, "rules/notes.txt")).toBe(ROUGH);
    expect(statSync(join(folder, "rules/below/fine.eddy")).mtimeMs).toBe(before);
    expect(readdirSync(join(folder, "rules")).sort()).toEqual(["below", "notes.txt", "rough.eddy"]);
    expect(await fmt(folder, [])).toEqual({ code: 0, stdout: "", stderr: "2 files: nothing to change\n" });
  });

  test("line ends of Windows are named, for nobody sees them", async () => {
    const folder = folderOf({ "rules/rough.eddy": ROUGH.replaceAll("\n", "\r\n"), "rules/fine.eddy": LAID_OUT.replaceAll("\n", "\r\n"), "rules/other.eddy": ROUGH });
    expect(await fmt(folder, ["--check"])).toEqual({
      code: 1,
      stdout: "rules/fine.eddy\nrules/other.eddy\nrules/rough.eddy\n",
      stderr: `rules/fine.eddy: its lines end with CR LF, as on Windows, and not with LF; nothing else differs
rules/rough.eddy: its lines end with CR LF, as on Windows, and not with LF
3 files: 3 not in the canonical layout
`,
    });
  });

  test("one file, from another folder", async () => {
    const folder = folderOf({ "a.eddy": ROUGH, "b.eddy": ROUGH });
    expect((await fmt(folder, ["a.eddy"])).stdout).toBe("a.eddy\n");
    expect([text(folder, "a.eddy"), text(folder, "b.eddy")]).toEqual([LAID_OUT, ROUGH]);
    expect((await fmt(join(folder, "elsewhere"), [join(folder, "b.eddy")])).code).toBe(0);
    expect(text(folder, "b.eddy")).toBe(LAID_OUT);
  });

  test("a file with a mistake is left as it is and told of; the others are formatted", async () => {
    const folder = folderOf({ "rules/a.eddy": WRONG, "rules/b.eddy": ROUGH });
    const { code, stdout, stderr } = await fmt(folder, []);
    expect([code, stdout]).toEqual([1, "rules/b.eddy\n"]);
    expect(stderr).toContain("error[E0007]: ");
    expect(stderr).toContain(" --> rules/a.eddy:1:13\n");
    expect(stderr).toMatch(/\n2 files: 1 formatted, 1 with errors\n$/);
    expect([text(folder, "rules/a.eddy"), text(folder, "rules/b.eddy")]).toEqual([WRONG, LAID_OUT]);
  });

  test("names that mean nothing are no business of the layout", async () => {
    const folder = folderOf({ "rules/a.eddy": "trait t = count(nothing_such)\n" });
    expect((await fmt(folder, [])).code).toBe(0);
  });

  test("the mode stays, and a link stays a link", async () => {
    const folder = folderOf({ "rules/a.eddy": ROUGH, "kept/b.eddy": ROUGH });
    chmodSync(join(folder, "rules/a.eddy"), 0o640);
    chmodSync(join(folder, "kept/b.eddy"), 0o666);
    symlinkSync(join("..", "kept", "b.eddy"), join(folder, "rules/b.eddy"));
    expect((await fmt(folder, [])).stdout).toBe("rules/a.eddy\nrules/b.eddy\n");
    expect(statSync(join(folder, "rules/a.eddy")).mode & 0o777).toBe(0o640);
    expect(statSync(join(folder, "kept/b.eddy")).mode & 0o777).toBe(0o666);
    expect(lstatSync(join(folder, "rules/b.eddy")).isSymbolicLink()).toBe(true);
    expect(text(folder, "kept/b.eddy")).toBe(LAID_OUT);
  });

  test("what is no text is refused before anything is written", async () => {
    const folder = folderOf({ "rules/a.eddy": ROUGH, "rules/b.eddy": Buffer.from([0x23, 0xe9, 0x0a]) });
    expect(await fmt(folder, [])).toEqual({ code: 2, stdout: "", stderr: "eddy: rules/b.eddy is not text in UTF-8\n" });
    expect(text(folder, "rules/a.eddy")).toBe(ROUGH);
    mkdirSync(join(folder, "empty"));
    expect((await fmt(folder, ["empty"])).code).toBe(2);
  });
});

describe("--check", () => {
  test("writes nothing, names what would change, exit 1", async () => {
    const folder = folderOf({ "rules/a.eddy": ROUGH, "rules/b.eddy": LAID_OUT });
    const expected: Ran = { code: 1, stdout: "rules/a.eddy\n", stderr: "2 files: 1 not in the canonical layout\n" };
    expect(await fmt(folder, ["--check"])).toEqual(expected);
    expect(await fmt(folder, [], "", { EDDY_CHECK: "1" })).toEqual(expected);
    expect(text(folder, "rules/a.eddy")).toBe(ROUGH);
  });

  test("all is well: exit 0", async () => {
    const folder = folderOf({ "rules/b.eddy": LAID_OUT });
    expect(await fmt(folder, ["--check"])).toEqual({ code: 0, stdout: "", stderr: "1 file: nothing to change\n" });
  });

  test("of standard input", async () => {
    const folder = folderOf({});
    expect(await fmt(folder, ["--check", "-"], ROUGH)).toEqual({ code: 1, stdout: "<stdin>\n", stderr: "1 file: 1 not in the canonical layout\n" });
    expect((await fmt(folder, ["--check", "-"], LAID_OUT)).code).toBe(0);
  });
});

describe("-", () => {
  test("from standard input to standard output", async () => {
    expect(await fmt(folderOf({}), ["-"], ROUGH)).toEqual({ code: 0, stdout: LAID_OUT, stderr: "" });
    expect(await fmt(folderOf({}), ["-"], "")).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test("a mistake: nothing on standard output, so that nothing is overwritten with half a file", async () => {
    const { code, stdout, stderr } = await fmt(folderOf({}), ["-"], WRONG);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain(" --> <stdin>:1:13\n");
  });
});

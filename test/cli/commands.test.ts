import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { eddyHere } from "./eddy-here.js";
import { eddy, folderWith, PROJECT, type Ran } from "./eddy.js";

const GOOD = 'event order_placed { total: number }\nsegment vip when sum(order_placed.total) >= 100\nrule thanks { on enter vip emit "thanks" }\n';
const FAULTY = 'rule r { on order_place emit "x" }\nevent order_placed { total: number }\nsegment vip when order_placed.total > "2"\n';

const folder = folderWith({
  "rules/good.eddy": GOOD,
  "rules/below/more.eddy": "event visited\nsegment seen when count(visited) > 0\n",
  "rules/below/notes.txt": "no rules",
  "faulty/a.eddy": FAULTY,
  "single.eddy": GOOD,
  "latin1.eddy": Buffer.from([0x23, 0xe9, 0x0a]),
  "empty/readme.md": "nothing here",
});
afterAll(() => folder.remove());

const run = (args: readonly string[], input = "", environment: Record<string, string> = {}): Promise<Ran> => eddy(args, { folder: folder.path, input, environment });

/** What is not about a process of its own. */
const here = (args: readonly string[], input = "", environment: Record<string, string> = {}): Promise<Ran> => eddyHere(args, { folder: folder.path, input, environment });

// The first call builds.
beforeAll(() => run(["--version"]));

describe("the program", () => {
  test("--version, --help and help of a command: on stdout, exit 0", async () => {
    expect(await run(["--version"])).toEqual({ code: 0, stdout: "0.1.0\n", stderr: "" });
    const help = await run(["--help"]);
    expect([help.code, help.stderr]).toEqual([0, ""]);
    expect(help.stdout).toMatch(/^Usage: eddy /);
    expect((await run(["help", "send"])).stdout).toContain("--clock <TIME>");
  });

  test("every flag of every command names its variable, and every command shows examples", async () => {
    const names = [...(await run(["--help"])).stdout.matchAll(/^  ([a-z]+) \[/gm)].map((found) => found[1] ?? "");
    expect(names).toEqual(expect.arrayContaining(["check", "send", "setup"]));
    const helps = await Promise.all(names.filter((each) => each !== "help").map((name) => here([name, "--help"])));
    for (const { stdout } of helps) {
      expect(stdout).toMatch(/Examples:\n  eddy /);
      const flags = [...stdout.matchAll(/^  --([a-z-]+)/gm)].map((found) => found[1] ?? "");
      for (const flag of flags) expect(stdout.replace(/\s+/g, " ")).toContain(`EDDY_${flag.toUpperCase().replaceAll("-", "_")}`);
    }
  });

  test.each<[string, string[], RegExp]>([
    ["an unknown flag, with the one that was meant", ["check", "--jsn"], /^eddy: unknown option '--jsn'\n\(Did you mean --json\?\)/],
    ["an unknown command", ["chekc"], /^eddy: unknown command 'chekc'\n\(Did you mean check\?\)/],
    ["a flag without its value", ["setup", "--partitions"], /^eddy: option '--partitions <N>' argument missing/],
    ["too many arguments", ["check", "a", "b"], /^eddy: too many arguments/],
    ["a value that makes no sense", ["setup", "--partitions", "x"], /^eddy: --partitions: it must be a whole number from 1 to 1024, not "x" \(from the command line\)\n$/],
    ["nothing to send", ["send"], /^eddy: send needs a FILE/],
    ["no command at all", [], /^Usage: eddy /],
  ])("%s: exit 2", async (_name, args, said) => {
    const { code, stdout, stderr } = await run(args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(said);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  test("a bug of ours: exit 70, how to report it, and the stack only on request", async () => {
    // Nothing that a person does makes one, so one is put in from outside.
    const broken = folderWith({ "rules/x.eddy": FAULTY });
    const bug = (environment: Record<string, string>): Promise<Ran> => eddy(["check"], { folder: broken.path, environment: { NODE_OPTIONS: `--import ${JSON.stringify(`data:text/javascript,String.prototype.matchAll=()=>{throw new TypeError("redis://:geheim@h")};`)}`, EDDY_JSON: "1", ...environment } });
    const short = await bug({});
    expect(short.code).toBe(70);
    expect(short.stderr).toMatch(/^eddy: internal error: redis:\/\/:\*\*\*@h\neddy: this is a bug in Eddy 0\.1\.0\. Please report it, with the command and what it printed with EDDY_DEBUG=1 set\.\n$/);
    expect((await bug({ EDDY_DEBUG: "1" })).stderr).toMatch(/\n\s+at /);
    broken.remove();
  });
});

describe("check", () => {
  test("good rules: one line on stderr, exit 0", async () => {
    expect(await here(["check"])).toEqual({ code: 0, stdout: "", stderr: "2 events, 1 rule, 2 segments in 2 files: no errors\n" });
    expect((await here(["check", "single.eddy"])).stderr).toBe("1 event, 1 rule, 1 segment in 1 file: no errors\n");
  });

  test("warnings are shown and counted, and leave exit 0", async () => {
    const { code, stderr } = await here(["check", "-"], `${GOOD}event unused\n`);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^warning\[W0002\]: /);
    expect(stderr).toMatch(/\n2 events, 1 rule, 1 segment in 1 file: no errors, 1 warning\n$/);
  });

  test("faulty rules: every finding with its place and line, exit 1", async () => {
    const { code, stdout, stderr } = await here(["check", "faulty"]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain('error[E0103]: there is no event "order_place"\n --> faulty/a.eddy:1:13\n  |\n1 | rule r { on order_place emit "x" }\n  |             ^^^^^^^^^^^ did you mean "order_placed"?\n');
    expect(stderr).toContain(" --> faulty/a.eddy:3:");
    expect(stderr).toMatch(/\n1 file: 2 errors\n$/);
    expect(stderr).not.toContain("\u001b[");
  });

  test("--json: findings with exact spans as data on stdout, nothing on stderr", async () => {
    const { code, stdout, stderr } = await here(["check", "--json", "faulty/a.eddy"]);
    expect([code, stderr]).toEqual([1, ""]);
    const report = JSON.parse(stdout) as { ok: boolean; files: string[]; diagnostics: { code: string; start: object; end: object }[] };
    expect([report.ok, report.files]).toEqual([false, ["faulty/a.eddy"]]);
    expect(report.diagnostics[0]).toMatchObject({ code: "E0103", severity: "error", file: "faulty/a.eddy", start: { line: 1, column: 13, offset: 12 }, end: { line: 1, column: 24, offset: 23 } });
    const good = await here(["check", "--json"]);
    expect([good.code, JSON.parse(good.stdout)]).toMatchObject([0, { ok: true, counts: { events: 2, rules: 1, segments: 2 }, diagnostics: [] }]);
  });

  test("the variable instead of the flag, and eddy.yaml", async () => {
    expect((await here(["check"], "", { EDDY_RULES: "single.eddy", EDDY_JSON: "true" })).stdout).toContain('"files":["single.eddy"]');
    const configured = folderWith({ "eddy.yaml": "rules: mine\njson: yes\n", "mine/a.eddy": GOOD });
    expect((await eddyHere(["check"], { folder: configured.path })).stdout).toContain('"files":["mine/a.eddy"]');
    configured.remove();
  });

  test("- reads standard input", async () => {
    expect((await here(["check", "-"], GOOD)).code).toBe(0);
    expect((await here(["check", "-"], FAULTY)).stderr).toContain(" --> <stdin>:1:13");
  });

  test.each<[string, string, RegExp]>([
    ["nowhere", "a folder that is not there", /^eddy: there is no file or folder nowhere: name the folder/],
    ["empty", "a folder without rules", /^eddy: there are no \*\.eddy files in empty or the folders below it\n$/],
    ["latin1.eddy", "a file that is not UTF-8", /^eddy: latin1\.eddy is not text in UTF-8\n$/],
  ])("%s (%s): exit 2", async (place, _name, said) => {
    const { code, stderr } = await here(["check", place]);
    expect(code).toBe(2);
    expect(stderr).toMatch(said);
  });

  test("the same rules found in any order of the file system have the same hash and the same findings", async () => {
    const one = folderWith({ "rules/b.eddy": "segment x when vip\n", "rules/a.eddy": GOOD });
    const two = folderWith({ "rules/a.eddy": GOOD, "rules/b.eddy": "segment x when vip\n" });
    const first = await eddyHere(["check", "--json"], { folder: one.path });
    const second = await eddyHere(["check", "--json"], { folder: two.path });
    expect(first.stdout).toBe(second.stdout);
    expect(first.code).toBe(0);
    one.remove();
    two.remove();
  });
});

test("the rules of the project pass", async () => {
  expect((await eddyHere(["check", "rules"], { folder: PROJECT })).code).toBe(0);
});

import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ModuleKind, ScriptTarget, transpileModule } from "typescript";
import { afterEach, describe, expect, test } from "vitest";

import { folderWith, PROJECT } from "./eddy.js";

const folders: { remove(): void }[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) folder.remove();
});

function folder(files: Record<string, string>): string {
  const made = folderWith(files);
  folders.push(made);
  return made.path;
}

interface Ran {
  readonly code: number | null;
  readonly output: string;
}

function run(program: string, args: readonly string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): Ran {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8", ...options });
  return { code: status, output: `${stdout}${stderr}` };
}

// ---------------------------------------------------------------------------------------------------- build

/** A small project of the same shape, with the packages of this one. */
function checkout(): string {
  const home = folder({
    "package.json": JSON.stringify({ name: "small", version: "0.0.1", type: "module", devDependencies: {} }),
    "package-lock.json": "{}",
    "tsconfig.json": readFileSync(join(PROJECT, "tsconfig.json"), "utf8"),
    "tsconfig.build.json": readFileSync(join(PROJECT, "tsconfig.build.json"), "utf8"),
    "cli/main.ts": 'import { other } from "./other.js";\nexport const main = async (args: string[]): Promise<number> => { console.log(other, args.join(" ")); return 0; };\n',
    "cli/process-io.ts": "export const processIo = (): null => null;\n",
    "cli/other.ts": 'export const other: string = "one";\n',
  });
  cpSync(join(PROJECT, "bin"), join(home, "bin"), { recursive: true });
  symlinkSync(join(PROJECT, "node_modules"), join(home, "node_modules"));
  return home;
}

const start = (home: string, ...args: string[]): Ran => run(process.execPath, [join(home, "bin/eddy"), ...args]);

test("what ends the program before it can say so itself is said without secrets", () => {
  const home = folder({
    "package.json": JSON.stringify({ name: "small", type: "module" }),
    "dist/cli/main.js": 'export const main = () => { throw new Error("no way to redis://me:geheim@h"); };\n',
    "dist/cli/process-io.js": "export const processIo = () => null;\n",
    "dist/cli/redact.js": transpileModule(readFileSync(join(PROJECT, "cli/redact.ts"), "utf8"), { compilerOptions: { module: ModuleKind.ESNext, target: ScriptTarget.ES2022 } }).outputText,
  });
  cpSync(join(PROJECT, "bin"), join(home, "bin"), { recursive: true });
  expect(start(home)).toEqual({ code: 70, output: "eddy: no way to redis://me:***@h\n" });
  const { output } = run(process.execPath, [join(home, "bin/eddy")], { env: { ...process.env, EDDY_DEBUG: "1" } });
  expect(output).toMatch(/^eddy: Error: no way to redis:\/\/me:\*\*\*@h\n +at /);
});

describe("bin/eddy in a checkout", () => {
  test("builds on first use, not again, and again when a source is newer, older, new or gone", () => {
    const home = checkout();
    expect(start(home, "a", "b")).toEqual({ code: 0, output: "one a b\neddy: building …\n" });
    expect(start(home, "a").output).toBe("one a\n");

    writeFileSync(join(home, "cli/other.ts"), 'export const other: string = "two";\n');
    expect(start(home).output).toBe("two \neddy: building …\n");
    // As when another branch is checked out whose files are older than the build.
    writeFileSync(join(home, "cli/other.ts"), 'export const other: string = "six";\n');
    utimesSync(join(home, "cli/other.ts"), new Date(0), new Date(0));
    expect(start(home).output).toBe("six \neddy: building …\n");

    expect(existsSync(join(home, "dist/cli/other.js"))).toBe(true);
    rmSync(join(home, "cli/other.ts"));
    writeFileSync(join(home, "cli/main.ts"), "export const main = async (): Promise<number> => 7;\n");
    expect(start(home).code).toBe(7);
    expect(existsSync(join(home, "dist/cli/other.js"))).toBe(false);
    expect(readdirSync(join(home, "dist")).filter((name) => name.startsWith(".")).sort()).toEqual([".built-from"]);
  });

  test("several at once: all work, one builds", async () => {
    const home = checkout();
    const script = `import { spawn } from "node:child_process"; for (let i = 0; i < 4; i++) spawn(process.execPath, ["bin/eddy", String(i)], { stdio: "inherit" });`;
    const { output } = run(process.execPath, ["--input-type=module", "-e", script], { cwd: home });
    for (let i = 0; i < 4; i++) expect(output).toContain(`one ${i}\n`);
    expect(output).not.toMatch(/error|Error/);
  });

  test("a lock that a killed process left is taken over", () => {
    const home = checkout();
    mkdirSync(join(home, "dist"));
    const { pid } = spawnSync(process.execPath, ["-e", "0"]);
    writeFileSync(join(home, "dist/.lock"), String(pid));
    expect(start(home).code).toBe(0);
  });

  test("a type error stops nobody (npm test finds it), a syntax error is shown and ends with 2", () => {
    const home = checkout();
    writeFileSync(join(home, "cli/other.ts"), "export const other: number = 'one';\n");
    expect(start(home).code).toBe(0);
    writeFileSync(join(home, "cli/other.ts"), "export const = ;\n");
    const { code, output } = start(home);
    expect(code).toBe(2);
    expect(output).toMatch(/eddy: the sources do not compile:\n.*other\.ts/);
  });

  test("through a link, as npm puts it into node_modules/.bin", () => {
    const home = checkout();
    const bin = folder({});
    symlinkSync(join(home, "bin/eddy"), join(bin, "eddy"));
    expect(run(join(bin, "eddy"), ["x"]).code).toBe(0);
  });

  test("missing packages are installed before anything else: npm ci, and npm install where that refuses", () => {
    const home = checkout();
    writeFileSync(join(home, "package.json"), JSON.stringify({ name: "small", version: "0.0.1", type: "module", dependencies: { "not-there": "1.0.0" } }));
    const npm = folder({ npm: '#!/bin/sh\necho "npm $*"\nexit 3\n' });
    chmodSync(join(npm, "npm"), 0o755);
    const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== "npm_execpath"));
    const { code, output } = run(process.execPath, [join(home, "bin/eddy")], { env: { ...environment, PATH: `${npm}:${process.env["PATH"] ?? ""}` } });
    expect(code).toBe(2);
    expect(output).toMatch(/^eddy: installing packages \(not-there\) …\nnpm install --no-save --include=dev .*\nnpm ci --include=dev .*\neddy: the packages could not be installed: "npm ci" and "npm install" in .* failed; what they said stands above\.\n$/);
  });
});

// ---------------------------------------------------------------------------------------------------- servers

/** A machine with these programs: `needServers` in a process of its own. */
function needServers(programs: Readonly<Record<string, string>>, options: { isRoot: boolean; environment?: Record<string, string> }): Ran & { readonly found: Record<string, string> | null } {
  const bin = folder(programs);
  for (const name of Object.keys(programs)) chmodSync(join(bin, name), 0o755);
  const script = `
    import { needServers } from ${JSON.stringify(join(PROJECT, "bin/servers.mjs"))};
    try { console.log("FOUND " + JSON.stringify(needServers({ folders: [], isRoot: ${options.isRoot}, interactive: false }))); }
    catch (error) { console.log(error.expected === true ? error.message : error.stack); process.exit(2); }`;
  const env = { PATH: bin, BIN: bin, ...options.environment };
  const ran = run(process.execPath, ["--input-type=module", "-e", script], { env });
  const found = /^FOUND (.*)$/m.exec(ran.output)?.[1];
  return { ...ran, found: found === undefined ? null : (JSON.parse(found.replaceAll(bin, "BIN")) as Record<string, string>) };
}

const SERVER = "#!/bin/sh\n";
const ENV = '#!/bin/sh\nwhile [ "${1#*=}" != "$1" ]; do shift; done\nexec "$@"\n';
const SUDO = '#!/bin/sh\n[ "$1" = -n ] && shift\nexec "$@"\n';
const TRUE = "#!/bin/sh\n";
/** Knows its packages only after an update, like a fresh container. */
const APT = `#!/bin/sh
echo "apt-get $*"
case "$*" in
  *update*) : > "$BIN/lists" ;;
  *install*) [ -e "$BIN/lists" ] || exit 100
    for package; do case "$package" in *-server) printf '#!/bin/sh\\n' > "$BIN/$package"; /bin/chmod +x "$BIN/$package" ;; esac; done ;;
esac
`;

describe("the servers that the tests need", () => {
  const both = { NATS_SERVER_BIN: "BIN/nats-server", REDIS_SERVER_BIN: "BIN/redis-server" };

  test("on the PATH", () => {
    expect(needServers({ "nats-server": SERVER, "redis-server": SERVER }, { isRoot: false }).found).toEqual(both);
  });

  test("named by variables, also where the PATH has others", () => {
    const elsewhere = folder({ mine: SERVER });
    chmodSync(join(elsewhere, "mine"), 0o755);
    const { found } = needServers({ "nats-server": SERVER, "redis-server": SERVER }, { isRoot: false, environment: { REDIS_SERVER_BIN: join(elsewhere, "mine") } });
    expect(found).toEqual({ NATS_SERVER_BIN: "BIN/nats-server", REDIS_SERVER_BIN: join(elsewhere, "mine") });
    expect(needServers({}, { isRoot: true, environment: { NATS_SERVER_BIN: "/nowhere/nats" } })).toMatchObject({ code: 2, output: "NATS_SERVER_BIN names /nowhere/nats, which is no program that can be run.\n" });
  });

  test("from the distribution's packages, as root", () => {
    const { found, output } = needServers({ "nats-server": SERVER, "apt-get": APT, env: ENV }, { isRoot: true });
    expect(found).toEqual(both);
    expect(output).toContain("apt-get -y -q install --no-install-recommends redis-server\n");
    expect(output).not.toContain("nats-server install");
  });

  test("with sudo, where it asks for no password", () => {
    expect(needServers({ "apt-get": APT, env: ENV, sudo: SUDO, true: TRUE }, { isRoot: false }).found).toEqual(both);
  });

  test.each<[string, Record<string, string>, boolean, RegExp]>([
    ["no apt-get", {}, true, /^nats-server and redis-server is needed by the tests and cannot be installed by us \(there is no apt-get\)\./],
    ["neither root nor sudo", { "apt-get": APT, "nats-server": SERVER }, false, /^redis-server is needed .* \(we are neither root nor have sudo\)\./],
    ["a sudo that asks for a password", { "apt-get": APT, sudo: "#!/bin/sh\nexit 1\n" }, false, /sudo asks for a password that nobody can type here\./],
    ["an apt-get that fails", { "apt-get": "#!/bin/sh\nexit 100\n", env: ENV }, true, /could not be installed; apt-get's message stands above\./],
  ])("%s: says exactly what to install, exit 2", (_name, programs, isRoot, said) => {
    const { code, output } = needServers(programs, { isRoot });
    expect(code).toBe(2);
    expect(output.replace(/^eddy: installing .*\n/, "")).toMatch(said);
    expect(output).toMatch(/\n {2}Debian, Ubuntu: {2}apt-get install (nats-server )?redis-server\n/);
    expect(output).toMatch(/set REDIS_SERVER_BIN to the program/);
  });
});

// ---------------------------------------------------------------------------------------------------- CI

describe("the last line of a CI run", () => {
  const count = (report: object | null, status: string): Ran => {
    const file = join(folder(report === null ? {} : { "report.json": JSON.stringify(report) }), "report.json");
    return run(process.execPath, [join(PROJECT, "bin/count.mjs"), file, status]);
  };
  const file = (status: string, tests: number): object => ({ status, assertionResults: Array.from({ length: tests }, () => ({})) });

  test.each<[string, object | null, string, string, number]>([
    ["all passed", { numPassedTests: 12, numFailedTests: 0, testResults: [file("passed", 12)] }, "0", "12 passed, 0 failed\n", 0],
    ["some failed", { numPassedTests: 10, numFailedTests: 2, testResults: [file("failed", 12)] }, "1", "10 passed, 2 failed\n", 1],
    ["a file that does not load", { numPassedTests: 10, numFailedTests: 0, testResults: [file("failed", 0), file("passed", 10)] }, "1", "10 passed, 1 failed\n", 1],
    ["an error outside of tests", { numPassedTests: 10, numFailedTests: 0, testResults: [file("passed", 10)] }, "1", "10 passed, 1 failed\n", 1],
    ["no report at all", null, "2", "0 passed, 1 failed\n", 1],
  ])("%s", (_name, report, status, output, code) => {
    expect(count(report, status)).toEqual({ code, output });
  });

  test(".ci/run may be run", () => {
    expect(statSync(join(PROJECT, ".ci/run")).mode & 0o111).not.toBe(0);
  });
});

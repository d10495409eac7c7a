/**
 * Keeps the house: what may import what, where the outer world may be touched, and that nothing lies around. Each list
 * below is a ratchet: a line may go when the code no longer needs it (a test says so), and a new one needs a reason.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type * as TypeScript from "typescript";
import { describe, expect, test } from "vitest";

import { parseFile } from "../dsl/parse.js";

// Through require: vitest would read all nine megabytes of it once more.
const ts = createRequire(import.meta.url)("typescript") as typeof TypeScript;
const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");

/** Who may import from whom, beside themselves. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  dsl: [],
  engine: ["dsl"],
  connectors: ["engine", "dsl"],
  cli: ["connectors", "engine", "dsl"],
  bench: ["cli", "connectors", "engine", "dsl", "test"],
  test: ["cli", "connectors", "engine", "dsl", "bench"],
};

/** The only places that know a package. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  nearley: ["dsl/parse.ts"],
  moo: ["dsl/lexer.ts"],
  "fast-json-stable-stringify": ["dsl/check/keys.ts"],
  "temporal-polyfill": ["engine/zone.ts", "engine/compile/interpret.ts"],
  nats: ["connectors/nats/"],
  ioredis: ["connectors/redis/"],
  lmdb: ["connectors/embedded/"],
  "prom-client": ["connectors/http/"],
  commander: ["cli/main.ts", "cli/demo/options.ts"],
  pino: ["cli/logging.ts"],
  yaml: ["cli/config.ts"],
};

/** What reaches out of the program, and the only files that may, each with its reason. */
const OUTSIDE: Readonly<Record<string, string>> = {
  "cli/process-io.ts": "the process itself: clock and environment are handed on from here",
  "cli/environment.ts": "the engine's clocks and pauses",
  "cli/send.ts": "pauses between attempts",
  "cli/demo/demo.ts": "pauses that keep no process alive",
  "cli/demo/display.ts": "draws the live view anew every now and then",
  "cli/progress.ts": "writes the line anew every now and then",
  "cli/test-watch.ts": "looks at the rule files every now and then",
  "connectors/http/server.ts": "bounds on how long a request may take",
  "connectors/embedded/timer.ts": "waits for what other processes append",
  "connectors/nats/connect.ts": "spreads reconnections, gives up waiting",
  "connectors/nats/reader.ts": "notices a consumer that hangs",
  "connectors/nats/window.ts": "notices acknowledgements that do not come",
  "connectors/together.ts": "requests gather until the end of a turn, for a millisecond at most",
  "connectors/redis/connection.ts": "pauses between attempts",
  "engine/compile/compiled.ts": "the one place that makes code, of what emit.ts wrote",
};

/** Reached from tests alone, each with its reason. */
const FOR_TESTS: Readonly<Record<string, string>> = {
  "dsl/diagnostics/examples.ts": "a wrong and a right example for every code, which tests compile",
  "dsl/diagnostics/page.ts": "makes docs/diagnostics.md, which a test holds fresh",
  "engine/compile/interpret.ts": "the oracle: evaluates a tree directly, for comparison with the compiled program",
};

/** Classes beside errors, each with its reason. */
const CLASSES: Readonly<Record<string, string>> = {
  "connectors/nats/reader.ts Entry": "one shape for all entries of a hot queue",
  "connectors/redis/resp.ts WrittenCommand": "ioredis takes commands of its own class",
  "engine/compile/compiled.ts ModuleBuilder": "gathers what the generated functions are given",
  "engine/compile/emit.ts Code": "a private type, so that raw text cannot be taken for code",
  "engine/state-packed.ts PackedCustomer": "its parts are read out of bytes when they are asked for",
};

/** Comments that switch a check off, each with its reason. */
const UNCHECKED: Readonly<Record<string, string>> = {
  "test/dsl/parse.grammar.test.ts": "shows that trees of a wrong shape do not compile",
};

/** Where programs begin, and what services import. */
const ENTRIES = ["cli/main.ts", "cli/process-io.ts", "cli/worker-thread.ts", "cli/again.ts", "cli/demo/demo.ts", "connectors/redis/reader.ts"];

// ---------------------------------------------------------------------------------------------------- reading

interface Import {
  readonly from: string;
  /** A file of ours relative to the root, or the name of a package. */
  readonly to: string;
  readonly ours: boolean;
  /** With the module that says so: neither for its types alone nor when a function asks for it. */
  readonly atOnce: boolean;
}

interface Source {
  readonly name: string;
  readonly tree: TypeScript.SourceFile;
  readonly imports: readonly Import[];
}

function filesBelow(folder: string): string[] {
  if (!existsSync(join(ROOT, folder))) return [];
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

const GENERATED = "dsl/grammar.generated.ts";

function readSource(name: string): Source {
  const tree = ts.createSourceFile(name, readFileSync(join(ROOT, name), "utf8"), ts.ScriptTarget.Latest, true);
  const imports: Import[] = [];
  const add = (specifier: TypeScript.Node | undefined, atOnce = false): void => {
    if (specifier === undefined || !ts.isStringLiteral(specifier)) return;
    const { text } = specifier;
    const ours = text.startsWith(".");
    const to = ours ? relative(ROOT, resolve(ROOT, dirname(name), text)).replace(/\.js$/, ".ts") : text.split("/").slice(0, text.startsWith("@") ? 2 : 1).join("/");
    imports.push({ from: name, to, ours, atOnce });
  };
  walk(tree, (node) => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, node.importClause?.phaseModifier !== ts.SyntaxKind.TypeKeyword);
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, !node.isTypeOnly);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) add(node.arguments[0]);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal);
  });
  return { name, tree, imports };
}

function walk(node: TypeScript.Node, visit: (node: TypeScript.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

const sources = Object.keys(LAYERS).flatMap(filesBelow).filter((name) => name.endsWith(".ts")).sort().map(readSource);
const layerOf = (name: string): string => name.split("/")[0] ?? "";
const ofProduct = sources.filter(({ name }) => ["dsl", "engine", "connectors", "cli"].includes(layerOf(name)));

const line = (tree: TypeScript.SourceFile, node: TypeScript.Node): string => `${tree.fileName}:${tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1}`;

// ---------------------------------------------------------------------------------------------------- imports

describe("imports", () => {
  const all = sources.flatMap(({ imports }) => imports);

  test("go one way: cli → connectors → engine → dsl", () => {
    const wrong = all.filter(({ ours, from, to }) => ours && layerOf(to) !== layerOf(from) && !(LAYERS[layerOf(from)] ?? []).includes(layerOf(to)));
    expect(wrong.map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
  });

  test("no connector knows another", () => {
    const family = (name: string): string => name.split("/").slice(0, 2).join("/");
    const wrong = all.filter(({ ours, from, to }) => ours && layerOf(from) === "connectors" && layerOf(to) === "connectors" && family(from) !== family(to) && to.split("/").length > 2);
    expect(wrong.map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
  });

  test("a package is known in its own place only", () => {
    const allowed = (name: string, from: string): boolean => (PACKAGES[name] ?? []).some((place) => (place.endsWith("/") ? from.startsWith(place) : from === place));
    const wrong = ofProduct.flatMap(({ imports }) => imports).filter(({ ours, from, to }) => !ours && !to.startsWith("node:") && !allowed(to, from));
    expect(wrong.map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
    const used = new Set(all.map(({ to }) => to));
    expect(Object.keys(PACKAGES).filter((name) => !used.has(name))).toEqual([]);
  });

  test.each([
    ["cli/main.ts", ["commander"]],
    ["cli/check.ts", ["fast-json-stable-stringify", "moo", "nearley"]],
    ["cli/run.ts", ["fast-json-stable-stringify", "moo", "nearley", "pino", "prom-client", "temporal-polyfill"]],
    ["cli/worker-thread.ts", ["fast-json-stable-stringify", "moo", "nearley", "temporal-polyfill"]],
  ])("%s makes nobody wait for a package that is not needed every time", (entry, wanted) => {
    const found = new Set([entry]);
    const packages = new Set<string>();
    // A set is walked to what is added on the way.
    for (const name of found) {
      for (const { to, ours, atOnce } of sources.find((source) => source.name === name)?.imports ?? []) {
        if (!atOnce) continue;
        if (ours) found.add(to);
        else if (!to.startsWith("node:")) packages.add(to);
      }
    }
    expect([...packages].sort()).toEqual(wanted);
  });

  test("dsl and engine use nothing of Node's", () => {
    const wrong = ofProduct.filter(({ name }) => ["dsl", "engine"].includes(layerOf(name))).flatMap(({ imports }) => imports).filter(({ to }) => to.startsWith("node:"));
    expect(wrong.map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
  });

  test("every import leads to a file, and packages are those that package.json names", () => {
    const { dependencies = {}, devDependencies = {} } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Record<string, Record<string, string>>;
    expect(all.filter(({ ours, to }) => ours && !existsSync(join(ROOT, to))).map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
    expect(ofProduct.flatMap(({ imports }) => imports).filter(({ ours, to }) => !ours && !to.startsWith("node:") && !(to in dependencies)).map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
    expect(all.filter(({ ours, to }) => !ours && !to.startsWith("node:") && !(to in dependencies) && !(to in devDependencies)).map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
  });

  test("no file lies around: everything is reached from where programs begin, or from tests with a reason", () => {
    const graph = new Map(sources.map(({ name, imports }) => [name, imports.filter(({ ours }) => ours).map(({ to }) => to)]));
    const reach = (starts: readonly string[]): Set<string> => {
      const seen = new Set<string>();
      const waiting = [...starts];
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        if (seen.has(next)) continue;
        seen.add(next);
        waiting.push(...(graph.get(next) ?? []));
      }
      return seen;
    };
    const benches = sources.map(({ name }) => name).filter((name) => layerOf(name) === "bench");
    const product = reach([...ENTRIES, ...benches]);
    const unreached = ofProduct.map(({ name }) => name).filter((name) => !product.has(name) && name !== GENERATED);
    expect(unreached).toEqual(Object.keys(FOR_TESTS).sort());
    const tests = reach(sources.map(({ name }) => name).filter((name) => name.endsWith(".test.ts")));
    // Some are programs that a test starts: it names the file.
    const started = (name: string): boolean => sources.some((source) => tests.has(source.name) && source.tree.text.includes(`${basename(name)}"`));
    expect(sources.map(({ name }) => name).filter((name) => layerOf(name) === "test" && !tests.has(name) && !started(name))).toEqual([]);
    expect(Object.keys(FOR_TESTS).filter((name) => !tests.has(name))).toEqual([]);
  });
});

// ---------------------------------------------------------------------------------------------------- the outside

const REACHING = new Set(["Date.now", "Math.random", "process.env", "performance.now", "process.hrtime", "crypto.randomUUID"]);
const TIMERS = new Set(["setTimeout", "setInterval", "setImmediate"]);

/** Where a file reads clocks, chance or the environment, sets timers or makes code. */
function reaching({ tree }: Source): string[] {
  const found: string[] = [];
  walk(tree, (node) => {
    if (ts.isPropertyAccessExpression(node) && REACHING.has(node.getText(tree))) found.push(`${line(tree, node)} ${node.getText(tree)}`);
    else if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && TIMERS.has(node.expression.text)) found.push(`${line(tree, node)} ${node.expression.text}`);
    else if (ts.isImportSpecifier(node) && TIMERS.has((node.propertyName ?? node.name).text)) found.push(`${line(tree, node)} ${(node.propertyName ?? node.name).text}`);
    else if (ts.isNewExpression(node) && node.expression.getText(tree) === "Function") found.push(`${line(tree, node)} new Function`);
    else if (ts.isNewExpression(node) && node.expression.getText(tree) === "Date" && (node.arguments?.length ?? 0) === 0) found.push(`${line(tree, node)} new Date()`);
    else if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === "eval") found.push(`${line(tree, node)} eval`);
  });
  return found;
}

describe("clocks, chance, timers, the environment and made code", () => {
  const found = new Map(ofProduct.map((source) => [source.name, reaching(source)] as const).filter(([, places]) => places.length > 0));

  test("only in the files that are named here", () => {
    expect([...found].filter(([name]) => !(name in OUTSIDE)).flatMap(([, places]) => places)).toEqual([]);
  });

  test("and each file named here needs it still", () => {
    expect(Object.keys(OUTSIDE).filter((name) => !found.has(name))).toEqual([]);
  });
});

// ---------------------------------------------------------------------------------------------------- style

describe("style", () => {
  const checked = sources.filter(({ name }) => name !== GENERATED);
  const places = (matches: (node: TypeScript.Node) => boolean): string[] => checked.flatMap(({ tree }) => {
    const found: string[] = [];
    walk(tree, (node) => {
      if (matches(node)) found.push(line(tree, node));
    });
    return found;
  });

  test("no any", () => {
    expect(places((node) => node.kind === ts.SyntaxKind.AnyKeyword)).toEqual([]);
  });

  test("no non-null !", () => {
    expect(places(ts.isNonNullExpression)).toEqual([]);
  });

  test("no default exports", () => {
    expect(places((node) => ts.isExportAssignment(node) || (ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword)))).toEqual([]);
  });

  test("no comment switches a check off", () => {
    expect(checked.filter(({ tree }) => /@ts-(?:ignore|expect-error|nocheck)|eslint-disable/.test(tree.text) && tree.fileName !== "test/tidy.test.ts").map(({ name }) => name)).toEqual(Object.keys(UNCHECKED));
  });

  test("classes are errors, but for those named here", () => {
    const wrong = checked.filter(({ name }) => layerOf(name) !== "test").flatMap(({ tree }) => {
      const found: string[] = [];
      walk(tree, (node) => {
        if (ts.isClassLike(node) && !(node.heritageClauses ?? []).some(({ types }) => types.some(({ expression }) => /(?:Error|Refused|Unavailable|Moved)$/.test(expression.getText(tree))))) found.push(`${tree.fileName} ${node.name?.text ?? ""}`);
      });
      return found;
    });
    expect(wrong).toEqual(Object.keys(CLASSES));
  });

  test("modules begin with what they are for", () => {
    expect(ofProduct.filter(({ name, tree }) => name !== GENERATED && !/^(?:\/\*\*|\/\/ )/.test(tree.text)).map(({ name }) => name)).toEqual([]);
  });

  test("no file is called by what says nothing", () => {
    expect(sources.filter(({ name }) => /(?:^|[/-])(?:utils?|helpers?|managers?|common|misc)(?:[.-]|$)/.test(name)).map(({ name }) => name)).toEqual([]);
  });
});

// ---------------------------------------------------------------------------------------------------- texts

describe("texts", () => {
  const FOLDERS = [".ci", "bench", "bin", "cli", "connectors", "docs", "dsl", "engine", "rules", "test"];
  const TEXTS = /\.(?:ts|mjs|cjs|js|md|eddy|json|yaml|yml|ne|txt|sh)$|^bin\/eddy$|^\.ci\/run$/;
  const files = [...FOLDERS.flatMap(filesBelow), ...readdirSync(ROOT).filter((name) => /\.(?:md|json|ts|yaml)$/.test(name) || name === ".npmrc")]
    .filter((name) => TEXTS.test(name) || name === ".npmrc");
  const text = new Map(files.map((name) => [name, readFileSync(join(ROOT, name), "utf8")]));

  test.each<[string, RegExp]>([
    ["paths of somebody's machine", /(?<![\w.])\/(?:root|home\/\w+|Users\/\w+|work)\//],
    ["hosts of package registries", /registry\.(?:npmjs|yarnpkg)|\/(?:artifactory|nexus|verdaccio)\b/i],
    ["notes to be done later", /\b(?:TODO|FIXME|XXX|HACK)\b/],
    ["marks of a merge", /^(?:<{7} |>{7} |={7}$)/m],
  ])("hold no %s", (_name, pattern) => {
    expect([...text].filter(([name, content]) => name !== "test/tidy.test.ts" && pattern.test(content)).map(([name]) => name)).toEqual([]);
  });

  test("end with a line break and hold no trailing blanks or carriage returns", () => {
    const wrong = [...text].filter(([name, content]) => !name.includes("/goldens/") && name !== "package-lock.json" && content !== "" && (!content.endsWith("\n") || /[ \t]+$/m.test(content) || content.includes("\r")));
    expect(wrong.map(([name]) => name)).toEqual([]);
  });

  const blocks = [...text].filter(([name]) => name.endsWith(".md")).flatMap(([name, content]) =>
    [...content.matchAll(/^```eddy\n([\s\S]*?)^```/gm)].map((found) => ({ name: `${name}:${content.slice(0, found.index).split("\n").length}`, code: found[1] ?? "" })));

  test("every block of rules in the documents can be read", () => {
    const faults = blocks.flatMap(({ name, code }) => parseFile(name, code).diagnostics.map(({ message }) => `${name}: ${message}`));
    expect(faults).toEqual([]);
  });
});

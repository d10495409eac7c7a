// grammar.ne to grammar.generated.ts: `npm run grammar` writes the file, `--check` says whether it is fresh (exit 1).
//
// nearley's own generators write CommonJS or a default export full of `any`; this one writes the same table as typed
// data, so that nothing but parse.ts touches nearley at run time.

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
const nearley = require("nearley");
const compile = require("nearley/lib/compile");
const bootstrap = require("nearley/lib/nearley-language-bootstrapped");

const SOURCE = fileURLToPath(new URL("./grammar.ne", import.meta.url));
const TARGET = fileURLToPath(new URL("./grammar.generated.ts", import.meta.url));

// nearley's names for what it makes of `:?`, `:*` and `:+`, as builders of nodes.ts.
const BUILTIN = { id: "id", nuller: "nothing", arrpush: "chain(1)" };

function symbol(symbol) {
  if (typeof symbol === "string") return JSON.stringify(symbol);
  if (symbol.literal !== undefined) return `{ literal: ${JSON.stringify(symbol.literal)} }`;
  const type = /\.has\("(\w+)"\)/.exec(symbol.token)?.[1];
  if (type === undefined) throw new Error(`grammar.ne: what is ${JSON.stringify(symbol)}?`);
  return `{ type: ${JSON.stringify(type)} }`;
}

function builder({ name, symbols, postprocess }) {
  if (postprocess?.builtin !== undefined) return BUILTIN[postprocess.builtin];
  if (postprocess !== undefined) return postprocess.trim();
  // The beginnings of `:*` and `:+` have no builder of their own in nearley.
  if (/\$ebnf\$/.test(name)) return symbols.length === 0 ? "empty" : "one";
  throw new Error(`grammar.ne: a production of "${name}" has no builder`);
}

export function generate(source) {
  const reader = new nearley.Parser(nearley.Grammar.fromCompiled(bootstrap));
  reader.feed(source);
  const { rules, body, start } = compile(reader.results[0], {});
  const builders = rules.map(builder);
  const imports = body.join("\n").trim();
  const needed = ["chain", "empty", "id", "nothing", "one"].filter((name) => builders.some((b) => b.startsWith(name)));
  const imported = new Set([...(/{(.*)}/.exec(imports)?.[1] ?? "").split(",").map((name) => name.trim()), ...needed]);
  const lines = rules.map((rule, i) => `  { name: ${JSON.stringify(rule.name)}, symbols: [${rule.symbols.map(symbol).join(", ")}], build: ${builders[i]} },`);
  return `// Made from grammar.ne by compile-grammar.mjs (\`npm run grammar\`). Do not edit.

import { type Builder, ${[...imported].sort().join(", ")} } from "./nodes.js";

/** Another rule by its name, a word or mark by its text, or a token by its type. */
export type GrammarSymbol = string | { readonly literal: string } | { readonly type: string };

export interface GrammarRule {
  readonly name: string;
  readonly symbols: readonly GrammarSymbol[];
  readonly build: Builder;
}

export const start = ${JSON.stringify(start)};

export const rules: readonly GrammarRule[] = [
${lines.join("\n")}
];
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = generate(readFileSync(SOURCE, "utf8"));
  if (!process.argv.includes("--check")) writeFileSync(TARGET, text);
  else if (readFileSync(TARGET, "utf8") !== text) {
    console.error("dsl/grammar.generated.ts is older than dsl/grammar.ne: run `npm run grammar` and commit it");
    process.exitCode = 1;
  }
}

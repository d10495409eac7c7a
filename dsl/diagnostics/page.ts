// The page that explains every finding, docs/diagnostics.md: made of the table of codes and their examples, and of
// nothing else. Its fences are those that test/docs reads: what is wrong gives the codes that it names, nothing more.

import { anchorOf } from "./anchors.js";
import { codes, type DiagnosticCode, severityOf } from "./codes.js";
import { type Example, examples, PRELUDE } from "./examples.js";

interface Group {
  readonly prefix: string;
  readonly title: string;
}

const GROUPS: readonly Group[] = [
  { prefix: "E00", title: "Syntax" },
  { prefix: "E01", title: "Names" },
  { prefix: "E02", title: "Types and values" },
  { prefix: "E03", title: "Structure" },
  { prefix: "W0", title: "Warnings" },
];

const HEAD = `# Diagnostics

Every finding has a code. Codes that begin with E are errors: a program with one is not run. Codes that begin with W are
warnings: what is allowed, and was hardly meant. No code is ever used again for something else.
[language.md](language.md#diagnostics) says how findings are reported, and in which forms programs can read them.

For each code: what it means, a wrong example, and the same put right. The examples take these declarations for granted:

\`\`\`eddy
${PRELUDE}\`\`\`
`;

/** The page as Markdown. Throws for a code that no group holds: it would be missing. */
export function diagnosticsPage(): string {
  const all = Object.keys(codes) as readonly DiagnosticCode[];
  const stray = all.find((code) => !GROUPS.some(({ prefix }) => code.startsWith(prefix)));
  if (stray !== undefined) throw new Error(`${stray} belongs to no group of the page: add one`);
  const groups = GROUPS.map(({ prefix, title }) => ({ title, codes: all.filter((code) => code.startsWith(prefix)) }));
  return [HEAD, overview(groups), ...groups.map((group) => `## ${group.title}\n\n${group.codes.map(entry).join("\n")}`)].join("\n");
}

function overview(groups: readonly { readonly title: string; readonly codes: readonly DiagnosticCode[] }[]): string {
  const rows = groups.flatMap(({ title, codes: own }) => [`| **${title}** | |`, ...own.map((code) => `| [${code}](#${anchorOf(code)}) | ${markdown(codes[code].title)} |`)]);
  return `| code | |\n|---|---|\n${rows.join("\n")}\n`;
}

function entry(code: DiagnosticCode): string {
  const { title, explanation, retired } = codes[code];
  const head = `<a id="${anchorOf(code)}"></a>\n\n### ${code}: ${markdown(title)}\n\n${retired === true ? "No longer reported. " : ""}${markdown(explanation)}\n`;
  const example = examples.get(code);
  return example === undefined ? head : `${head}\n${shown(code, example)}`;
}

function shown(code: DiagnosticCode, { wrong, right }: Example): string {
  // A warning leaves a program that can be run.
  const kind = severityOf(code) === "warning" ? "fragment" : "wrong";
  const first = typeof wrong === "string" ? fenced(`eddy ${kind} ${code}`, wrong) : fenced("text", wrong.shown);
  return `Wrong:\n\n${first}\nRight:\n\n${fenced("eddy fragment", right)}`;
}

const fenced = (info: string, text: string): string => `\`\`\`${info}\n${text}\n\`\`\`\n`;

/** Text in which backticks hold code, so that nothing else of it means anything to Markdown. */
const markdown = (text: string): string =>
  text.split("`").map((part, i) => (i % 2 === 1 ? part : part.replace(/[\\*_<>[\]]/g, "\\$&"))).join("`");

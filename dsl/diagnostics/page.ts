// The page that explains every finding, docs/diagnostics.md: made of the table of codes and of nothing else.

import { codes } from "./codes.js";

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
warnings. No code is ever used again for something else. [language.md](language.md#diagnostics) says how findings are
reported.
`;

/** The page as Markdown. Throws for a code that no group holds: it would be missing. */
export function diagnosticsPage(): string {
  const all = Object.entries(codes);
  const stray = all.find(([code]) => !GROUPS.some(({ prefix }) => code.startsWith(prefix)));
  if (stray !== undefined) throw new Error(`${stray[0]} belongs to no group of the page: add one`);
  return [HEAD, ...GROUPS.map(({ prefix, title }) => `## ${title}\n\n${all.filter(([code]) => code.startsWith(prefix)).map(entry).join("\n")}`)].join("\n");
}

const entry = ([code, { title, explanation, retired }]: readonly [string, (typeof codes)[keyof typeof codes]]): string =>
  `### ${code}: ${markdown(title)}\n\n${retired === true ? "No longer reported. " : ""}${markdown(explanation)}\n`;

/** Text in which backticks hold code, so that nothing else of it means anything to Markdown. */
const markdown = (text: string): string =>
  text.split("`").map((part, i) => (i % 2 === 1 ? part : part.replace(/[\\*_<>[\]]/g, "\\$&"))).join("`");

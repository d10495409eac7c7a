/**
 * The code blocks of a document, as its readers see them:
 *
 *   ```eddy                a program by itself
 *   ```eddy fragment       declarations that use the events, the profile and the channels of the document's first program
 *   ```eddy wrong E0103    shows a mistake, with the same to lean on; the codes are the findings, all of them
 *
 * A ```text block right behind one that is wrong is what Eddy says of it.
 */
import type { Declaration } from "../../dsl/ast.js";
import type { SourceFile } from "../../dsl/compile.js";
import { parseFile } from "../../dsl/parse.js";

export type BlockKind = "program" | "fragment" | "wrong";

export interface Block {
  /** `docs/language.md:40`: the line of the opening fence. */
  readonly place: string;
  readonly kind: BlockKind;
  /** Findings that the block is to have; null: the fence names none. */
  readonly codes: readonly string[] | null;
  /** The block behind what it leans on. */
  readonly files: readonly SourceFile[];
  /** What the document says that Eddy says of it; null: it says nothing. */
  readonly said: string | null;
}

/** As findings call the block. */
export const BLOCK_FILE = "rules.eddy";
const PRELUDE_FILE = "prelude.eddy";

const FENCED = /^```eddy([^\n]*)\n([\s\S]*?)^```[ \t]*\n(?:\s*^```text\n([\s\S]*?)^```[ \t]*$)?/gm;

/** Throws for a fence that says what this does not know: a block nobody looks at would be worse. */
export function blocksOf(file: string, document: string): readonly Block[] {
  const found = [...document.matchAll(FENCED)];
  const first = found.find(([, info = ""]) => info.trim() === "")?.[2] ?? "";
  return found.map((match) => {
    const [, info = "", text = "", said] = match;
    const place = `${file}:${document.slice(0, match.index).split("\n").length}`;
    const { kind, codes } = readInfo(info, place);
    const block: SourceFile = { file: BLOCK_FILE, text };
    return { place, kind, codes, files: kind === "program" ? [block] : [{ file: PRELUDE_FILE, text: prelude(first, text) }, block], said: said ?? null };
  });
}

function readInfo(info: string, place: string): Pick<Block, "kind" | "codes"> {
  const [kind = "program", ...codes] = info.trim() === "" ? [] : info.trim().split(/\s+/);
  if ((kind !== "program" && kind !== "fragment" && kind !== "wrong") || !codes.every((code) => /^[EW]\d{4}$/.test(code))) {
    throw new Error(`${place}: \`\`\`eddy${info} is none of \`\`\`eddy, \`\`\`eddy fragment and \`\`\`eddy wrong E0103`);
  }
  return { kind, codes: codes.length === 0 ? null : codes };
}

// Events and the profile are joined where they are declared twice; a channel can be declared only once.
function prelude(first: string, text: string): string {
  const own = new Set(parseFile(BLOCK_FILE, text).declarations.flatMap((declaration) => (declaration.k === "channel" ? [declaration.name.text] : [])));
  const leansOn = (declaration: Declaration): boolean =>
    declaration.k === "event" || declaration.k === "profile" || (declaration.k === "channel" && !own.has(declaration.name.text));
  return parseFile(PRELUDE_FILE, first).declarations.filter(leansOn).map(({ span }) => `${first.slice(span.start, span.end)}\n`).join("");
}

// Findings as a SARIF 2.1.0 log, which code hosts read (https://docs.oasis-open.org/sarif/sarif/v2.1.0/).
//
// One run with all codes as its rules. Columns count UTF-16 units from 1, and the log says so. Addresses of files are
// relative to the folder in which the command was called (%SRCROOT%), which for a code host is the root of the
// repository. What a code means stands in the log itself, since SARIF wants whole addresses for help and the page may
// lie anywhere; its place in the page is named.

import { anchorOf } from "./anchors.js";
import { codes, type Diagnostic, type DiagnosticCode, severityOf } from "./codes.js";
import { lineAt, type Lines, linesOf } from "./lines.js";
import { inSourceOrder, type Sources } from "./render.js";

export const SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json";
const ROOT = "%SRCROOT%";

/** The log as plain data. `version`: of Eddy. */
export function toSarif(diagnostics: readonly Diagnostic[], sources: Sources, version: string): object {
  const ids = Object.keys(codes) as readonly DiagnosticCode[];
  const places = new Map(ids.map((id, index) => [id, index]));
  const lines = new Map<string, Lines>();
  const linesIn = (file: string): Lines => {
    const known = lines.get(file) ?? linesOf(sources.get(file) ?? "");
    lines.set(file, known);
    return known;
  };
  return {
    $schema: SARIF_SCHEMA,
    version: "2.1.0",
    runs: [{
      tool: { driver: { name: "eddy check", version, semanticVersion: version, language: "en", rules: ids.map(ruleOf) } },
      columnKind: "utf16CodeUnits",
      originalUriBaseIds: { [ROOT]: { description: { text: "the folder in which eddy was called" } } },
      results: inSourceOrder(diagnostics).map((found) => resultOf(found, places.get(found.code) ?? -1, linesIn(found.span.file))),
    }],
  };
}

function ruleOf(id: DiagnosticCode): object {
  const { title, explanation } = codes[id];
  const page = `docs/diagnostics.md#${anchorOf(id)}`;
  return {
    id,
    shortDescription: { text: title },
    fullDescription: { text: explanation },
    help: { text: `${explanation} See ${page}.`, markdown: `${explanation}\n\n[${id} in the list of diagnostics](${page})` },
    defaultConfiguration: { level: severityOf(id) },
  };
}

function resultOf({ code, severity, message, label, notes, span }: Diagnostic, ruleIndex: number, lines: Lines): object {
  const text = [label === undefined ? message : `${message} (${label})`, ...(notes ?? [])].join("\n");
  return {
    ruleId: code,
    ruleIndex,
    level: severity,
    message: { text },
    locations: [{
      physicalLocation: {
        artifactLocation: artifactOf(span.file),
        region: { ...startOf(lines, span.start), ...endOf(lines, span.end) },
      },
    }],
  };
}

/** A path as a person writes it to an address. */
function artifactOf(file: string): object {
  const uri = file.split(/[\\/]/).map((part) => encodeURIComponent(part)).join("/");
  if (/^[A-Za-z]:[\\/]/.test(file)) return { uri: `file:///${uri.replace("%3A", ":")}` };
  return file.startsWith("/") ? { uri: `file://${uri}` } : { uri, uriBaseId: ROOT };
}

function startOf(lines: Lines, offset: number): { readonly startLine: number; readonly startColumn: number } {
  const { line, column } = placeIn(lines, offset);
  return { startLine: line, startColumn: column };
}

/** The column behind the last character, as SARIF has it. */
function endOf(lines: Lines, offset: number): { readonly endLine: number; readonly endColumn: number } {
  const { line, column } = placeIn(lines, offset);
  return { endLine: line, endColumn: column };
}

// A byte order mark is no part of the first line, in SARIF as here.
function placeIn(lines: Lines, offset: number): { readonly line: number; readonly column: number } {
  const line = lineAt(lines, offset);
  const begins = lines.starts[line] ?? 0;
  const mark = line === 0 && lines.text.startsWith("\uFEFF") ? 1 : 0;
  return { line: line + 1, column: Math.max(1, offset - begins - mark + 1) };
}

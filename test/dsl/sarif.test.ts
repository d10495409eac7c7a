/** Findings as a SARIF log: valid, with every code, and with columns that an editor finds again. */
import { describe, expect, test } from "vitest";
import { compileProgram, type SourceFile } from "../../dsl/compile.js";
import { codes, diagnostic } from "../../dsl/diagnostics/codes.js";
import { toSarif } from "../../dsl/diagnostics/sarif.js";
import { complaints } from "./sarif.js";

interface Log {
  readonly runs: readonly [{
    readonly tool: { readonly driver: { readonly version: string; readonly rules: readonly { readonly id: string; readonly shortDescription: { readonly text: string }; readonly help: { readonly markdown: string } }[] } };
    readonly columnKind: string;
    readonly results: readonly { readonly ruleId: string; readonly level: string; readonly message: { readonly text: string }; readonly locations: readonly [{ readonly physicalLocation: { readonly artifactLocation: object; readonly region: Region } }] }[];
  }];
}
interface Region {
  readonly startLine: number;
  readonly startColumn: number;
  readonly endLine: number;
  readonly endColumn: number;
}

function logOf(...files: readonly SourceFile[]): Log {
  const log = toSarif(compileProgram(files).diagnostics, new Map(files.map(({ file, text }) => [file, text])), "1.2.3");
  expect(complaints(JSON.parse(JSON.stringify(log)))).toEqual([]);
  return log as Log;
}

/** As an editor that counts UTF-16 units finds it. */
function pointedAt(text: string, { startLine, startColumn, endLine, endColumn }: Region): string {
  const lines = text.replace(/^\uFEFF/, "").split(/\r\n|\r|\n/);
  if (startLine === endLine) return lines[startLine - 1]?.slice(startColumn - 1, endColumn - 1) ?? "";
  return `${lines[startLine - 1]?.slice(startColumn - 1) ?? ""}…${lines[endLine - 1]?.slice(0, endColumn - 1) ?? ""}`;
}

const FAULTY = 'event order_placed { total: number }\nrule r { on order_place  emit "x" }\nsegment vip when any(order_placed) and (\n  1 > "2"\n)\n';

describe("a log", () => {
  const log = logOf({ file: "rules/a.eddy", text: FAULTY });
  const [{ tool, columnKind, results }] = log.runs;

  test("names the tool with its version, and every code with what it means", () => {
    expect(tool.driver.version).toBe("1.2.3");
    expect(tool.driver.rules.map(({ id }) => id)).toEqual(Object.keys(codes));
    const rule = tool.driver.rules.find(({ id }) => id === "E0103");
    expect(rule?.shortDescription.text).toBe(codes.E0103.title);
    expect(rule?.help.markdown).toContain("(docs/diagnostics.md#e0103)");
  });

  test("has each finding with its place, in source order", () => {
    expect(columnKind).toBe("utf16CodeUnits");
    expect(results.map(({ ruleId, level, message }) => [ruleId, level, message.text])).toEqual([
      ["E0103", "error", 'there is no event "order_place" (did you mean "order_placed"?)'],
      ["E0201", "error", expect.stringContaining("a number")],
    ]);
    expect(results.map(({ locations: [{ physicalLocation }] }) => pointedAt(FAULTY, physicalLocation.region))).toEqual(["order_place", "(…)"]);
    expect(results[0]?.locations[0].physicalLocation.artifactLocation).toEqual({ uri: "rules/a.eddy", uriBaseId: "%SRCROOT%" });
  });

  test("of rules without findings is valid and empty", () => {
    expect(logOf({ file: "a.eddy", text: "" }).runs[0].results).toEqual([]);
  });
});

describe("places", () => {
  const regionOf = (text: string): Region | undefined => logOf({ file: "a.eddy", text }).runs[0].results[0]?.locations[0].physicalLocation.region;

  test.each<[string, string]>([
    ["characters of two units before it", 'event a { x: "😀😀" | "b" }  segment s when any(aa)\n'],
    ["tabs before it", "event a\n\tsegment s when any(aa)\n"],
    ["a byte order mark", "\uFEFFsegment s when any(aa)\n"],
    ["lines that end with CR LF", "event a\r\n# …\r\nsegment s when any(aa)\r\n"],
  ])("%s", (_name, text) => {
    const region = regionOf(text);
    expect(region).toBeDefined();
    if (region !== undefined) expect(pointedAt(text, region)).toBe("aa");
  });

  test("the end of the text", () => {
    expect(regionOf("event a {")).toEqual({ startLine: 1, startColumn: 10, endLine: 1, endColumn: 10 });
  });

  test.each<[string, object]>([
    ["../other rules/ü.eddy", { uri: "../other%20rules/%C3%BC.eddy", uriBaseId: "%SRCROOT%" }],
    ["/srv/rules/a.eddy", { uri: "file:///srv/rules/a.eddy" }],
    ["<stdin>", { uri: "%3Cstdin%3E", uriBaseId: "%SRCROOT%" }],
    ["C:\\rules\\a.eddy", { uri: "file:///C:/rules/a.eddy" }],
  ])("%s", (file, location) => {
    const log = toSarif([diagnostic("E0010", { file, start: 0, end: 1 }, "m")], new Map([[file, "x"]]), "0") as Log;
    expect(complaints(JSON.parse(JSON.stringify(log)))).toEqual([]);
    expect(log.runs[0].results[0]?.locations[0].physicalLocation.artifactLocation).toEqual(location);
  });
});

test("the checks see what is wrong with a log", () => {
  const log = JSON.parse(JSON.stringify(logOf({ file: "a.eddy", text: FAULTY }))) as { version: string; runs: { results: { ruleIndex: number; locations: { physicalLocation: { region: { startColumn: number } } }[] }[] }[] };
  const result = log.runs[0]?.results[0];
  if (result === undefined) throw new Error("no result");
  result.ruleIndex = 0;
  expect(complaints(log)).toEqual(["a result of E0103 points to another rule"]);
  for (const location of result.locations) location.physicalLocation.region.startColumn = 0;
  expect(complaints(log)).toEqual(["$.runs[0].results[0].locations[0].physicalLocation.region.startColumn must be a whole number from 1"]);
  log.version = "2.0.0";
  expect(complaints(log)[0]).toBe("$.version must be one of 2.1.0");
});

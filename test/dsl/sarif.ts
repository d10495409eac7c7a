/** What the schema of SARIF 2.1.0 demands of a log such as ours, as plain checks: the complaints, none for a valid one. */

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };
type Check = (value: Json | undefined, at: string) => readonly string[];

const is = (kind: string, test: (value: Json) => boolean): Check => (value, at) =>
  value !== undefined && test(value) ? [] : [`${at} must be ${kind}`];

const text = is("a text", (value) => typeof value === "string" && value !== "");
const oneOf = (...words: readonly string[]): Check => is(`one of ${words.join(", ")}`, (value) => typeof value === "string" && words.includes(value));
const whole = (least: number): Check => is(`a whole number from ${least}`, (value) => typeof value === "number" && Number.isInteger(value) && value >= least);
// RFC 3986, as far as paths go.
const uriReference = is("a reference without anything that must be encoded", (value) => typeof value === "string" && /^(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-F]{2})*$/.test(value));
const uri = is("a whole address", (value) => typeof value === "string" && /^[a-z][a-z0-9+.-]*:/.test(value));

function list(of: Check, least = 0): Check {
  return (value, at) => {
    if (!Array.isArray(value)) return [`${at} must be a list`];
    const items = value as readonly Json[];
    if (items.length < least) return [`${at} must have ${least} items`];
    return items.flatMap((item, i) => of(item, `${at}[${i}]`));
  };
}

/** Properties with a `?` may be missing; others than these the schema does not know. */
function record(shape: Readonly<Record<string, Check>>): Check {
  return (value, at) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return [`${at} must be an object`];
    const given = value as { readonly [name: string]: Json };
    const known = new Set(Object.keys(shape).map((name) => name.replace("?", "")));
    const strange = Object.keys(given).filter((name) => !known.has(name)).map((name) => `${at}.${name} is not in the schema`);
    return [...strange, ...Object.entries(shape).flatMap(([name, check]) => {
      const plain = name.replace("?", "");
      return given[plain] === undefined && name.endsWith("?") ? [] : check(given[plain], `${at}.${plain}`);
    })];
  };
}

const message = record({ text });
const multiformat = record({ text, "markdown?": text });
const rule = record({
  id: text, "name?": text, "shortDescription?": multiformat, "fullDescription?": multiformat, "help?": multiformat, "helpUri?": uri,
  "defaultConfiguration?": record({ "level?": oneOf("none", "note", "warning", "error") }),
});
const region: Check = (value, at) => {
  const wrong = record({ startLine: whole(1), startColumn: whole(1), endLine: whole(1), endColumn: whole(1) })(value, at);
  if (wrong.length > 0) return wrong;
  const { startLine = 0, startColumn = 0, endLine = 0, endColumn = 0 } = value as Readonly<Record<string, number>>;
  return endLine > startLine || (endLine === startLine && endColumn >= startColumn) ? [] : [`${at} ends before it begins`];
};
const result = record({
  ruleId: text, ruleIndex: whole(0), level: oneOf("none", "note", "warning", "error"), message,
  locations: list(record({ physicalLocation: record({ artifactLocation: record({ uri: uriReference, "uriBaseId?": text }), region }) }), 1),
});
const run = record({
  tool: record({ driver: record({ name: text, "version?": text, "semanticVersion?": text, "language?": text, "rules?": list(rule) }) }),
  "columnKind?": oneOf("utf16CodeUnits", "unicodeCodePoints"),
  "originalUriBaseIds?": record({ "%SRCROOT%?": record({ "uri?": uri, "description?": message }) }),
  results: list(result),
});
const log = record({ "$schema?": uri, version: oneOf("2.1.0"), runs: list(run) });

/** Also what the text of the standard demands beyond the schema: rules are unique and results point to their own. */
export function complaints(value: unknown): readonly string[] {
  const wrong = log(value as Json, "$");
  if (wrong.length > 0) return wrong;
  const { runs } = value as { readonly runs: readonly { readonly tool: { readonly driver: { readonly rules: readonly { readonly id: string }[] } }; readonly results: readonly { readonly ruleId: string; readonly ruleIndex: number }[] }[] };
  return runs.flatMap(({ tool, results }) => {
    const ids = tool.driver.rules.map(({ id }) => id);
    const twice = ids.filter((id, i) => ids.indexOf(id) !== i).map((id) => `the rule ${id} stands twice`);
    return [...twice, ...results.filter(({ ruleId, ruleIndex }) => ids[ruleIndex] !== ruleId).map(({ ruleId }) => `a result of ${ruleId} points to another rule`)];
  });
}

/** For the demonstration's tests: the rule library as parsed, and whether an event is what they declare. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Declaration, RecordType, TypeExpression } from "../../dsl/ast.js";
import { parseFile } from "../../dsl/parse.js";

const FOLDER = new URL("../../rules/", import.meta.url);

export const declared = <K extends Declaration["k"]>(kind: K): Extract<Declaration, { k: K }>[] =>
  readdirSync(FOLDER, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".eddy"))
    .sort()
    .flatMap((name) => parseFile(name, readFileSync(fileURLToPath(new URL(name, FOLDER)), "utf8")).declarations)
    .filter((each): each is Extract<Declaration, { k: K }> => each.k === kind);

/** The fields of all declarations of one event, or of the profile, together; null: it has none. */
export function joined(declarations: readonly { readonly type: RecordType | null }[]): RecordType | null {
  const types = declarations.flatMap(({ type }) => (type === null ? [] : [type]));
  const [first] = types;
  if (first === undefined) return null;
  const fields = new Map(types.flatMap((type) => type.fields).map((field) => [field.name.text, field]));
  return { ...first, fields: [...fields.values()] };
}

/**
 * What is wrong with a value of a declared type, as paths with a complaint; empty when nothing is. `partial`: fields
 * may be left out, as in a change of the profile.
 */
export function mismatches(value: unknown, type: TypeExpression, path: string, partial = false): string[] {
  switch (type.k) {
    case "optional":
      return value === null ? [] : mismatches(value, type.of, path, partial);
    case "union":
      return type.of.some((each) => each.value === value) ? [] : [`${path}: ${JSON.stringify(value)} is none of the union`];
    case "listof":
      return Array.isArray(value)
        ? value.flatMap((each, i) => mismatches(each, type.of, `${path}[${i}]`, partial))
        : [`${path}: not a list`];
    case "record":
      return recordMismatches(value, type, path, partial);
    case "type":
      if (type.name === "date") return /^\d{4}-\d\d-\d\d$/.test(String(value)) ? [] : [`${path}: no date`];
      return typeof value === type.name ? [] : [`${path}: ${typeof value} instead of ${type.name}`];
  }
}

function recordMismatches(value: unknown, type: RecordType, path: string, partial: boolean): string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [`${path}: not a record`];
  const given = new Map(Object.entries(value));
  const wrong = type.fields.flatMap((field) => {
    const name = field.name.text;
    if (!given.has(name)) {
      const needed = !partial && field.type.k !== "optional" && field.default === null;
      return needed ? [`${path}.${name}: missing`] : [];
    }
    return mismatches(given.get(name), field.type, `${path}.${name}`, partial);
  });
  const known = new Set(type.fields.map((field) => field.name.text));
  return [...wrong, ...[...given.keys()].filter((name) => !known.has(name)).map((name) => `${path}.${name}: not declared`)];
}

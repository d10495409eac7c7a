/** For the demonstration's tests: the rule library as parsed, and whether an event is what they declare. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Declaration, RecordType, TypeExpression } from "../../dsl/ast.js";
import { parseFile, type ParsedFile } from "../../dsl/parse.js";

const FOLDER = new URL("../../rules/", import.meta.url);

export interface RuleFile extends ParsedFile {
  readonly name: string;
  readonly text: string;
}

export const shopFile = (name: string): string => readFileSync(fileURLToPath(new URL(name, FOLDER)), "utf8");

export const shopFiles = (): readonly RuleFile[] =>
  readdirSync(FOLDER, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".eddy"))
    .sort()
    .map((name) => {
      const text = shopFile(name);
      return { name, text, ...parseFile(name, text) };
    });

export const declared = <K extends Declaration["k"]>(kind: K): Extract<Declaration, { k: K }>[] =>
  shopFiles().flatMap((file) =>
    file.declarations.filter((each): each is Extract<Declaration, { k: K }> => each.k === kind),
  );

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

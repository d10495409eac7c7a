// What a test hands to the engine, or expects of it: records in part, lists whole.
//
// Records and lists that are written out are read piece by piece: a list's items may leave out different fields, and
// what is left out must not become a null.

import type * as ast from "../ast.js";
import { didYouMean } from "../diagnostics/suggest.js";
import type { Field, Type } from "../program.js";
import type { Given, GivenRecord } from "../tests.js";
import { momentaryValue } from "./conditions.js";
import { fieldNamed } from "./names.js";
import type { Site } from "./site.js";
import { type RecordType, describe, fits, listed } from "./types.js";

type GivenEntry = GivenRecord["entries"][number];

/** Some of the fields of `type`. Null where one of them does not fit. */
export function readFields(site: Site, written: ast.ObjectExpression, type: RecordType, whose: string): GivenRecord | null {
  return record(site, written, (entry) => {
    const field = fieldNamed(type, entry.name.text);
    if (field !== null) return readValue(site, entry.value, { ...field, optional: field.maybe || field.default !== undefined });
    readAnything(site, entry.value);
    if (type === site.world.declared.profile && site.world.declared.brokenProfile) return null;
    return site.world.report("E0107", entry.name.span, `${whose} has no field "${entry.name.text}"`, {
      label: entry.name.text === "time" ? "its own time is the step's, or `late by`" : didYouMean(entry.name.text, type.fields.map(({ name }) => name)),
    });
  });
}

/** What an action is expected to carry. */
export const readPayload = (site: Site, written: ast.ObjectExpression): GivenRecord | null =>
  record(site, written, (entry) => readAnything(site, entry.value));

function record(site: Site, written: ast.ObjectExpression, read: (entry: ast.Entry) => Given | null): GivenRecord | null {
  const entries: GivenEntry[] = [];
  const names = new Set<string>();
  let whole = true;
  for (const entry of written.entries) {
    const { text, span } = entry.name;
    const value = read(entry);
    if (names.has(text)) {
      site.world.report("E0101", span, `"${text}" stands twice in this record`);
      whole = false;
    }
    names.add(text);
    if (value === null) whole = false;
    else entries.push({ name: text, value });
  }
  return whole ? { k: "record", entries } : null;
}

function list(written: ast.ListExpression, read: (item: ast.Expression) => Given | null): Given | null {
  const items = written.items.map(read);
  const there = items.filter((item): item is Given => item !== null);
  return there.length < items.length ? null : { k: "list", items: there };
}

function readAnything(site: Site, written: ast.Expression): Given | null {
  if (written.k === "object") return readPayload(site, written);
  if (written.k === "list") return list(written, (item) => readAnything(site, item));
  const value = momentaryValue(site, written);
  return value === null ? null : { k: "value", of: value };
}

interface Place extends Pick<Field, "name" | "type"> {
  /** Nothing may stand there. */
  readonly optional: boolean;
}

function readValue(site: Site, written: ast.Expression, { name, type, optional }: Place): Given | null {
  const { report } = site.world;
  if (written.k === "object" && type.k === "record") return readFields(site, written, type, `"${name}"`);
  if (written.k === "list" && type.k === "list") return list(written, (item) => readValue(site, item, { name, type: type.of, optional: type.maybe }));
  const value = momentaryValue(site, written);
  if (value === null) return null;
  if (!fits(value.type, type)) {
    const other = textNotIn(value.type, type);
    if (other !== null) return report("E0204", written.span, `"${name}" is never "${other.text}"`, { label: didYouMean(other.text, other.of) });
    if (type.k === "string" && type.of !== undefined && value.type.k === "string") return report("E0205", written.span, `"${name}" is one of ${listed(type.of)}, this may be any text`);
    return report("E0205", written.span, `"${name}" is ${describe(type)}, this is ${describe(value.type)}`);
  }
  if (value.type.k === "null" && !optional) return report("E0205", written.span, `"${name}" is never missing`, { label: "leave it out, and it is filled with a neutral value" });
  return { k: "value", of: value };
}

/** A text that the value may be and the type does not list. */
function textNotIn(value: Type, type: Type): { readonly text: string; readonly of: readonly string[] } | null {
  if (type.k !== "string" || type.of === undefined || value.k !== "string") return null;
  const { of } = type;
  const text = value.of?.find((each) => !of.includes(each));
  return text === undefined ? null : { text, of };
}

// Types as they are written, with their fields and defaults.

import type * as ast from "../ast.js";
import type { Field, Type, Value } from "../program.js";
import { didYouMean } from "../diagnostics/suggest.js";
import { fixedLength } from "./durations.js";
import type { Report } from "./site.js";
import { BOOLEAN, DATE, DURATION, NUMBER, STRING, TIME, type RecordType, describe, listOf } from "./types.js";

const NAMED: Readonly<Record<ast.TypeName, Type>> = {
  string: STRING, number: NUMBER, boolean: BOOLEAN, time: TIME, date: DATE, duration: DURATION,
};

/** No field may be called so: `.time` is the event's own time, `__proto__` is no key in JavaScript. */
export const FORBIDDEN_FIELDS: ReadonlySet<string> = new Set(["time", "__proto__"]);

interface Read {
  readonly type: Type;
  readonly maybe: boolean;
}

function readType(written: ast.TypeExpression, report: Report): Read {
  switch (written.k) {
    case "type": return { type: NAMED[written.name], maybe: false };
    case "union": return { type: union(written, report), maybe: false };
    case "optional": return { type: readType(written.of, report).type, maybe: true };
    case "listof": {
      const { type, maybe } = readType(written.of, report);
      return { type: listOf(type, maybe), maybe: false };
    }
    case "record": return { type: readRecord(written, report), maybe: false };
  }
}

function union(written: ast.UnionType, report: Report): Type {
  const texts = new Set<string>();
  for (const { value, span } of written.of) {
    if (texts.has(value)) report("E0101", span, `"${value}" stands twice in this type`);
    texts.add(value);
  }
  return { k: "string", of: [...texts] };
}

export function readRecord(written: ast.RecordType, report: Report): RecordType {
  const fields = new Map<string, Field>();
  for (const each of written.fields) {
    const field = readField(each, report);
    if (field === null) continue;
    if (fields.has(field.name)) report("E0101", each.name.span, `the field "${field.name}" stands twice in this record`);
    else fields.set(field.name, field);
  }
  checkWires([...fields.values()], written, report);
  return { k: "record", fields: [...fields.values()] };
}

function checkWires(fields: readonly Field[], written: ast.RecordType, report: Report): void {
  const byWire = new Map<string, string>();
  for (const { name, wire } of fields) {
    const other = byWire.get(wire);
    const at = written.fields.find((field) => field.name.text === name);
    if (other !== undefined && at !== undefined) {
      report("E0111", at.from?.span ?? at.name.span, `"${other}" and "${name}" are both called "${wire}" on the wire`);
    }
    byWire.set(wire, name);
  }
}

function readField(written: ast.Field, report: Report): Field | null {
  const { name } = written;
  const { type, maybe } = readType(written.type, report);
  if (FORBIDDEN_FIELDS.has(name.text)) {
    return report("E0109", name.span, `no field may be called ${name.text}`, {
      label: name.text === "time" ? 'the event\'s own time is always `.time`; for another one write `placed_at: time from "time"`' : undefined,
    });
  }
  const wire = written.from?.value ?? name.text;
  if (written.from !== null && wire === "") report("E0306", written.from.span, "a name on the wire cannot be empty");
  if (written.from !== null && wire === "__proto__") report("E0109", written.from.span, "nothing may be called __proto__ on the wire");
  if (written.default === null) {
    const own = maybe ? undefined : ownDefault(type);
    return { name: name.text, wire, type, maybe, ...(own === undefined ? {} : { default: own }) };
  }
  const value = literalValue(written.default, type, maybe, report);
  return { name: name.text, wire, type, maybe: value === undefined ? maybe : value === null, ...(value === undefined || value === null ? {} : { default: value }) };
}

/** A record has a default where all of its fields may be left out. */
function ownDefault(type: Type): Value | undefined {
  if (type.k !== "record") return undefined;
  const value: Record<string, Value> = {};
  for (const field of type.fields) {
    if (field.default === undefined && !field.maybe) return undefined;
    if (field.default !== undefined) value[field.name] = field.default;
  }
  return value;
}

const dayNumber = (date: string): number => Date.parse(`${date}T00:00:00Z`) / 86_400_000;

/** Days since 1970-01-01. */
export const daysOf = (literal: ast.DateLiteral): number => {
  const days = dayNumber(literal.value);
  return Number.isFinite(days) ? days : 0;
};

/** The value of a default; undefined where there is something wrong with it. */
function literalValue(written: ast.Expression, type: Type, maybe: boolean, report: Report): Value | undefined {
  const wrong = (): undefined => {
    report("E0210", written.span, `this default is no literal of its field's type, which is ${describe(type)}`);
    return undefined;
  };
  switch (written.k) {
    case "null": return maybe ? null : wrong();
    case "true": case "false": return type.k === "boolean" ? written.k === "true" : wrong();
    case "number": return type.k === "number" ? written.value : wrong();
    case "minus": return type.k === "number" && written.of.k === "number" ? -written.of.value : wrong();
    case "string": return type.k === "string" ? textValue(written, type, report) : wrong();
    case "date": return type.k === "date" ? daysOf(written) : wrong();
    case "duration": return type.k === "duration" ? (fixedLength(written, report) ?? undefined) : wrong();
    case "instant":
      report("E0210", written.span, "an instant cannot be a default: it is another one in every zone");
      return undefined;
    case "list": {
      if (type.k !== "list") return wrong();
      const values = written.items.map((item) => literalValue(item, type.of, type.maybe, report));
      return values.every((value): value is Value => value !== undefined) ? values : undefined;
    }
    case "object": return type.k === "record" ? recordValue(written, type, report) : wrong();
    default: return wrong();
  }
}

function textValue({ value, span }: ast.StringLiteral, type: Extract<Type, { k: "string" }>, report: Report): Value | undefined {
  if (type.of === undefined || type.of.includes(value)) return value;
  report("E0204", span, `"${value}" is none of the texts that this field can be`, { label: didYouMean(value, type.of) });
  return undefined;
}

function recordValue(written: ast.ObjectExpression, type: RecordType, report: Report): Value | undefined {
  const value: Record<string, Value> = {};
  let whole = true;
  const given = new Map(written.entries.map((entry) => [entry.name.text, entry]));
  for (const { name } of written.entries) {
    if (type.fields.some((field) => field.name === name.text)) continue;
    whole = false;
    report("E0107", name.span, `there is no field "${name.text}"`, { label: didYouMean(name.text, type.fields.map((field) => field.name)) });
  }
  for (const field of type.fields) {
    const entry = given.get(field.name);
    const item = entry === undefined ? field.default : literalValue(entry.value, field.type, field.maybe, report);
    if (item !== undefined) value[field.name] = item;
    else if (entry !== undefined || !field.maybe) {
      whole = false;
      if (entry === undefined) report("E0210", written.span, `this default lacks the field "${field.name}"`);
    }
  }
  return whole ? value : undefined;
}

/**
 * What stands in a partition's row of `meta`: who may commit, the number of the last commit and the engine's own
 * fields. JSON; the fields as pairs, since a name may be anything (`__proto__` too). The row is written with every
 * commit, so long fields, which seldom change, have rows of their own in `fields`.
 */
import type { MetaFields, Writer } from "../../engine/ports.js";
import type { Table, Tables } from "./folder.js";
import { PARTITION_KEY_LENGTH, partitionKey } from "./keys.js";

/** UTF-16 units. */
const LONGEST_IN_ROW = 500;

export interface PartitionRow {
  /** Null before the first claim. */
  readonly writer: Writer | null;
  readonly number: number;
  /** The short ones. */
  readonly fields: Map<string, string>;
}

interface Stored {
  readonly epoch: number;
  readonly token: string;
  readonly number: number;
  readonly fields: readonly (readonly [name: string, value: string])[];
}

export function readRow(meta: Table, partition: number): PartitionRow {
  const row = meta.get(rowKey(partition));
  if (row === undefined) return { writer: null, number: 0, fields: new Map() };
  const { epoch, token, number, fields } = JSON.parse(row.toString()) as Stored;
  return { writer: { epoch, token }, number, fields: new Map(fields) };
}

export function writeRow(meta: Table, partition: number, { writer, number, fields }: PartitionRow): void {
  const stored: Stored = { epoch: writer?.epoch ?? 0, token: writer?.token ?? "", number, fields: [...fields] };
  meta.put(rowKey(partition), Buffer.from(JSON.stringify(stored)));
}

export function removeRow(meta: Table, partition: number): void {
  meta.remove(rowKey(partition));
}

/** Sets fields, in the row (which the caller writes) or beside it; an empty text removes one. */
export function setFields({ fields: long }: Tables, partition: number, row: PartitionRow, changes: MetaFields): void {
  const prefix = partitionKey(partition);
  for (const [name, value] of Object.entries(changes)) {
    const isLong = value.length > LONGEST_IN_ROW;
    if (isLong) long.put(prefix + name, Buffer.from(value));
    else if (!row.fields.has(name) && long.doesExist(prefix + name)) long.remove(prefix + name);
    if (value === "" || isLong) row.fields.delete(name);
    else row.fields.set(name, value);
  }
}

export function allFields({ fields: long }: Tables, partition: number, { fields }: PartitionRow): MetaFields {
  const all = Object.fromEntries(fields);
  for (const { key, value } of long.getRange({ start: partitionKey(partition), end: partitionKey(partition + 1) })) {
    all[key.slice(PARTITION_KEY_LENGTH)] = value.toString();
  }
  return all;
}

function rowKey(partition: number): string {
  return `p${partitionKey(partition)}`;
}

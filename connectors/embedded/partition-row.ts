/**
 * What stands in a partition's row of `meta`: who may commit, the number of the last commit and the engine's own
 * fields. JSON; the fields as pairs, since a name may be anything (`__proto__` too).
 */
import type { Writer } from "../../engine/ports.js";
import type { Table } from "./folder.js";
import { partitionKey } from "./keys.js";

export interface PartitionRow {
  /** Null before the first claim. */
  readonly writer: Writer | null;
  readonly number: number;
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

function rowKey(partition: number): string {
  return `p${partitionKey(partition)}`;
}

/**
 * The output log in the folder: outputs under partition and number, which is the sequence of the chain. A row keeps the
 * number of the newest, which survives the removal of the old ones: only the newest are kept, a bounded number of them.
 */
import type { Output, OutputLog } from "../../engine/ports.js";
import { LogClosed } from "../../engine/ports.js";
import { logFailure } from "./failures.js";
import type { Folder, Table } from "./folder.js";
import { ordinal, PARTITION_KEY_LENGTH, partitionKey, readOrdinal } from "./keys.js";
import { packOutput, unpackOutput } from "./packed-output.js";
import { anotherTurn } from "./timer.js";

export interface OutputLogOptions {
  /** How many of the newest outputs of a partition are kept. */
  readonly keep: number;
  /** Resolves when all that is written is as durable as was asked for. */
  readonly settled: () => Promise<void>;
}

export interface EmbeddedOutputLog extends OutputLog {
  /** Removes the partition's outputs before that number. */
  trim(partition: number, before: number): void;
}

export function embeddedOutputLog(folder: Folder, options: OutputLogOptions): EmbeddedOutputLog {
  const { meta, outputs: table } = folder.tables;
  let closed = false;
  const checkOpen = (): void => {
    if (closed) throw new LogClosed("the output log was closed");
  };

  /** Takes what follows on the newest; answers the number of the last one taken, or the one before the first. */
  function accept(partition: number, first: number, packed: readonly Buffer[]): number {
    const last = readLast(meta, partition);
    if (first !== last + 1) return first - 1;
    const prefix = partitionKey(partition);
    packed.forEach((output, i) => table.put(prefix + ordinal(first + i), output));
    const newest = last + packed.length;
    writeLast(meta, partition, newest);
    // More than come in, so that a lower bound than before is reached some time.
    remove(partition, newest - options.keep + 1, 2 * packed.length + 8);
    return newest;
  }

  function remove(partition: number, before: number, limit?: number): void {
    const prefix = partitionKey(partition);
    const end = prefix + ordinal(Math.max(0, before));
    const old = table.getKeys(limit === undefined ? { start: prefix, end } : { start: prefix, end, limit });
    for (const key of [...old]) table.remove(key);
  }

  return {
    async identity() {
      checkOpen();
      return folder.format.identity;
    },

    async last(partition) {
      checkOpen();
      folder.refresh();
      return readLast(meta, partition);
    },

    async publish(partition, outputs) {
      checkOpen();
      const first = outputs[0]?.number;
      if (first === undefined) {
        folder.refresh();
        return readLast(meta, partition);
      }
      check(outputs, first);
      const packed = outputs.map(packOutput);
      let last: number;
      try {
        last = folder.write(() => accept(partition, first, packed));
      } catch (error) {
        throw logFailure(error, folder.dir);
      }
      await anotherTurn();
      await options.settled();
      return last;
    },

    async read(partition, from, to) {
      checkOpen();
      folder.refresh();
      const prefix = partitionKey(partition);
      const found: Output[] = [];
      if (to < from) return found;
      for (const { key, value } of table.getRange({ start: prefix + ordinal(Math.max(0, from)), end: prefix + ordinal(Math.min(to, Number.MAX_SAFE_INTEGER - 1) + 1) })) {
        found.push(unpackOutput(readOrdinal(key, PARTITION_KEY_LENGTH), value));
      }
      return found;
    },

    trim(partition, before) {
      folder.write(() => remove(partition, before));
    },

    async close() {
      closed = true;
    },
  };
}

function readLast(meta: Table, partition: number): number {
  const row = meta.get(`o${partitionKey(partition)}`);
  return row === undefined ? 0 : row.readDoubleLE(0);
}

function writeLast(meta: Table, partition: number, last: number): void {
  const row = Buffer.allocUnsafe(8);
  row.writeDoubleLE(last, 0);
  meta.put(`o${partitionKey(partition)}`, row);
}

function check(outputs: readonly Output[], first: number): void {
  outputs.forEach(({ number }, i) => {
    if (!Number.isSafeInteger(number) || number !== first + i || first < 1) {
      throw new RangeError(`output ${number} does not follow number ${first + i - 1}: numbers are consecutive, from 1`);
    }
  });
}

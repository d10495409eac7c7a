/**
 * What the folder holds of one customer in its log and its outputs, removed. A record that is gone is an empty one in its block
 * (log-blocks.ts): readers pass it over, and everything else keeps its sequence. A transaction for each block, others in between.
 *
 * What LMDB has freed is overwritten when it needs the room: until then the bytes are in the file, and in checkpoints.
 */
import { isEventOf } from "../../engine/subjects.js";
import type { Purge } from "../purge.js";
import { readEnds, writeEnds } from "./event-log.js";
import type { Folder } from "./folder.js";
import { ordinal, partitionKey, readOrdinal } from "./keys.js";
import { blockCount, withoutRecords } from "./log-blocks.js";
import { anotherTurn } from "./timer.js";

const OUTPUTS_PER_WRITE = 200;

export function embeddedPurge(folder: Folder): Purge {
  const { events, outputs, meta } = folder.tables;
  return {
    async events(token, before) {
      let removed = 0;
      folder.refresh();
      for (let from = readEnds(meta).first; from < before;) {
        const [entry] = events.getRange({ start: ordinal(from), reverse: true, limit: 1 });
        if (entry === undefined) break;
        const first = readOrdinal(entry.key, 0);
        if (withoutRecords(entry.value, first, before, (subject) => isEventOf(subject, token)) !== null) {
          removed += folder.write(() => {
            const block = events.get(entry.key);
            const rest = block === undefined ? null : withoutRecords(block, first, before, (subject) => isEventOf(subject, token));
            if (block === undefined || rest === null) return 0;
            events.put(entry.key, rest.block);
            const ends = readEnds(meta);
            writeEnds(meta, { ...ends, bytes: ends.bytes - block.length + rest.block.length });
            return rest.removed;
          });
        }
        from = Math.max(first + blockCount(entry.value), from + 1);
        await anotherTurn();
        folder.refresh();
      }
      return removed;
    },

    async outputs(partition, numbers) {
      const prefix = partitionKey(partition);
      let removed = 0;
      for (let i = 0; i < numbers.length; i += OUTPUTS_PER_WRITE) {
        const some = numbers.slice(i, i + OUTPUTS_PER_WRITE).map((number) => prefix + ordinal(number));
        removed += folder.write(() => some.filter((key) => { const isThere = outputs.doesExist(key); if (isThere) outputs.remove(key); return isThere; }).length);
        await anotherTurn();
      }
      return removed;
    },

    copies: () => Promise.resolve({ removed: 0, left: 0, unreached: [] }),
  };
}

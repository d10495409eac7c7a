/** Follows the engine's outputs the way any reader of the output log would: by partition and number, as they come. */
import type { Output, OutputLog } from "../../engine/ports.js";

export interface Follower {
  /** Hands over everything that was published since the last call. */
  read(): Promise<void>;
}

const READ_AT_ONCE = 500;

export function follow(outputs: Pick<OutputLog, "last" | "read">, partitions: number, published: (output: Output) => void): Follower {
  const seen = new Array<number>(partitions).fill(0);

  const readPartition = async (partition: number): Promise<void> => {
    const last = await outputs.last(partition);
    for (let from = (seen[partition] ?? 0) + 1; from <= last; from += READ_AT_ONCE) {
      for (const output of await outputs.read(partition, from, Math.min(last, from + READ_AT_ONCE - 1))) published(output);
    }
    seen[partition] = last;
  };

  return {
    async read() {
      for (let partition = 0; partition < partitions; partition++) await readPartition(partition);
    },
  };
}

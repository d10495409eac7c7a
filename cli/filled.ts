/** What is filled from history beside the engine: opened when partitions ask for it, closed when the change of rules is over. */
import type { Ports } from "../engine/engine.js";
import { FILL_SCOPE } from "../engine/change/filled.js";
import { openPorts, type OpenedScope } from "./open.js";
import type { Place } from "./place.js";

export interface FilledBeside {
  readonly ports: Pick<Required<Ports>, "filled" | "dropFilled">;
  /** Nothing is filled any more. */
  release(): Promise<void>;
}

export function filledBeside(place: Place, now: () => number): FilledBeside {
  let opening: Promise<OpenedScope> | null = null;
  const scope = (): Promise<OpenedScope> => {
    const open = opening ??= openPorts(place, { now, scope: FILL_SCOPE });
    open.catch(() => { if (opening === open) opening = null; });
    return open;
  };
  return {
    ports: {
      filled: {
        shared: async (names) => (await scope()).store.shared(names),
        meta: async (partition) => (await scope()).store.meta(partition),
        load: async (partition, customers) => (await scope()).store.load(partition, customers),
        scan: async (partition, cursor, limit) => (await scope()).store.scan(partition, cursor, limit),
      },
      dropFilled: async (partition) => (await scope()).drop(partition),
    },
    async release() {
      const open = opening;
      opening = null;
      await (await open?.catch(() => null))?.close();
    },
  };
}

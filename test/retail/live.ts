/**
 * The real orders through a running engine: appended to a log on the events' own clock, processed, and read back from
 * where the engine puts things (the output streams, the segments of the store).
 */
import type { Compiled } from "../../engine/compile/compiled.js";
import { startEngine, type Engine, type Ports } from "../../engine/engine.js";
import type { Environment } from "../../engine/environment.js";
import { engineStats, type EngineStats } from "../../engine/stats.js";
import { encodeToken, tickSubject } from "../../engine/subjects.js";
import type { NewRecord } from "../../engine/ports.js";
import { engineEnvironment } from "../../cli/environment.js";
import type { Log } from "../../cli/logging.js";

export const OPTIONS = { cacheCustomers: 50_000, limits: { maxOutbox: 50_000, keepPublished: 10_000 } } as const;

const nothing = (): void => undefined;
const quiet: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing, with: () => quiet };

export const quietEnvironment = (): Environment => engineEnvironment({ now: () => Date.now() }, quiet);

/** The lines of a file of events as records for the log. */
export function records(lines: readonly string[]): NewRecord[] {
  return lines.map((line) => {
    const event = JSON.parse(line) as { id: string; source: string; type: string; subject: string };
    return { subject: `events.${event.type}.${encodeToken(event.subject)}`, body: line, id: `${event.subject}/${event.source}/${event.id}` };
  });
}

/** Ticks that move the clock of every partition on to an instant. */
export function ticks(partitions: number, instant: number): NewRecord[] {
  const time = new Date(instant).toISOString();
  return Array.from({ length: partitions }, (_, p) => ({
    subject: tickSubject(p),
    body: JSON.stringify({ specversion: "1.0", id: `${p}-${instant}`, source: "test", type: "eddy_tick", subject: String(p), time }),
  }));
}

/** Starts an engine and waits until every partition has committed the log's last record and published its outputs. */
export async function processAll(compiled: Compiled, ports: Ports): Promise<EngineStats> {
  const stats = engineStats();
  const environment = quietEnvironment();
  const engine = startEngine(compiled, ports, OPTIONS, environment, stats);
  await reached(engine, ports, stats, environment);
  await engine.stop();
  return stats;
}

async function reached(engine: Engine, ports: Ports, stats: EngineStats, environment: Environment): Promise<void> {
  const { last, partitions } = await ports.log.info();
  const never = new AbortController().signal;
  let failure: Error | null = null;
  engine.ended.catch((error: Error) => { failure = error; });
  for (;;) {
    if (failure !== null) throw failure as Error;
    const all = [...stats.partitions.values()];
    const stopped = all.find((partition) => partition.stopped !== null);
    if (stopped !== undefined) throw new Error(stopped.stopped as string);
    // The last records are the ticks, one for each partition: the offset of each stands at its own.
    if (all.length === partitions && all.every((partition) => partition.offset > last - partitions && partition.outboxPending === 0)) return;
    await environment.pause(20, never);
  }
}

/** What the engine said to the world, as the lines that `eddy replay` would write. */
export async function written(compiled: Compiled, ports: Ports, partitions: number) {
  const actions: string[] = [];
  const changes: string[] = [];
  const members: string[] = [];
  for (let p = 0; p < partitions; p++) {
    for (const output of await ports.outputs.read(p, 1, await ports.outputs.last(p))) {
      if (output.subject.startsWith("actions.")) actions.push(output.body);
      else if (output.subject.startsWith("segments.")) changes.push(output.body);
      else throw new Error(output.body);
    }
    for (const { name } of compiled.segments) {
      for (let cursor: string | null = null; ;) {
        const page = await ports.store.members(p, name, cursor);
        for (const customer of page.customers) members.push(JSON.stringify({ segment: name, customer }));
        cursor = page.cursor;
        if (cursor === null) break;
      }
    }
  }
  return { actions, changes, members: [...new Set(members)], traits: [] as string[] };
}

/**
 * What a marathon has left on real servers, held against one straight run over the records that the stream of events
 * holds: states, memberships, clocks, and every output in its place.
 */
import type { Compiled } from "../../engine/compile/compiled.js";
import { isKnown } from "../../engine/erasure.js";
import { readMeta } from "../../engine/meta.js";
import type { EventLog, LogRecord, StateStore } from "../../engine/ports.js";
import type { Ports } from "../../engine/engine.js";
import { planLayouts } from "../../engine/recovery.js";
import { readCustomer } from "../../engine/state.js";
import { readTombstones } from "../../engine/tombstones.js";
import { bytesOf, difference, erasedIn, placeOf, straight, type PartitionOutcome, type Records, type Said } from "../simulation/outcome.js";
import type { Heard } from "../system/places.js";

export interface Truth {
  readonly records: number;
  readonly events: number;
  readonly ticks: number;
  readonly customers: number;
  readonly memberships: number;
  readonly outputs: number;
  readonly deadLetters: Readonly<Record<string, number>>;
  /** Ids of records that came more than once. */
  readonly recordedTwice: number;
  /** Empty: all is as it must be. */
  readonly differences: readonly string[];
}

export interface Left {
  readonly ports: Ports;
  readonly partitions: number;
  /** What readers of an output stream get. */
  outputs(partition: number): Promise<readonly Heard[]>;
}

const TAKE = 5_000;
const READ_WITHIN_MS = 5_000;

export async function allRecords(log: EventLog): Promise<LogRecord[]> {
  const { last } = await log.info();
  const records: LogRecord[] = [];
  if (last === 0) return records;
  const reader = await log.read(1);
  while ((records.at(-1)?.sequence ?? 0) < last) {
    await reader.ready(READ_WITHIN_MS);
    for (const record of reader.take(TAKE)) records.push(kept(record));
  }
  await reader.close();
  return records;
}

/** What a reader hands out is of a shape of its own, and its bytes are a piece of something larger. */
const kept = ({ sequence, stamp, subject, headers, body }: LogRecord): LogRecord => ({ sequence, stamp, subject, headers, body: Buffer.from(body) });

/** `ids`: names (`customer/source/id`) of events that the broker took. */
export async function compareWithTruth(rules: Compiled, { ports, partitions, outputs }: Left, ids: ReadonlySet<string>): Promise<Truth> {
  const records = await allRecords(ports.log);
  const log: Records = { clock: "broker", partitions, records };
  const expected = straight(rules, log);
  const differences: string[] = [];
  records.forEach(({ sequence }, i) => {
    if (sequence !== i + 1) differences.push(`record ${i + 1} of the log has sequence ${sequence}`);
  });
  const lasts = lastOwn(log);
  const found: PartitionOutcome[] = [];
  const deadLetters: Record<string, number> = {};
  for (let index = 0; index < partitions; index++) {
    const heard = await outputs(index);
    heard.forEach(({ number, id, body }, i) => {
      if (number !== i + 1) differences.push(`OUT_${index}: number ${number} stands in place ${i + 1}`);
      if (!body.includes(`"id":${JSON.stringify(id)}`)) differences.push(`OUT_${index}: output ${number} goes by the id ${id}, which is not its event's: ${body}`);
    });
    for (const { subject } of heard) {
      const [kind, , reason = ""] = subject.split(".");
      if (kind === "dead") deadLetters[reason] = (deadLetters[reason] ?? 0) + 1;
    }
    const said = heard.map(({ id, subject, body }): Said => ({ id, subject, body }));
    differences.push(...twice(said).map((id) => `OUT_${index}: id ${id} comes twice`));
    found.push({ ...(await stored(rules, ports.store, index)), said });
    const { offset } = readMeta((await ports.store.meta(index)).meta);
    if (offset < (lasts[index] ?? 0)) differences.push(`partition ${index} has come to record ${offset}, its last is ${lasts[index]}`);
    const order = firstApart(expected[index]?.said ?? [], said);
    if (order !== null) differences.push(`OUT_${index} ${order}`);
  }
  const apart = difference(found, expected, true);
  if (apart !== null) differences.push(apart);
  const names = namesOf(records);
  for (const id of ids) if (!names.has(id)) differences.push(`the broker acknowledged ${id} and does not hold it`);
  return {
    records: records.length,
    ticks: records.filter(({ subject }) => subject.startsWith("events.eddy_")).length,
    events: records.filter(({ subject }) => !subject.startsWith("events.eddy_")).length,
    customers: sum(found.map(({ customers }) => customers.size)),
    memberships: sum(found.map(({ members }) => members.length)),
    outputs: sum(found.map(({ said }) => said.length)),
    deadLetters,
    recordedTwice: [...names.values()].filter((times) => times > 1).length,
    differences,
  };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0);

/** By partition: the sequence of its last record. */
export function lastOwn({ records, partitions }: Records): number[] {
  const lasts = new Array<number>(partitions).fill(0);
  for (const record of records) if (record !== null) lasts[placeOf(record.subject, partitions)] = record.sequence;
  return lasts;
}

async function stored(rules: Compiled, store: StateStore, index: number): Promise<Omit<PartitionOutcome, "said">> {
  const meta = readMeta((await store.meta(index)).meta);
  const { translations } = planLayouts(meta, rules);
  const customers = new Map<string, string>();
  for (let cursor: string | null = null; ;) {
    const page = await store.scan(index, cursor);
    for (const [id, bytes] of page.states) {
      const customer = readCustomer(id, bytes, translations, rules);
      if (isKnown(customer)) customers.set(id, bytesOf(rules, customer));
    }
    cursor = page.cursor;
    if (cursor === null) break;
  }
  const members = new Set<string>();
  for (const { name } of rules.segments) {
    for (let cursor: string | null = null; ;) {
      const page = await store.members(index, name, cursor);
      for (const customer of page.customers) members.add(`${name} ${customer}`);
      cursor = page.cursor;
      if (cursor === null) break;
    }
  }
  return { clock: meta.clock, customers, members: [...members].sort(), figures: "", erased: erasedIn(readTombstones(meta.fields)), words: null };
}

function twice(said: readonly Said[]): string[] {
  const seen = new Set<string>();
  return said.flatMap(({ id }) => (seen.size === seen.add(id).size ? [id] : []));
}

function firstApart(expected: readonly Said[], found: readonly Said[]): string | null {
  const at = expected.findIndex(({ subject, body }, i) => found[i]?.subject !== subject || found[i]?.body !== body);
  if (at < 0 && expected.length === found.length) return null;
  const line = (said: Said | undefined): string => (said === undefined ? "nothing" : `${said.subject} ${said.body}`);
  const place = at < 0 ? expected.length : at;
  return `has ${found.length} outputs, ${expected.length} are expected; number ${place + 1} is ${line(found[place])}, not ${line(expected[place])}`;
}

/** How often each event stands in the log, by the name under which it was sent. */
function namesOf(records: readonly LogRecord[]): Map<string, number> {
  const times = new Map<string, number>();
  for (const { headers, subject } of records) {
    const name = subject.startsWith("events.eddy_") ? undefined : headers?.get("nats-msg-id");
    if (name !== undefined) times.set(name, (times.get(name) ?? 0) + 1);
  }
  return times;
}

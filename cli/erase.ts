/**
 * `eddy erase CUSTOMER`: forgets a customer for good. The request goes into the log like any event (`customer_erased`); the
 * engine that has the customer's partition carries it out and says so in a receipt, which is waited for and printed. With
 * `--stream` what log and streams hold of the customer is removed too, one message at a time.
 *
 * Says what it cannot reach. Exit code 1 where a receipt did not come in time or something had to stay: the same command again
 * goes on with it.
 */
import { changeUnderWay } from "../engine/change/change.js";
import type { Removed } from "../engine/receipt.js";
import { encodeToken, partition as partitionOf } from "../engine/subjects.js";
import { customerOf } from "../engine/withdrawing.js";
import type { CommandCall } from "./commands.js";
import { pause } from "./environment.js";
import { askToErase, causeOf, endsOf, findReceipts, outputsAbout, reached, stillScrubbed, wakeUp, type Asked, type Receipted } from "./erasing.js";
import { EXIT, UsageError, type ExitCode } from "./exit.js";
import { print, say, type Io } from "./io.js";
import { readLines } from "./lines.js";
import { openPorts, type OpenedPorts } from "./open.js";
import { findPlace } from "./place.js";
import { showProgress, whole } from "./progress.js";
import { visible } from "./visible.js";

/** For receipts, for the outbox, for idle partitions. */
const PATIENCE_MS = 30_000;
const LOOK_EVERY_MS = 50;
/** Behind every message that is removed: whoever publishes comes first. */
const UNHURRIED_MS = 5;
/** Requests in the log at a time: each is waited for before the next ones are made. */
const AT_ONCE = 100;
const LONGEST_ID_BYTES = 4096;

interface StreamReport {
  readonly events: number;
  readonly outputs: number;
  readonly copies: number;
  /** Why something had to stay. */
  readonly left: readonly string[];
}

export async function eraseCommand({ io, configuration, arguments: given }: CommandCall): Promise<ExitCode> {
  const customers = await customersNamed(given.get("CUSTOMER"), configuration.get("customers"), io);
  const [isStream, isJson] = [configuration.get("stream") === true, configuration.get("json") === true];
  const ports = await openPorts(findPlace(configuration, io, "both"), { now: io.now });
  const over = new AbortController();
  void io.interrupted().then(() => over.abort());
  try {
    if (isStream && (await changeUnderWay(ports.store)) !== null) {
      throw new UsageError("a change of rules is under way and may be reading the history: erase with --stream when it is done (eddy plan --status), or without it now");
    }
    let complete = true;
    for (let i = 0; i < customers.length && !over.signal.aborted; i += AT_ONCE) {
      complete = await eraseSome(customers.slice(i, i + AT_ONCE), { ports, io, isStream, isJson, signal: over.signal }) && complete;
    }
    if (over.signal.aborted) return EXIT.interrupted;
    for (const line of unreachable(isStream, ports)) say(io, line);
    return complete ? EXIT.ok : EXIT.findings;
  } finally {
    await ports.close();
  }
}

async function customersNamed(one: string | undefined, file: string | undefined, io: Io): Promise<string[]> {
  if ((one === undefined) === (file === undefined)) throw new UsageError("erase needs the id of a CUSTOMER, or --customers FILE with one id a line");
  if (one !== undefined) return [checkedId(one)];
  const found = new Set<string>();
  for await (const lines of (await readLines(file as string, io, LONGEST_ID_BYTES)).batches) {
    for (const { number, bytes } of lines) {
      if (bytes === null) throw new UsageError(`line ${number} is longer than any id can be; nobody was erased`);
      const id = bytes.toString("utf8").trim();
      if (id !== "") found.add(checkedId(id));
    }
  }
  return [...found];
}

/** Throws InvalidToken, before anything is asked for. */
function checkedId(id: string): string {
  encodeToken(id);
  return id;
}

interface Work {
  readonly ports: OpenedPorts;
  readonly io: Io;
  readonly isStream: boolean;
  readonly isJson: boolean;
  readonly signal: AbortSignal;
}

/** Whether all is done that was asked for. */
async function eraseSome(customers: readonly string[], work: Work): Promise<boolean> {
  const { ports, io, isStream, isJson, signal } = work;
  const ends = await endsOf(ports);
  const asked = await askToErase(ports, customers, io.now());
  const awaited = new Map(asked.map((each) => [each.id, each]));
  const receipted = await receiptsOf(awaited, ends, work);
  const reports = isStream && !signal.aborted ? await removeFromStreams(receipted, work) : new Map<string, StreamReport>();
  for (const { asked: { customer }, output } of receipted) {
    const report = reports.get(customer) ?? null;
    print(io, isJson ? JSON.stringify({ customer, receipt: JSON.parse(output.body) as unknown, ...(report === null ? {} : { stream: report }) }) : readable(customer, output.body, report));
  }
  for (const { customer, sequence } of awaited.values()) {
    if (isJson) print(io, JSON.stringify({ customer, receipt: null, sequence }));
    say(io, `${visible(customer)}: the request is event ${whole(sequence)} of the log, and no engine has carried it out yet: it will when one is at work; then run this again for the receipt`);
  }
  return awaited.size === 0 && [...reports.values()].every(({ left }) => left.length === 0);
}

async function receiptsOf(awaited: Map<string, Asked>, from: Map<number, number>, { ports, io, signal }: Work): Promise<Receipted[]> {
  const found: Receipted[] = [];
  for (const until = io.now() + PATIENCE_MS; awaited.size > 0 && io.now() < until && !signal.aborted; ) {
    found.push(...await findReceipts(ports, awaited, from));
    if (awaited.size > 0) await pause(LOOK_EVERY_MS, signal);
  }
  const partitions = partitionsOf(found, ports);
  for (const until = io.now() + PATIENCE_MS; io.now() < until && !signal.aborted && (await stillScrubbed(ports, partitions)).length > 0; ) await pause(LOOK_EVERY_MS, signal);
  return found;
}

// ---------------------------------------------------------------------------------------------------- streams

async function removeFromStreams(receipted: readonly Receipted[], { ports, io, signal }: Work): Promise<Map<string, StreamReport>> {
  const reports = new Map<string, StreamReport>();
  if (receipted.length === 0) return reports;
  let doing = "";
  const progress = showProgress(io, () => doing);
  try {
    const newest = Math.max(...receipted.map(carriedOut));
    const behind = await everybodyThere(ports, newest, io, signal);
    const purge = ports.purge(() => pause(UNHURRIED_MS, signal));
    const least = (await reached(ports, newest)).least;
    const outputs = await outputsRemoved(receipted, ports, purge, (words) => (doing = words));
    for (const each of receipted) {
      const { asked, ids } = each;
      doing = `removing events of ${visible(asked.customer)}`;
      let events = 0;
      for (const id of ids) {
        const before = id === asked.customer ? asked.sequence : carriedOut(each);
        if (!signal.aborted) events += await purge.events(encodeToken(id), Math.min(before, least + 1));
      }
      const late = behind.length === 0 || least >= carriedOut(each) ? [] : [`events behind ${whole(least)}: partition ${behind.join(", ")} has not come so far (is an engine at work?)`];
      reports.set(asked.customer, { events, outputs: outputs.removed.get(asked.customer) ?? 0, copies: outputs.copies, left: [...late, ...outputs.left] });
    }
  } finally {
    progress.end();
  }
  return reports;
}

/** The record that erased: the request itself, or as it was said on to whom its customer was joined into, behind all that was said on before it. */
const carriedOut = ({ asked, output }: Receipted): number => Math.max(asked.sequence, output.cause);

/** Partitions that have not come as far as the sequence, though they were asked to say how far they are. */
async function everybodyThere(ports: OpenedPorts, sequence: number, io: Io, signal: AbortSignal): Promise<readonly number[]> {
  let { behind } = await reached(ports, sequence);
  await wakeUp(ports, behind, io.now());
  for (const until = io.now() + PATIENCE_MS; behind.length > 0 && io.now() < until && !signal.aborted; ) {
    await pause(LOOK_EVERY_MS, signal);
    ({ behind } = await reached(ports, sequence));
  }
  return behind;
}

interface OutputsRemoved {
  /** By customer. */
  readonly removed: ReadonlyMap<string, number>;
  readonly copies: number;
  readonly left: readonly string[];
}

async function outputsRemoved(
  receipted: readonly Receipted[], ports: OpenedPorts, purge: ReturnType<OpenedPorts["purge"]>, told: (words: string) => void,
): Promise<OutputsRemoved> {
  const removed = new Map<string, number>();
  const left: string[] = [];
  let copied = 0;
  for (const partition of partitionsOf(receipted, ports)) {
    const own = receipted.filter((each) => partitionsOf([each], ports).includes(partition));
    const numbers = await outputsAbout(ports, partition, own, (share) => told(`looking through OUT_${partition}: ${Math.floor(share * 100)} %`));
    told(`removing outputs from OUT_${partition}`);
    for (const [customer, theirs] of numbers) removed.set(customer, (removed.get(customer) ?? 0) + await purge.outputs(partition, theirs));
    const causes = new Map(own.flatMap(({ asked, ids }) => ids.map((id) => [id, asked.id] as const)));
    told(`removing copies of OUT_${partition}`);
    const copies = await purge.copies(partition, (output) => {
      const customer = customerOf(output);
      const cause = customer === null ? undefined : causes.get(customer);
      return cause !== undefined && causeOf(output) !== cause;
    });
    copied += copies.removed;
    if (copies.left > 0) left.push(`${copies.left} of the newest copies of OUT_${partition} in ACTIONS, SEGMENTS or DEAD: the broker copies on from there; run this again later`);
    left.push(...copies.unreached);
  }
  return { removed, copies: copied, left: [...new Set(left)] };
}

/** Where anything can have been said about them. */
const partitionsOf = (receipted: readonly Receipted[], { partitions }: OpenedPorts): number[] =>
  [...new Set(receipted.flatMap((each) => [each.partition, ...each.ids.map((id) => partitionOf(encodeToken(id), partitions))]))].sort((a, b) => a - b);

// ---------------------------------------------------------------------------------------------------- words

function readable(customer: string, receipt: string, report: StreamReport | null): string {
  const { time, data } = JSON.parse(receipt) as { readonly time: string; readonly data: Removed & { readonly withdrawn: number } };
  const counted = (n: number, one: string, many = `${one}s`): string[] => (n === 0 ? [] : [`${whole(n)} ${n === 1 ? one : many}`]);
  const what = [
    ...counted(data.profile, "field of the profile", "fields of the profile"), ...counted(data.aggregates, "aggregate"),
    ...counted(data.segments.length, "segment"), ...counted(data.runs, "rule under way", "rules under way"), ...counted(data.held, "held message"),
    ...Object.entries(data.points).map(([name, balance]) => `${balance} ${name}`), ...counted(data.capped, "count of a cap", "counts of caps"),
    ...counted(data.exposures, "experiment"), ...counted(data.withdrawn, "message that was not published yet", "messages that were not published yet"),
  ];
  const lines = [`${visible(customer)}: erased at ${time}${data.known ? "" : ": nothing was known"}${what.length === 0 ? "" : `: ${what.join(", ")}`}`];
  if (report !== null) {
    lines.push(`  removed from the streams: ${counted(report.events, "event").join() || "no events"}, ${counted(report.outputs, "output").join() || "no outputs"}${report.copies === 0 ? "" : `, ${counted(report.copies, "gathered copy", "gathered copies").join()}`}`);
    for (const left of report.left) lines.push(`  left: ${left}`);
  }
  return lines.join("\n");
}

function unreachable(isStream: boolean, { where }: OpenedPorts): string[] {
  return [
    ...(isStream ? [] : [`their events and what was published about them still lie in ${where}: --stream removes them`]),
    `not in reach from here: backups and snapshots of ${where} and its store, what consumers have read and keep, log files of services${isStream ? ", and the record of the request itself, which stays" : ""}`,
  ];
}

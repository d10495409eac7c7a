/**
 * `eddy export CUSTOMER`: everything that is known of a customer, as JSON on standard output: the state, what was published
 * about them as far as the output log still holds it, what waits to be published, and with `--with-events` their events in the log.
 * Of who was joined into them too.
 */
import { timeText } from "../engine/compile/runtime.js";
import { exportOf } from "../engine/export.js";
import type { LogRecord, Output } from "../engine/ports.js";
import { encodeToken, isEventOf, partition as partitionOf } from "../engine/subjects.js";
import { customerOf } from "../engine/withdrawing.js";
import type { CommandCall } from "./commands.js";
import { rulesAbout, withCustomer, type FoundCustomer } from "./customer.js";
import { EXIT, UsageError, type ExitCode } from "./exit.js";
import { print } from "./io.js";

const PAGE = 500;

export async function exportCommand({ io, configuration, arguments: given }: CommandCall): Promise<ExitCode> {
  const id = given.get("CUSTOMER");
  if (id === undefined) throw new UsageError("export needs the id of a CUSTOMER");
  const program = await rulesAbout(io, configuration);
  if (program === null) return EXIT.findings;
  const withEvents = configuration.get("with-events") === true;
  const shown = await withCustomer(io, configuration, program, id, async (found) => {
    const { compiled, customer, figures, now } = found;
    const state = exportOf(compiled, figures, customer, now);
    const { published, waiting } = await outputsOf(found);
    const events = withEvents ? (await eventsOf(found)).map(eventShown) : undefined;
    print(io, JSON.stringify({ ...state, published, waiting, ...(events === undefined ? {} : { events }) }, null, 2));
    return true;
  });
  return shown === null ? EXIT.findings : EXIT.ok;
}

/** The customer's, and those of who was joined into them. */
const idsOf = ({ customer: { id, extras } }: FoundCustomer): Set<string> => new Set([id, ...extras?.joined ?? []]);

/** In the order of the log. */
async function eventsOf(found: FoundCustomer): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for (const id of idsOf(found)) {
    const token = encodeToken(id);
    for (const record of await found.ports.log.ofCustomer(token, Infinity)) if (isEventOf(record.subject, token)) records.push(record);
  }
  return records.sort((a, b) => a.sequence - b.sequence);
}

/** CloudEvents about the customer, in the order of each partition: those in the output log, and those that are committed and not published yet. */
async function outputsOf(found: FoundCustomer): Promise<{ readonly published: unknown[]; readonly waiting: unknown[] }> {
  const { ports, partition: own } = found;
  const ids = idsOf(found);
  const published: unknown[] = [];
  const waiting: unknown[] = [];
  for (const partition of new Set([own, ...[...ids].map((id) => partitionOf(encodeToken(id), ports.partitions))])) {
    const last = await ports.outputs.last(partition);
    for (let from = 1; from <= last; from += PAGE) published.push(...about(await ports.outputs.read(partition, from, Math.min(last, from + PAGE - 1)), ids));
    for (let from = last + 1, isRest = false; !isRest;) {
      const page = await ports.store.outbox(partition, from, PAGE);
      waiting.push(...about(page, ids));
      isRest = page.length < PAGE;
      from = (page.at(-1)?.number ?? from) + 1;
    }
  }
  return { published, waiting };
}

const about = (outputs: readonly Output[], ids: ReadonlySet<string>): unknown[] =>
  outputs.filter((output) => !output.subject.startsWith("withdrawn.") && ids.has(customerOf(output) ?? "")).map(({ body }) => JSON.parse(body) as unknown);

function eventShown({ sequence, stamp, subject, headers, body }: LogRecord): unknown {
  const content = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8");
  let event: unknown = content;
  try {
    event = JSON.parse(content);
  } catch {
    // What is no JSON is shown as the text that it is.
  }
  return { sequence, stored: timeText(stamp), subject, ...(headers === null || headers.size === 0 ? {} : { headers: Object.fromEntries(headers) }), event };
}

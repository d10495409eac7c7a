/**
 * `eddy export CUSTOMER`: everything that is known of a customer, as JSON on standard output: the state, what was published
 * about them as far as the output log still holds it, what waits to be published, and with `--with-events` their events in the log.
 */
import { timeText } from "../engine/compile/runtime.js";
import { exportOf } from "../engine/export.js";
import type { LogRecord, Output } from "../engine/ports.js";
import { isEventOf } from "../engine/subjects.js";
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
    const { compiled, customer, figures, now, ports, token } = found;
    const state = exportOf(compiled, figures, customer, now);
    const { published, waiting } = await outputsOf(found);
    const events = withEvents ? (await ports.log.ofCustomer(token, Infinity)).filter(({ subject }) => isEventOf(subject, token)).map(eventShown) : undefined;
    print(io, JSON.stringify({ ...state, published, waiting, ...(events === undefined ? {} : { events }) }, null, 2));
    return true;
  });
  return shown === null ? EXIT.findings : EXIT.ok;
}

/** CloudEvents about the customer, in their order: those in the output log, and those that are committed and not published yet. */
async function outputsOf({ ports, partition, customer: { id } }: FoundCustomer): Promise<{ readonly published: unknown[]; readonly waiting: unknown[] }> {
  const last = await ports.outputs.last(partition);
  const published: unknown[] = [];
  for (let from = 1; from <= last; from += PAGE) published.push(...about(await ports.outputs.read(partition, from, Math.min(last, from + PAGE - 1)), id));
  const waiting: unknown[] = [];
  for (let from = last + 1; ;) {
    const page = await ports.store.outbox(partition, from, PAGE);
    waiting.push(...about(page, id));
    if (page.length < PAGE) return { published, waiting };
    from = (page.at(-1)?.number ?? from) + 1;
  }
}

const about = (outputs: readonly Output[], id: string): unknown[] =>
  outputs.filter((output) => !output.subject.startsWith("withdrawn.") && customerOf(output) === id).map(({ body }) => JSON.parse(body) as unknown);

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

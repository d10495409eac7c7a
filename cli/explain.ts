/**
 * `eddy explain CUSTOMER NAME`: why a customer is in a segment or not, and what would change it; where a rule stands for
 * them, and why it did or did not act.
 */
import { didYouMean } from "../dsl/diagnostics/suggest.js";
import type { Program } from "../dsl/program.js";
import { decode } from "../engine/decode.js";
import { ruleHistory, type History } from "../engine/explain/history.js";
import { outliner } from "../engine/explain/outline.js";
import { askRule, explainRule, type RuleQuestion } from "../engine/explain/rule.js";
import { askSegment, explainSegment } from "../engine/explain/segment.js";
import type { CommandCall } from "./commands.js";
import { withCustomer, type FoundCustomer } from "./customer.js";
import { EXIT, UsageError, type ExitCode } from "./exit.js";
import { explanationJson, ruleReport, segmentReport, type Who } from "./explain-report.js";
import { print } from "./io.js";
import { needProgram } from "./program.js";

/** Records of the log that are gone through for a rule's history. */
const MOST_RECORDS = 20_000;
const MOST_TOLD = 20;

export async function explainCommand({ io, configuration, arguments: given }: CommandCall): Promise<ExitCode> {
  const id = given.get("CUSTOMER");
  const name = given.get("NAME");
  if (id === undefined || name === undefined) throw new UsageError("explain needs the id of a CUSTOMER and the NAME of a segment or a rule");
  const program = await needProgram(configuration, io);
  if (program === null) return EXIT.findings;
  const asked = outliner(program);
  const segment = askSegment(program, asked, name);
  const rule = segment === null ? askRule(program, asked, name) : null;
  if (segment === null && rule === null) throw new UsageError(unknown(program, name));
  const shown = await withCustomer(io, configuration, asked.finished(), id, async (found) => {
    const { customer, now } = found;
    const who: Who = { customer: id, now, zone: customer.zone };
    const json = configuration.get("json") === true;
    const show = (data: () => object, text: () => string): void => print(io, json ? JSON.stringify(data(), null, 2) : text());
    if (segment !== null) {
      const explained = explainSegment(found, segment);
      show(() => explanationJson(explained, null, who), () => segmentReport(explained, who));
    } else if (rule !== null) {
      const explained = explainRule(found, rule);
      const history = await historyOf(found, rule);
      show(() => explanationJson(explained, history, who), () => ruleReport(explained, history, who));
    }
    return true;
  });
  return shown === null ? EXIT.findings : EXIT.ok;
}

async function historyOf(found: FoundCustomer, rule: RuleQuestion): Promise<History> {
  const { compiled, clock, ports, token, now } = found;
  const records = await ports.log.ofCustomer(token, MOST_RECORDS);
  const works = records.map((record) => decode(compiled, clock, record)).filter((work) => work.k === "event" || work.k === "dead");
  const present = { k: "tick", sequence: (records.at(-1)?.sequence ?? 0) + 1, arrived: now, stamp: now } as const;
  return ruleHistory(compiled, found.figures, rule, { works: [...works, present], clock }, MOST_TOLD);
}

function unknown({ segments, rules }: Program, name: string): string {
  const hint = didYouMean(name, [...segments, ...rules].map((each) => each.name));
  return `there is no segment and no rule "${name}"${hint === undefined ? "" : `; ${hint}`}`;
}

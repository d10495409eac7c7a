/**
 * `eddy explain CUSTOMER NAME`: why a customer is in a segment or not, and what would change it; where a rule stands for
 * them, and why it did or did not act; what a value is made of; what a channel would do with a message.
 */
import { didYouMean } from "../dsl/diagnostics/suggest.js";
import type { Program } from "../dsl/program.js";
import { decode } from "../engine/decode.js";
import { ruleHistory, type History } from "../engine/explain/history.js";
import { publishedOf } from "../engine/explain/published.js";
import { outliner, type Outliner } from "../engine/explain/outline.js";
import { askChannel, askRule, explainChannel, explainRule, type RuleQuestion } from "../engine/explain/rule.js";
import { askSegment, explainSegment } from "../engine/explain/segment.js";
import { askValue, explainValue } from "../engine/explain/value.js";
import { shownInstant } from "../engine/testing/show.js";
import type { CommandCall } from "./commands.js";
import { rulesAbout, withCustomer, type FoundCustomer } from "./customer.js";
import { EXIT, UsageError, type ExitCode } from "./exit.js";
import { channelReport, explanationJson, ruleReport, segmentReport, valueReport, type Who } from "./explain-report.js";
import { print } from "./io.js";

/** The newest records of the log that are gone through for a rule's history. */
const MOST_RECORDS = 20_000;
const MOST_TOLD = 20;
/** An engine that runs is never so late. */
const BEHIND_MS = 60_000;

export async function explainCommand({ io, configuration, arguments: given }: CommandCall): Promise<ExitCode> {
  const id = given.get("CUSTOMER");
  const name = given.get("NAME");
  if (id === undefined || name === undefined) throw new UsageError("explain needs the id of a CUSTOMER and the NAME of a segment, a rule, a trait, points, a tier or a channel");
  const program = await rulesAbout(io, configuration, (rules) => {
    // A mistake is told at once; a rule that is being finished only the store knows.
    if (!name.includes("@") && asked(rules, outliner(rules), name) === null) throw new UsageError(unexplained(rules, name));
  });
  if (program === null) return EXIT.findings;
  const outlines = outliner(program);
  const answer = asked(program, outlines, name);
  if (answer === null) throw new UsageError(unexplained(program, name));
  const shown = await withCustomer(io, configuration, outlines.finished(), id, async (found) => {
    const { data, text } = await answer(found, { customer: found.customer.id, now: found.now, zone: found.customer.zone });
    const behind = found.customer.wake <= found.now - BEHIND_MS ? found.customer.wake : null;
    if (configuration.get("json") === true) {
      print(io, JSON.stringify({ ...data, lookedAt: !found.isOfOldRules, behindSince: behind === null ? null : new Date(behind).toISOString() }, null, 2));
    } else {
      const changed = changedNotes(found);
      const [title = "", ...rest] = text.split("\n");
      print(io, [title, ...changed, ...rest, ...(behind === null ? [] : ["", `no engine has run since ${shownInstant(behind, found.customer.zone)}: what time brings about from then on comes when one does`])].join("\n"));
    }
    return true;
  });
  return shown === null ? EXIT.findings : EXIT.ok;
}

/** Whoever runs rules that have changed comes to every customer, some sooner than others. */
function changedNotes({ isOfOldRules, reign }: FoundCustomer): readonly string[] {
  if (!reign.runs) return ["! no engine runs these rules yet: what is known of the customer is what other rules have made of them"];
  return isOfOldRules ? ["! not looked at since the rules changed: the engine comes to every customer, and what is new in them begins for this one then"] : [];
}

interface Answered {
  readonly data: object;
  readonly text: string;
}

type Answer = (found: FoundCustomer, who: Who) => Promise<Answered> | Answered;

/** What there is to say of the name; null: nothing. */
function asked(program: Program, outlines: Outliner, name: string): Answer | null {
  const segment = askSegment(program, outlines, name);
  if (segment !== null) {
    return (found, who) => {
      const explained = explainSegment(found, segment);
      return { data: explanationJson(explained, null, who), text: segmentReport(explained, who) };
    };
  }
  const rule = askRule(program, outlines, name);
  if (rule !== null) {
    return async (found, who) => {
      const explained = explainRule(found, rule);
      const history = await historyOf(found, rule);
      return { data: explanationJson(explained, history, who), text: ruleReport(explained, history, who) };
    };
  }
  const value = askValue(program, outlines, name);
  if (value !== null) {
    return (found, who) => {
      const explained = explainValue(found, value);
      return { data: explanationJson(explained, null, who), text: valueReport(explained, who) };
    };
  }
  const channel = askChannel(program, outlines, name);
  if (channel === null) return null;
  return (found, who) => {
    const explained = explainChannel(found, channel);
    return { data: explanationJson(explained, null, who), text: channelReport(explained, who) };
  };
}

async function historyOf(found: FoundCustomer, rule: RuleQuestion): Promise<History> {
  const { compiled, clock, ports, token, now, partition, customer, reached, reign } = found;
  const records = await ports.log.ofCustomer(token, MOST_RECORDS);
  const works = records.map((record) => decode(compiled, clock, record)).filter((work) => work.k === "event" || work.k === "dead");
  const present = { k: "tick", sequence: (records.at(-1)?.sequence ?? 0) + 1, arrived: now, stamp: now } as const;
  const published = await publishedOf(ports, partition, customer.id, reached);
  return ruleHistory(found, rule, { works: [...works, present], clock, published, reign }, MOST_TOLD);
}

/** What else a name may be, and what it can be asked about instead. */
function unexplained(program: Program, name: string): string {
  const { segments, rules, traits, points, tiers, channels, events, metrics, experiments, policies } = program;
  const kinds = [[events, "an event"], [metrics, "a metric, which is about all customers"], [experiments, "an experiment: ask for a rule that splits by it"], [policies, "a group of channels: ask for one of them"]] as const;
  const what = kinds.find(([list]) => list.some((each) => each.name === name))?.[1];
  if (what !== undefined) return `"${name}" is ${what}; segments, rules, traits, points, tiers and channels can be explained`;
  const hint = didYouMean(name, [segments, rules, traits, points, tiers, channels].flat().map((each) => each.name));
  return `there is no segment, rule, trait, points, tier or channel "${name}"${hint === undefined ? "" : `; ${hint}`}`;
}

/** One customer's life under a program, event by event, and what is explained of it: as `eddy explain` would, without a log and a store. */
import { channelReport, explanationJson, ruleReport, segmentReport, valueReport, type Who } from "../../cli/explain-report.js";
import { compileProgram, retiredRule } from "../../dsl/compile.js";
import { renderAll } from "../../dsl/diagnostics/render.js";
import { compile, type Compiled } from "../../engine/compile/compiled.js";
import { NO_FIGURES, type Customer, type Figures } from "../../engine/customer.js";
import { decodeLine, type Work } from "../../engine/decode.js";
import { ruleHistory, type History, type Recorded } from "../../engine/explain/history.js";
import type { Subject } from "../../engine/explain/forecast.js";
import { outliner } from "../../engine/explain/outline.js";
import { askChannel, askRule, explainChannel, explainRule, type ChannelQuestion, type RuleExplanation, type RuleQuestion } from "../../engine/explain/rule.js";
import { askSegment, explainSegment, type SegmentExplanation, type SegmentQuestion } from "../../engine/explain/segment.js";
import { askValue, explainValue, type ValueQuestion } from "../../engine/explain/value.js";
import { createPartition, take, takePending, type Partition } from "../../engine/partition.js";
import type { ClockKind } from "../../engine/ports.js";
import { engineStats } from "../../engine/stats.js";

export const CUSTOMER = "ola";

export interface Life {
  readonly compiled: Compiled;
  readonly partition: Partition;
  readonly works: Work[];
  /** At an instant as it is written in UTC (`2026-03-02 10:00`); `own`: the event's own time, where it is another; `id`: one more than the last. */
  event(at: string, type: string, data?: object, more?: { readonly own?: string; readonly id?: string }): void;
  /** Nothing happens until then. */
  until(at: string): void;
  customer(): Customer;
  subject(): Subject;
  rule(name: string, most?: number, known?: Pick<Recorded, "published" | "reign">): { readonly explained: RuleExplanation; readonly history: History; readonly text: string; readonly json: string };
  segment(name: string): { readonly explained: SegmentExplanation; readonly text: string; readonly json: string };
  /** Of a trait, points, a tier or a channel. */
  other(name: string): { readonly text: string; readonly json: string };
}

export const instant = (text: string): number => Date.parse(`${text.replace(" ", "T")}Z`);

/** `figures`: what is known of all customers when it is explained. `finished`: rules of before, of which one is being finished. */
export function life(text: string, clock: ClockKind = "event", figures: Figures = NO_FIGURES, finished?: { readonly text: string; readonly rule: string; readonly from: string }): Life {
  const retired = finished === undefined ? null : retiredRule([{ file: "life.eddy", text: finished.text }], finished.rule, finished.from);
  const { program, diagnostics } = compileProgram([{ file: "life.eddy", text }], retired === null ? [] : [retired]);
  if (program === null) throw new Error(renderAll(diagnostics, new Map([["life.eddy", text]])));
  const outlines = outliner(program);
  const asked = <Q>(list: readonly { readonly name: string }[], ask: (name: string) => Q | null): ReadonlyMap<string, Q> =>
    new Map(list.flatMap(({ name }) => { const question = ask(name); return question === null ? [] : [[name, question] as const]; }));
  const rules: ReadonlyMap<string, RuleQuestion> = asked(program.rules, (name) => askRule(program, outlines, name));
  const segments: ReadonlyMap<string, SegmentQuestion> = asked(program.segments, (name) => askSegment(program, outlines, name));
  const values: ReadonlyMap<string, ValueQuestion> = asked([...program.traits, ...program.points, ...program.tiers], (name) => askValue(program, outlines, name));
  const channels: ReadonlyMap<string, ChannelQuestion> = asked(program.channels, (name) => askChannel(program, outlines, name));
  const compiled = compile(outlines.finished());
  const partition = createPartition(compiled, { index: 0, clock, cacheCustomers: Infinity }, engineStats());
  const works: Work[] = [];
  const live = (work: Work): void => {
    while (take(partition, work) !== "done") takePending(partition, 0);
    takePending(partition, 0);
  };
  const tick = (at: number): Work => ({ k: "tick", sequence: works.length + 1, arrived: at, stamp: at });
  const customer = (): Customer => {
    const found = partition.cache.peek(CUSTOMER);
    if (found === undefined) throw new Error("nothing has happened yet");
    return found;
  };
  const subject = (): Subject => ({ compiled, figures, customer: customer(), now: partition.clock });
  const who = (): Who => ({ customer: CUSTOMER, now: partition.clock, zone: customer().zone });
  const found = <Q>(of: ReadonlyMap<string, Q>, name: string): Q => {
    const question = of.get(name);
    if (question === undefined) throw new Error(`no ${name}`);
    return question;
  };
  const json = (of: object): string => `${JSON.stringify(of, null, 2)}\n`;
  return {
    compiled, partition, works, customer, subject,
    event(at, type, data = {}, { own, id = `e${works.length + 1}` } = {}) {
      const line = JSON.stringify({ id, source: "shop", type, subject: CUSTOMER, time: new Date(instant(own ?? at)).toISOString(), data });
      const work = { ...decodeLine(compiled, line, works.length + 1), stamp: instant(at), arrived: instant(at) };
      works.push(work);
      live(work);
    },
    until: (at) => live(tick(instant(at))),
    rule(name, most = 20, known = {}) {
      const question = found(rules, name);
      const explained = explainRule(subject(), question);
      const history = ruleHistory(subject(), question, { works: [...works, tick(partition.clock)], clock, ...known }, most);
      return { explained, history, text: ruleReport(explained, history, who()), json: json(explanationJson(explained, history, who())) };
    },
    segment(name) {
      const explained = explainSegment(subject(), found(segments, name));
      return { explained, text: segmentReport(explained, who()), json: json(explanationJson(explained, null, who())) };
    },
    other(name) {
      const value = values.get(name);
      if (value !== undefined) {
        const explained = explainValue(subject(), value);
        return { text: valueReport(explained, who()), json: json(explanationJson(explained, null, who())) };
      }
      const explained = explainChannel(subject(), found(channels, name));
      return { text: channelReport(explained, who()), json: json(explanationJson(explained, null, who())) };
    },
  };
}

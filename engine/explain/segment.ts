/** Why a customer is in a segment or is not, and what would change it. */
import type { Held, Length, Program } from "../../dsl/program.js";
import { isMember } from "../customer.js";
import { addMonths } from "../zone.js";
import { forecast, type Subject, type Turn } from "./forecast.js";
import type { Outline, Outliner } from "./outline.js";
import { partsOf, type Part } from "./parts.js";

export interface SegmentExplanation {
  readonly segment: string;
  readonly label: string | null;
  readonly member: boolean;
  readonly enter: HeldExplanation;
  /** Null: the customer is in exactly while the condition holds. */
  readonly leave: HeldExplanation | null;
  /** When membership turns by time alone; null: not in sight. */
  readonly turns: Turn | null;
  /** Where it does not: up to when that is sure; null: for ever. */
  readonly sureUntil: number | null;
  /** Types of events that may change it before, sorted. */
  readonly touchedBy: readonly string[];
  /** Membership is not what the conditions bring about: the rules changed after the customer was last looked at. */
  readonly unsettled: boolean;
  /** It depends on where the customer stands among all, which is drawn up each midnight UTC. */
  readonly standing: boolean;
}

export interface HeldExplanation {
  readonly condition: Part;
  /** `for at least`: how long it must hold; null without. */
  readonly forAtLeast: Length | null;
  /** Since when it has held without a break, and when that will have been long enough; null: it does not hold. */
  readonly since: number | null;
  readonly due: number | null;
}

export interface SegmentQuestion {
  readonly index: number;
  readonly enter: Outline;
  readonly leave: Outline | null;
}

/** To be asked before the program is finished; null: there is no such segment. */
export function askSegment(program: Program, outliner: Outliner, name: string): SegmentQuestion | null {
  const index = program.segments.findIndex((segment) => segment.name === name);
  const segment = program.segments[index];
  if (segment === undefined) return null;
  return { index, enter: outliner.outline(segment.enter.if), leave: segment.leave === null ? null : outliner.outline(segment.leave.if) };
}

export function explainSegment(subject: Subject, { index, enter, leave }: SegmentQuestion): SegmentExplanation {
  const { compiled, customer } = subject;
  const segment = compiled.program.segments[index] as Program["segments"][number];
  const outlines = leave === null ? [enter] : [enter, leave];
  const [entering, leaving] = partsOf(subject, outlines, null);
  const { segments, upTo } = forecast(subject, { watches: [], segments: [index], run: null });
  const member = isMember(customer, index);
  const touchedBy = new Set(outlines.flatMap(({ changedBy }) => changedBy));
  return {
    segment: segment.name, label: segment.label, member,
    enter: held(subject, entering as Part, segment.enter, 2 * index),
    leave: segment.leave === null ? null : held(subject, leaving as Part, segment.leave, 2 * index + 1),
    turns: segments.get(index) ?? null,
    sureUntil: segments.has(index) || upTo === Infinity ? null : upTo,
    touchedBy: [...touchedBy].sort(),
    // What is due is not done yet: that is no contradiction.
    unsettled: customer.wake > subject.now && contradicts(segment, member, (entering as Part).holds === true, leaving?.holds === true),
    standing: outlines.some(({ readsStanding }) => readsStanding),
  };
}

/** Where nothing needs to hold for long, conditions alone say who is in. */
function contradicts({ enter, leave }: Program["segments"][number], member: boolean, enters: boolean, leaves: boolean): boolean {
  const atOnce = ({ forMs, forMonths }: Held): boolean => forMs === 0 && forMonths === 0;
  if (member) return leave === null ? !enters : atOnce(leave) && leaves;
  return atOnce(enter) && enters && !leaves;
}

function held({ customer }: Subject, condition: Part, { forMs, forMonths }: Held, key: number): HeldExplanation {
  if (forMs === 0 && forMonths === 0) return { condition, forAtLeast: null, since: null, due: null };
  const since = customer.holdings.find((holding) => holding.index === key)?.since ?? null;
  const due = since === null ? null : forMonths > 0 ? addMonths(customer.zone, since, forMonths) : since + forMs;
  return { condition, forAtLeast: { ms: forMs, months: forMonths }, since, due };
}

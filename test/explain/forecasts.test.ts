/**
 * What is foretold is what happens: the instant and the direction in which a segment or a part of a condition turns when
 * nothing else happens, against a copy of the customer who lives on to then; and looking on changes nothing of anybody.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isMember, type Customer, type Run } from "../../engine/customer.js";
import { evaluator, processWake, SILENT } from "../../engine/evaluate.js";
import { copyOf, forecast, look } from "../../engine/explain/forecast.js";
import { outliner, type Outline } from "../../engine/explain/outline.js";
import { partsOf, type Part } from "../../engine/explain/parts.js";
import { askRule } from "../../engine/explain/rule.js";
import { askSegment } from "../../engine/explain/segment.js";
import type { Value } from "../../dsl/program.js";
import { CUSTOMER, instant, life, type Life } from "./life.js";

const DAY = 86_400_000;
/** So far the customer lives on. */
const LONGEST = 250 * DAY;

const PROGRAM = `
event bought { total: number  category: string = "x"  items: { sku: string, price: number }[] = [] }
event seen { sku: string = "a" }
profile { timezone: string = "Europe/Warsaw"  birthday: date?  club_until: time?  flag: boolean = false  tags: string[] = [] }
trait spend = sum(bought.total) over 30 days
trait last_buy = last(bought).time
trait busy = count(seen) over 7 days >= 3
points stars { earn floor(total) on bought  expire after 45 days }
tier status by stars { basic at 10  gold at 100 }
segment a_window when spend >= 100
segment a_absence when count(bought) >= 1 and no seen for 10 days
segment a_months when count(bought) over 2 months >= 2 or no bought where total > 50 for 1 month
segment a_month when sum(bought.total) this month > 60 and count(seen) this week < 2
segment a_since when since(last_buy) > 6 months or since(last_buy) < 3 days
segment a_held when spend >= 50 for at least 3 days until spend < 20 for at least 2 days
segment a_held_months when busy for at least 1 month
segment a_hours when hour(now) >= 9 and hour(now) < 17 and weekday(now) != "sunday"
segment a_date when date(now) >= 2026-05-01 and day(now) == 15
segment a_birthday when age(profile.birthday) >= 30
segment a_club when profile.club_until > now and profile.flag
segment a_status when status >= "gold" and stars.expiring within 10 days > 5
segment a_next when status.missing < 20 or status == "basic"
segment a_nested when not a_window and (busy or a_held)
segment a_flagged when profile.flag
segment a_top when top(bought.category) over 20 days == "y"
segment a_never when count(bought) > 100
rule flags { on every monday at 09:00  set profile.flag = not profile.flag }
rule tagging { on bought where total > 80  wait 5 days  set profile.tags = ["late"]  wait until 08:30  set profile.flag = true }
rule watched { on seen  when spend > 10 and hour(now) < 12  until count(bought) this run >= 2  until since(event.time) > 2 days  until spend < event.time - event.time + 1 day  wait 20 days }
`.replace("  until spend < event.time - event.time + 1 day", "");

interface Step {
  readonly minutes: number;
  readonly event: readonly [type: string, data: object];
  readonly late: number;
}

const steps: fc.Arbitrary<Step[]> = fc.array(fc.record({
  minutes: fc.oneof(fc.constantFrom(0, 1, 60, 24 * 60, 7 * 24 * 60, 30 * 24 * 60), fc.integer({ min: 0, max: 20_000 })),
  late: fc.constantFrom(0, 0, 0, 0, 60, 3 * 24 * 60),
  event: fc.oneof(
    fc.record({ total: fc.constantFrom(5, 30, 60, 90, 200), category: fc.constantFrom("x", "y") }).map((data) => ["bought", data] as const),
    fc.constant(["seen", {}] as const),
    fc.record({ birthday: fc.constantFrom("1996-03-20", "1996-02-29", null), club_until: fc.constantFrom("2026-04-01T10:30:00Z", null), flag: fc.boolean(), timezone: fc.constantFrom("Europe/Warsaw", "America/Havana", "Australia/Lord_Howe", "UTC") })
      .map((data) => ["profile_updated", data] as const),
  ),
}), { minLength: 1, maxLength: 12 });

const START = instant("2026-02-20 10:00");
const written = (at: number): string => new Date(at).toISOString().slice(0, 23).replace("T", " ");

function lived(story: readonly Step[], program = PROGRAM): Life {
  const of = life(program);
  let at = START;
  for (const { minutes, event: [type, data], late } of story) {
    at += minutes * 60_000;
    of.event(written(at), type, data, { own: written(at - late * 60_000) });
  }
  return of;
}

/** Everything of a customer but the zone, which is what it was. */
const all = ({ zone, ...rest }: Customer): string => JSON.stringify([zone.name, rest]);

/** The customer lives on, at the instants in order; nothing else happens. */
function livesOn(of: Life, instants: readonly number[], see: (at: number, customer: Customer) => void): void {
  const copy = copyOf(of.customer());
  const e = evaluator(of.compiled, SILENT);
  for (const at of [...new Set(instants)].sort((a, b) => a - b)) {
    while (copy.wake <= at) processWake(e, copy, copy.wake);
    see(at, copy);
  }
}

/** At the very end before each of the turns, at it, and between. */
function instantsTo(now: number, turns: readonly (number | null)[]): number[] {
  const known = turns.flatMap((turn) => (turn === null || turn > now + LONGEST ? [] : [turn]));
  const between = Array.from({ length: 60 }, (_, i) => Math.floor(now + (LONGEST * i) / 60));
  return [...between, ...known.flatMap((turn) => [Math.floor((now + turn) / 2), turn - 1, turn])].filter((at) => at >= now);
}

describe("segments", () => {
  test("turn when it is foretold, and not before", () => {
    let turned = 0;
    fc.assert(fc.property(steps, (story) => {
      const of = lived(story);
      const before = all(of.customer());
      const { segments, upTo } = forecast(of.subject(), { segments: of.compiled.program.segments.map((_, index) => index), watches: [], run: null });
      const explained = of.compiled.program.segments.map(({ name }, index) => ({ segment: name, member: isMember(of.customer(), index), turns: segments.get(index) ?? null, sureUntil: upTo }));
      expect(all(of.customer())).toBe(before);
      turned += explained.filter(({ turns }) => turns !== null).length;
      livesOn(of, instantsTo(of.partition.clock, explained.map(({ turns }) => turns?.at ?? null)), (at, customer) => {
        explained.forEach(({ segment, turns, member, sureUntil }, index) => {
          // Who has turned may turn again.
          if (at > (turns?.at ?? sureUntil)) return;
          expect({ segment, at: written(at), is: isMember(customer, index) }).toEqual({ segment, at: written(at), is: at === turns?.at ? turns.to : member });
        });
      });
    }), { numRuns: 8, seed: 7 });
    expect(turned).toBeGreaterThan(30);
  });
});

describe("parts", () => {
  interface Asked { readonly outline: Outline; readonly part: Part }

  const pairs = (outline: Outline, part: Part): Asked[] => [{ outline, part }, ...outline.parts.flatMap((inner, i) => { const other = part.parts[i]; return other === undefined ? [] : pairs(inner, other); })];

  function asked(of: Life): { readonly free: readonly Outline[]; readonly until: readonly Outline[] } {
    // The same questions in the same order as the program was made with: so they have the same places.
    const outlines = outliner(of.compiled.program);
    const rules = of.compiled.program.rules.map(({ name }) => askRule(of.compiled.program, outlines, name));
    const segments = of.compiled.program.segments.map(({ name }) => askSegment(of.compiled.program, outlines, name));
    const moved = (outline: Outline): Outline => ({ ...outline, watch: outline.watch - of.compiled.program.watches.length, parts: outline.parts.map(moved) });
    return {
      free: [...rules.flatMap((rule) => (rule?.when == null ? [] : [rule.when])), ...segments.flatMap((segment) => (segment === null ? [] : [segment.enter, ...(segment.leave === null ? [] : [segment.leave])]))].map(moved),
      until: rules.flatMap((rule) => rule?.until ?? []).map(moved),
    };
  }

  test("change their value when it is foretold, and not before", () => {
    let turned = 0;
    fc.assert(fc.property(steps, (story) => {
      const of = lived(story);
      const before = all(of.customer());
      const { free, until } = asked(of);
      const place = of.customer().runs.findIndex((run) => of.compiled.program.rules[run.rule]?.name === "watched");
      const groups = [{ outlines: free, run: null }, ...(place < 0 ? [] : [{ outlines: until, run: place }])];
      for (const { outlines, run } of groups) {
        const parts = partsOf(of.subject(), outlines, run);
        const explained = outlines.flatMap((outline, i) => { const part = parts[i]; return part === undefined ? [] : pairs(outline, part); })
          .filter(({ part }) => part.holds !== null && (part.turns !== null || run === null));
        turned += explained.filter(({ part }) => part.turns !== null).length;
        const e = evaluator(of.compiled, SILENT);
        let own: Run | null = null;
        livesOn(of, instantsTo(of.partition.clock, explained.map(({ part }) => part.turns?.at ?? null)), (at, customer) => {
          // What ends the run may be the very thing that turns: it is asked of the run that was.
          own ??= run === null ? null : (customer.runs[run] ?? null);
          look(e, customer, at, own);
          for (const { outline, part: { text, value, turns } } of explained) {
            if (at > (turns?.at ?? Infinity)) continue;
            const is: Value = of.compiled.watches[outline.watch]?.value(e.x) ?? null;
            expect({ text, at: written(at), is }).toEqual({ text, at: written(at), is: at === turns?.at ? turns.to : value });
          }
        });
      }
      expect(all(of.customer())).toBe(before);
    }), { numRuns: 6, seed: 11 });
    expect(turned).toBeGreaterThan(30);
  });
});

describe("hard cases end soon", () => {
  /** Of the processor: others may have it too. */
  const within = (ms: number, what: () => void): void => {
    const from = process.cpuUsage();
    what();
    const { user, system } = process.cpuUsage(from);
    expect((user + system) / 1000).toBeLessThan(ms);
  };

  test("a rule that acts every few minutes, for ever", () => {
    const of = life(`event go
profile { flag: boolean = false }
segment flagged when profile.flag
segment rich when count(go) > 5
rule again { on go  on change profile.flag  wait 10 minutes  set profile.flag = not profile.flag }`);
    of.event("2026-03-02 10:00", "go");
    within(3_000, () => {
      expect(of.segment("flagged").explained.turns?.at).toBe(instant("2026-03-02 10:10"));
      const { explained, text } = of.segment("rich");
      expect([explained.turns, explained.sureUntil]).toEqual([null, expect.any(Number)]);
      expect(text).toContain("stays out until go: time alone changes nothing before 2026-05-");
    });
  });

  test("ten thousand entries that leave one by one", () => {
    const of = life("event go\nsegment many when count(go) over 30 days >= 100\nsegment once when count(go) over 30 days >= 1\nsegment hourly when hour(now) == 3 and count(go) over 30 days > 9000");
    for (let i = 0; i < 10_000; i++) of.event(written(START + i * 60_000), "go");
    within(5_000, () => {
      const last = START + 9_999 * 60_000 + 30 * DAY;
      expect(of.segment("once").explained.turns).toEqual({ at: last, to: false });
      expect(Math.abs((of.segment("many").explained.turns?.at ?? 0) - (last - 99 * 60_000))).toBeLessThan(0.01 * 10_000 * 60_000);
      expect(of.segment("hourly").explained.turns?.to).toBe(true);
    });
  });

  test("conditions that turn every day and every hour, and one that never does", () => {
    const of = life(`event go
segment working when hour(now) >= 9 and hour(now) < 17 and weekday(now) == "monday" and month(now) == 12 and day(now) == 14`);
    of.event("2026-03-02 10:00", "go");
    within(3_000, () => expect(of.segment("working").explained.turns).toEqual({ at: instant("2026-12-14 09:00"), to: true }));
  });
});

test(`the customer ${CUSTOMER} is forgotten without events: that is foretold too`, () => {
  const of = life("event go\nprofile retain 10 days { x: string? }\nsegment known when count(go) >= 1");
  of.event("2026-03-02 10:00", "go");
  expect(of.segment("known").text).toContain("leaves on 2026-03-12 10:00 unless go");
});

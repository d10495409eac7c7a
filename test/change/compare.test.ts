/** What a comparison of two programs says of each part, what must be filled from history, and from when on that is exact. */
import { describe, expect, test } from "vitest";
import { compare, type Part } from "../../engine/change/compare.js";
import { exactFrom, reachOf } from "../../engine/change/reach.js";
import { sideOf, sideOfLayout } from "../../engine/change/side.js";
import { layoutOf } from "../../engine/state.js";
import { compiled } from "../engine/story.js";

const EVENTS = "event bought { total: number  sku: string }\nevent returned { total: number }\n";

/** `kind name: fate source aspects`, without what is kept. */
function changes(old: string, now: string, byLayout = false): string[] {
  const before = compiled(EVENTS + old);
  const { parts } = compare(byLayout ? sideOfLayout(layoutOf(before)) : sideOf(before), compiled(EVENTS + now));
  return parts.filter(({ fate, aspects }) => fate !== "kept" || aspects.length > 0).map(shown);
}

const shown = ({ kind, name, fate, source, was, aspects }: Part): string =>
  [`${kind} ${name}: ${fate}`, ...(fate === "dropped" ? [] : [source]), ...(was === null ? [] : [`was ${was}`]), ...(aspects.length === 0 ? [] : [aspects.join(", ")])].join("; ");

const USES = 'rule r { on bought  emit "r" }';

describe("each part", () => {
  test.each<readonly [what: string, old: string, now: string, expected: readonly string[]]>([
    ["the same in another order and other words", "segment a when count(bought) >= 3\nsegment b when count(returned) > 1", "segment b when count(returned) > 1\nsegment a when (count(bought) >= 3)", []],
    ["a new aggregate is filled, and a plain segment on it settled", USES, `${USES}\nsegment a when count(bought) >= 3`, ["aggregate count(bought): new; history", "segment a: new; pass"].reverse()],
    ["a plain segment on what is kept needs no history", 'segment a when count(bought) >= 3', 'segment a when count(bought) >= 3\nsegment b when count(bought) >= 5', ["segment b: new; pass"]],
    ["a segment with until remembers", 'segment a when count(bought) >= 3', 'segment a when count(bought) >= 3\nsegment b when count(bought) >= 5 until count(bought) >= 9', ["segment b: new; history"]],
    ["a segment with a length of time remembers", 'segment a when count(bought) >= 3', 'segment a when count(bought) >= 3 for at least 2 days', ["segment a: changed; history; condition"]],
    ["another limit", 'segment a when count(bought) >= 3', 'segment a when count(bought) >= 4', ["segment a: changed; pass; condition"]],
    ["another name", 'segment a when count(bought) >= 3', 'segment z when count(bought) >= 3', ["segment z: renamed; state; was a"]],
    ["a label is no meaning", 'segment a when count(bought) >= 3', 'segment a "A" when count(bought) >= 3', ["segment a: kept; state; label"]],
    ["a rule under another name", 'rule r { on bought  wait 1 hour  emit "r" }', 'rule s { on bought  wait 1 hour  emit "r" }', ["rule s: renamed; state; was r"]],
    ["steps and what ends them", 'rule r { on bought  wait 1 hour  emit "r" }', 'rule r { on bought  until returned  wait 2 hours  emit "r" }', ["rule r: changed; state; until, steps"]],
    ["points are earned from history once, and never again", 'points p { earn 1 on bought }\nsegment a when p >= 5', 'points p { earn 2 on bought }\npoints q { earn 1 on bought }\nsegment a when p >= 5\nsegment b when q >= 5', ["segment b: new; pass", "points p: changed; state; earn", "points q: new; history"]],
    ["a field of the profile", `profile { city: string?  zip: string? }\n${USES}`, `profile { city: number?  town: string? }\n${USES}`, ["profile city: changed; history; type, values", "profile town: new; history", "profile zip: dropped"]],
    ["aggregates of a run belong to the run", 'rule r { on bought  wait 1 hour  emit "r" }', 'rule r { on bought  wait 1 hour  emit "r" { n: count(returned) this run } }', ["aggregate count(returned) this run: new; now", "rule r: changed; state; steps"]],
    ["a kind of value that cannot be read any more", `${USES}\nsegment a when last(bought.sku) == "x"`, `${USES}`, ["aggregate last(bought.sku): dropped", "segment a: dropped"]],
    ["a cap", 'channel c { at most 1 per day }\nrule r { on bought  send c "r" }', 'channel c { at most 2 per day }\nrule r { on bought  send c "r" }', ["channel c: changed; state; caps"]],
  ])("%s", (_, old, now, expected) => {
    expect(changes(old, now).sort()).toEqual([...expected].sort());
  });

  test("of a program whose rules nobody has, layouts tell aggregates, segments and steps", () => {
    const old = 'segment a when count(bought) >= 3\nsegment b when count(returned) >= 1\nrule r { on enter a  wait 1 hour  emit "r" }';
    expect(changes(old, old, true)).toEqual([]);
    expect(changes(old, 'segment z when count(bought) >= 3\nsegment b when count(returned) >= 2\nrule r { on enter z  wait 2 hours  emit "r" }', true).sort()).toEqual([
      "rule r: changed; state; steps that wait", "segment b: changed; pass", "segment z: renamed; state; was a",
    ]);
  });
});

describe("exact from", () => {
  const DAY = 86_400_000;
  const FROM = Date.UTC(2026, 0, 15, 10);
  const exact = (text: string, kind: Part["kind"], key?: string): string | null => {
    const { program } = compiled(`${EVENTS}${text}`);
    const at = exactFrom(reachOf(program, { kind, key: key ?? program.aggregates[0]?.key ?? "" }), FROM);
    return at === null ? null : new Date(at).toISOString();
  };
  test.each<readonly [text: string, kind: Part["kind"], key: string | undefined, expected: string | null]>([
    ["segment a when count(bought) >= 3", "aggregate", undefined, null],
    ["segment a when count(bought) over 30 days >= 3", "aggregate", undefined, new Date(FROM + 30 * DAY).toISOString()],
    ["segment a when count(bought) over 12 months >= 3", "aggregate", undefined, "2027-01-15T10:00:00.000Z"],
    ["segment a when count(bought) this month >= 3", "aggregate", undefined, "2026-02-01T00:00:00.000Z"],
    ["segment a when no bought for 14 days", "aggregate", undefined, new Date(FROM + 14 * DAY).toISOString()],
    ["segment a when count(bought) over 30 days >= 3 until count(bought) over 30 days < 1", "segment", "a", null],
    ["segment a when count(bought) over 30 days >= 3 for at least 5 days", "segment", "a", new Date(FROM + 35 * DAY).toISOString()],
    ["trait n = count(bought)\nsegment a when n >= 3 for at least 5 days", "segment", "a", null],
    ["points p { earn 1 on bought  expire after 6 months }\nsegment a when p > 3", "points", "p", "2026-07-15T10:00:00.000Z"],
    ["points p { earn 1 on bought }\nsegment a when p > 3", "points", "p", null],
    ["profile { city: string? }\nrule r { on bought  emit \"r\" }", "profile", "city", null],
  ])("%s", (text, kind, key, expected) => {
    expect(exact(text, kind, key)).toBe(expected);
  });
});

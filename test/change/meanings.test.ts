/** When a segment is the same under other rules, and when it only has the same name. */
import { describe, expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { meaningsOf, type ProgramMeanings } from "../../engine/change/meanings.js";

function meanings(text: string): ProgramMeanings & { readonly of: (segment: string) => string | undefined } {
  const { program, diagnostics } = compileProgram([{ file: "p.eddy", text }]);
  if (program === null) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  const found = meaningsOf(program);
  return { ...found, of: (segment) => found.segments[program.segments.findIndex(({ name }) => name === segment)] };
}

const EVENTS = "event bought { total: number }\nevent visited\nprofile { name: string = \"\" }\n";
const BASE = `${EVENTS}trait spend = sum(bought.total)
segment big when spend >= 100
segment vip "Very important" when big and any(visited) for at least 2 days
rule r { on bought  until spend >= 500  wait 1 day  emit "r" }
`;

describe("what a segment means", () => {
  const base = meanings(BASE);

  test.each<readonly [what: string, text: string]>([
    ["a label", BASE.replace("Very important", "Of some importance")],
    ["what stands beside it, before it in the order too", `${BASE}segment aaa when count(visited) over 3 days >= 1\ntrait another = count(bought) over 5 days\n`],
    ["the name of a trait", BASE.replaceAll("spend", "spent")],
    ["what rules do", BASE.replace('emit "r"', 'emit "other"')],
  ])("does not change with %s", (_, text) => {
    const other = meanings(text);
    expect([other.of("big"), other.of("vip")]).toEqual([base.of("big"), base.of("vip")]);
    expect(Object.values(other.holdings)).toContain(Object.values(base.holdings)[0]);
  });

  test("changes with what it refers to, however far", () => {
    const other = meanings(BASE.replace("sum(bought.total)", "sum(bought.total) over 30 days"));
    expect(other.of("big")).not.toBe(base.of("big"));
    expect(other.of("vip")).not.toBe(base.of("vip"));
    expect(meanings(BASE.replace(">= 100", ">= 101")).of("vip")).not.toBe(base.of("vip"));
  });

  test("for how long it must hold changes the segment, but not since when it has held", () => {
    const other = meanings(BASE.replace("2 days", "3 days"));
    expect(other.of("vip")).not.toBe(base.of("vip"));
    expect(Object.values(other.holdings)).toEqual(Object.values(base.holdings));
  });

  test("whatever time may bring about is noted beside it; what it does not hang on is not", () => {
    expect(meanings(BASE.replace("until spend >= 500", "until spend >= 400")).clock).not.toBe(base.clock);
    expect(meanings(`${BASE}rule daily { on every day at 09:00  emit "d" }\n`).clock).not.toBe(base.clock);
    expect(meanings(BASE.replace("profile {", "profile retain 3 months {")).clock).not.toBe(base.clock);
    expect(meanings(BASE.replace('emit "r"', 'emit "other"')).clock).toBe(base.clock);
    expect(meanings(`${BASE}rule more { on bought  until visited  wait 1 day  emit "m" }\n`).clock).toBe(base.clock);
  });

  test("thousands of traits that refer to one another are no trouble", () => {
    const chain = Array.from({ length: 3000 }, (_, i) => `trait t${i} = ${i === 0 ? "count(bought)" : `t${i - 1} + 1`}`).join("\n");
    const text = `${EVENTS}${chain}\nsegment end when t2999 >= 3005\n`;
    expect(meanings(text).of("end")).not.toBe(meanings(text.replace("count(bought)", "count(visited)")).of("end"));
  });
});

/** Words of a partition: their numbers, by which whoever hears them knows what is news. */
import { describe, expect, test } from "vitest";
import { MAX_JOINED, noteJoined } from "../../engine/merge/customer.js";
import { createWords, hears, say, takeUtterances, takeWordFields, type Words } from "../../engine/merge/words.js";
import { readWord, type Word } from "../../engine/merge/word.js";
import { createPartition, take, takePending } from "../../engine/partition.js";
import { supply, wanted } from "../../engine/supplying.js";
import { extrasOf, newCustomer } from "../../engine/customer.js";
import { UTC } from "../../engine/zone.js";
import { compile } from "../../engine/compile/compiled.js";
import { compileProgram } from "../../dsl/compile.js";
import { decode } from "../../engine/decode.js";
import { engineStats } from "../../engine/stats.js";

/** What was said, as whoever hears it reads it. */
const told = (w: Words): Word[] => takeUtterances(w).map(({ record }) => {
  const { type, subject, data } = JSON.parse(record.body as string) as { readonly type: string; readonly subject: string; readonly data: unknown };
  const word = readWord(type, subject, data);
  if (word === null) throw new Error(`nobody understands ${record.body as string}`);
  return word;
});

const released = (w: Words, cause: number): void => void say(w, cause, 0, "a", { k: "released", erased: null });

describe("numbers of words", () => {
  test("go on within a record when the partition changes hands in its midst", () => {
    const before = createWords(0, "a log", false, {});
    released(before, 7); // what was due before the record, in a commit of its own
    const listener = createWords(1, "a log", false, {});
    expect(told(before).map((word) => hears(listener, word))).toEqual([true]);
    const stored = { ...takeWordFields(before), "word:7.0": "" };
    const after = createWords(0, "a log", false, Object.fromEntries(Object.entries(stored).filter(([, text]) => text !== "")));
    released(after, 7); // the record itself
    expect(told(after).map((word) => hears(listener, word))).toEqual([true]);
  });

  test("never go back, whatever a sweep says because of an earlier record", () => {
    const w = createWords(0, "a log", false, {});
    for (const cause of [7, 6, 7, 8]) released(w, cause);
    const listener = createWords(1, "a log", false, {});
    const words = told(w);
    expect(words.map(({ number: { sequence, place } }) => `${sequence}.${place}`)).toEqual(["7.0", "7.1", "7.2", "8.0"]);
    expect(words.map((word) => hears(listener, word))).toEqual([true, true, true, true]);
  });

  test("go on where a log lost its end, and begin anew in another", () => {
    const w = createWords(0, "a log", false, {});
    released(w, 100);
    const listener = createWords(1, "a log", false, {});
    told(w).forEach((word) => hears(listener, word));
    const { said = "" } = takeWordFields(w);
    const shorter = createWords(0, "a log", false, { said });
    released(shorter, 81);
    expect(told(shorter).map((word) => hears(listener, word))).toEqual([true]);
    const another = createWords(0, "another", false, { said });
    released(another, 3);
    expect(told(another).map(({ number }) => number)).toEqual([{ sequence: 3, place: 0 }]);
  });
});

describe("who was joined", () => {
  test("the last 256 are known", () => {
    const extras = extrasOf(newCustomer("k", UTC));
    for (let i = 0; i <= MAX_JOINED; i++) noteJoined(extras, [`a${i}`]);
    expect(extras.joined.length).toBe(MAX_JOINED);
    expect(extras.joined.at(-1)).toBe(`a${MAX_JOINED}`);
    expect(extras.joined[0]).toBe("a1");
  });

  test("no more of those of whom nothing was known", () => {
    const { program } = compileProgram([{ file: "known.eddy", text: "rule known { on customer_identified  emit \"known\" }" }]);
    if (program === null) throw new Error("the rules are wrong");
    const rules = compile(program);
    const p = createPartition(rules, { index: 0, clock: "broker", cacheCustomers: 100_000 }, engineStats(), null, { clock: 0, offset: 0, fields: {}, log: "log" });
    p.wakes.horizon = null;
    let sequence = 0;
    const waiting: { readonly subject: string; readonly body: string | Uint8Array }[] = [];
    for (let i = 0; i < MAX_JOINED + 10; i++) {
      waiting.push({ subject: "events.customer_identified.k", body: JSON.stringify({ id: `e${i}`, source: "t", type: "customer_identified", subject: "k", data: { anonymous_id: `a${i}` } }) });
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const work = decode(rules, "broker", { sequence: ++sequence, stamp: Date.UTC(2026, 2, 2) + sequence, headers: null, subject: next.subject, body: Buffer.from(next.body) });
        for (const id of wanted(p, [work], 10)) supply(p, id, null);
        expect(take(p, work)).toBe("done");
        takePending(p, 1);
        waiting.push(...takeUtterances(p.words).map(({ record }) => record));
      }
    }
    const joined = p.cache.get("k")?.extras?.joined ?? [];
    expect(joined.length).toBe(MAX_JOINED);
    expect(joined.at(-1)).toBe(`a${MAX_JOINED + 9}`);
  });
});

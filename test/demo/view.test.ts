/** The demonstration's view: whatever the model holds and however large the terminal, it fits and reads well. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { drawScreen } from "../../cli/demo/screen.js";
import { width } from "../../cli/demo/text.js";
import { renderIntroduction, renderLine, renderSummary, renderView, type ActionShown, type DemoModel } from "../../cli/demo/view.js";

const SEGMENTS = [
  "new_customer", "regular", "big_basket", "explorer", "bargain_hunter", "just_bought", "window_shopper", "fan",
  "needs_care", "vip", "sleeping", "fast_asleep", "fading", "coffee_lover", "gone_quiet",
];

const action = (i: number): ActionShown => ({
  atMs: Date.UTC(2019, 3, 2, 14, 5) - i * 70_000,
  channel: ["email", "push", "popup", "emit"][i % 4] ?? "email",
  template: "cart_reminder",
  customer: `c${String(42 + i).padStart(4, "0")}`,
  customerName: i % 5 === 4 ? null : "Ava",
  rule: "cart_recovery",
  reason: i % 2 === 0 ? null : "cart_updated",
});

const model: DemoModel = {
  elapsedMs: 42_000,
  simulatedMs: Date.UTC(2019, 3, 2, 14, 5),
  events: 184_233,
  eventsPerSecond: 4210.4,
  latency: { p50Ms: 1.2, p99Ms: 4.5, maxMs: 310 },
  recentLatency: { p50Ms: 0.91, p99Ms: 3.24, maxMs: 27 },
  customers: 2113,
  deadLetters: 0,
  segments: SEGMENTS.map((name, i) => ({ name, label: `What ${name} means`, size: i * 97, entered: i * 130, left: i * 33 })),
  newest: Array.from({ length: 50 }, (_, i) => action(i)),
  rules: [
    { rule: "welcome", actions: 7 },
    { rule: "cart_recovery", actions: 1203 },
    { rule: "wake_up", actions: 7 },
  ],
  places: { program: "bin/eddy", rules: "rules", readme: "README.md", docs: "docs", store: ".eddy/demo-12345", storeStays: false, metrics: "http://127.0.0.1:9464/metrics" },
};

const empty: DemoModel = {
  ...model, elapsedMs: 0, events: 0, eventsPerSecond: 0, latency: null, recentLatency: null, customers: 0,
  segments: SEGMENTS.map((name) => ({ name, label: null, size: 0, entered: 0, left: 0 })), newest: [], rules: [],
};

const ESCAPES = /\x1b\[[0-9;?]*[A-Za-z]/g;
const linesOf = (text: string): string[] => text.replace(ESCAPES, "").split("\n");

describe("the screen", () => {
  test("on 80 columns and 24 rows", () => {
    expect(renderView(model, { columns: 80, rows: 24, colour: false })).toMatchInlineSnapshot(`
      " EDDY  the rule library at work on made-up customers       Tue 2 Apr 2019 14:05
       184,233 events   4,210/s   2,113 customers   1,217 actions    running for 0:42
       from log to commit   p50 0.91 ms   p99 3.2 ms   max 27 ms       0 dead letters

       SEGMENTS           size     in    out  SEGMENTS           size     in    out
       new_customer          0     +0     -0  needs_care          776 +1,040   -264
       regular              97   +130    -33  vip                 873 +1,170   -297
       big_basket          194   +260    -66  sleeping            970 +1,300   -330
       explorer            291   +390    -99  fast_asleep       1,067 +1,430   -363
       bargain_hunter      388   +520   -132  fading            1,164 +1,560   -396
       just_bought         485   +650   -165  coffee_lover      1,261 +1,690   -429
       window_shopper      582   +780   -198  gone_quiet        1,358 +1,820   -462
       fan                 679   +910   -231

       NEWEST CUSTOMER        ACTION                   RULE             BECAUSE
       14:05  Ava c0042       email  cart_reminder     cart_recovery    time
       14:03  Ava c0043       push   cart_reminder     cart_recovery    cart_updated
       14:02  Ava c0044       popup  cart_reminder     cart_recovery    time
       14:01  Ava c0045       emit   cart_reminder     cart_recovery    cart_updated
       14:00  c0046           email  cart_reminder     cart_recovery    time
       BY RULE   cart_recovery 1,203   wake_up 7   welcome 7

       Try    bin/eddy inspect c0042 --embedded .eddy/demo-12345 --rules rules
       Edit   rules/shop/cart.eddy and start again   Read README.md       Ctrl-C ends"
    `);
  });

  test("a wide one shows labels, all segments, all rules and more actions", () => {
    const view = renderView(model, { columns: 180, rows: 40, colour: false });
    for (const name of SEGMENTS) expect(view).toContain(`What ${name} means`);
    for (const { rule, actions } of model.rules) expect(view).toMatch(new RegExp(`${rule} +${actions === 1203 ? "1,203" : actions}`));
    expect(view.match(/cart_reminder/g)?.length).toBeGreaterThan(25);
    expect(view.indexOf("cart_recovery  ")).toBeLessThan(view.lastIndexOf("wake_up"));
  });

  test("the newest action stands first, and its customer in the command to try", () => {
    const view = linesOf(renderView(model, { columns: 120, rows: 40, colour: false }));
    const of = (customer: string): number => view.findIndex((line) => line.includes(`Ava ${customer}`));
    expect(of("c0042")).toBeGreaterThan(0);
    expect(of("c0043")).toBe(of("c0042") + 1);
    expect(view.join("\n")).toContain("bin/eddy inspect c0042 --embedded .eddy/demo-12345 --rules rules");
    expect(view.join("\n")).toContain("bin/eddy check rules");
    expect(view.join("\n")).toContain("README.md");
  });

  test("before anything has happened", () => {
    const view = renderView(empty, { columns: 80, rows: 24, colour: false });
    expect(view).toContain("nothing measured yet");
    expect(view).toContain("nothing yet");
    expect(view).not.toMatch(/NaN|undefined|null|Infinity/);
  });

  test("colour changes nothing but the colour", () => {
    for (const columns of [40, 80, 120, 200]) {
      const size = { columns, rows: 30 };
      const plain = renderView(model, { ...size, colour: false });
      const coloured = renderView(model, { ...size, colour: true });
      expect(plain).not.toContain("\x1b");
      expect(coloured).toContain("\x1b[");
      expect(linesOf(coloured)).toEqual(linesOf(plain));
    }
  });

  test("dead letters stand out", () => {
    const view = renderView({ ...model, deadLetters: 1 }, { columns: 80, rows: 24, colour: true });
    expect(view).toContain("\x1b[31m1 dead letter");
    expect(view).not.toContain("dead letters");
  });

  test("whatever the model says and however large the terminal: it fits", () => {
    const text = fc.oneof(
      fc.string({ maxLength: 60 }),
      fc.string({ unit: "grapheme", maxLength: 30 }),
      fc.constantFrom("日本語の顧客", "zażółć gęślą", "👩‍👩‍👧‍👦 family", "tab\there", "\x1b[31mred", "line\nfeed", "a\u0301e\u0301", "\u0000"),
    );
    const count = fc.oneof(fc.nat(), fc.constantFrom(0, 1, 999, 1000, 12_345_678_901));
    const latency = fc.option(fc.record({ p50Ms: fc.double({ min: 0, max: 1e6, noNaN: true }), p99Ms: count, maxMs: count }));
    const models = fc.record({
      elapsedMs: fc.nat(),
      simulatedMs: fc.integer({ min: 0, max: Date.UTC(2199, 0, 1) }),
      events: count,
      eventsPerSecond: fc.double({ min: 0, max: 1e7, noNaN: true }),
      latency,
      recentLatency: latency,
      customers: count,
      deadLetters: count,
      segments: fc.array(fc.record({ name: text, label: fc.option(text), size: count, entered: count, left: count }), { maxLength: 40 }),
      newest: fc.array(
        fc.record({
          atMs: fc.integer({ min: 0, max: Date.UTC(2199, 0, 1) }),
          channel: text, template: text, customer: text, customerName: fc.option(text), rule: text, reason: fc.option(text),
        }),
        { maxLength: 40 },
      ),
      rules: fc.array(fc.record({ rule: text, actions: count }), { maxLength: 40 }),
      places: fc.record({ program: text, rules: text, readme: text, docs: text, store: text, storeStays: fc.boolean(), metrics: fc.option(text) }),
    });
    fc.assert(
      fc.property(models, fc.integer({ min: 1, max: 240 }), fc.integer({ min: 1, max: 70 }), fc.boolean(), (any, columns, rows, colour) => {
        const lines = linesOf(renderView(any, { columns, rows, colour }));
        expect(lines.length).toBeLessThanOrEqual(rows);
        for (const line of lines) {
          expect(width(line)).toBeLessThanOrEqual(columns);
          expect(line).not.toMatch(/\p{Cc}/u);
        }
        expect(renderLine(any)).not.toMatch(/\p{Cc}/u);
        expect(renderIntroduction(any)).not.toMatch(/\p{Cc}/u);
        expect(renderSummary(any).replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
      }),
      { numRuns: 150 },
    );
  });

  test("it fills the terminal to the last row, where the way out stands", () => {
    for (const [columns, rows] of [[80, 24], [120, 30], [180, 50], [60, 20]] as const) {
      const lines = linesOf(renderView(model, { columns, rows, colour: false }));
      expect(lines.length).toBe(rows);
      if (columns >= 80) expect(lines.at(-1)).toMatch(/Ctrl-C ends$/);
    }
  });
});

test("drawing goes over the last picture, line by line, and clears what is left of it", () => {
  expect(drawScreen("one\ntwo")).toBe("\x1b[Hone\x1b[K\r\ntwo\x1b[K\x1b[J");
});

describe("plain text", () => {
  test("one line says it all", () => {
    expect(renderLine(model)).toBe(
      "0:42  2019-04-02 14:05  184,233 events  4,210/s  p50 0.91 ms, p99 3.2 ms  2,113 customers  1,217 actions  " +
        "newest: email cart_reminder to Ava c0042 (cart_recovery: time)",
    );
    expect(renderLine(empty)).toBe("0:00  2019-04-02 14:05  0 events  0/s  0 customers  0 actions");
    expect(renderLine({ ...model, deadLetters: 3 })).toContain("3 dead letters");
  });

  test("first it says what is to be seen, and where everything is", () => {
    expect(renderIntroduction(model)).toBe(
      "The rules in rules at work on made-up customers; log and state in .eddy/demo-12345, metrics at http://127.0.0.1:9464/metrics. Ctrl-C ends it.",
    );
    const { places } = model;
    expect(renderIntroduction({ ...model, places: { ...places, metrics: null } })).toMatch(/in \.eddy\/demo-12345\. Ctrl-C/);
  });

  test("a summary fits 80 columns, but for long names; the folder's end is told only where it has one", () => {
    const lines = renderSummary(model).split("\n");
    expect(Math.max(...lines.map(width))).toBeLessThanOrEqual(80);
    expect(lines.at(-1)).toBe("Log and state stay in .eddy/demo-12345 until the next start.");
    const own = renderSummary({ ...model, places: { ...model.places, store: "/tmp/mine", storeStays: true } });
    expect(own.split("\n").at(-1)).toBe("Log and state stay in /tmp/mine.");
  });

  test("the summary has every segment that somebody entered and every rule that has sent something, the busiest rule first, and what to look at next", () => {
    const summary = renderSummary(model);
    expect(summary).toContain("184,233 events of 2,113 customers in 0:42, 4,387 a second");
    expect(summary).toMatch(/gone_quiet +1,358 +1,820 +462 {2}What gone_quiet means/);
    expect(summary.match(/^ {2}(cart_recovery|wake_up|welcome) +[\d,]+$/gm)).toEqual([
      "  cart_recovery       1,203",
      "  wake_up                 7",
      "  welcome                 7",
    ]);
    expect(summary).toContain("bin/eddy inspect c0042 --embedded .eddy/demo-12345 --rules rules");
    expect(summary).not.toContain("\x1b");
    expect(summary).toContain("  and 1 without members so far\n");
    expect(summary).not.toContain("without an action");
    expect(renderSummary({ ...model, rules: [...model.rules, { rule: "idle", actions: 0 }] })).toContain("  and 1 without an action so far\n");
    expect(renderSummary(empty)).not.toMatch(/NaN|undefined|Infinity/);
  });
});

/** What is written to a terminal, and that it is given back. */
import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { drawable, showLines, showScreen, wantsColour, type Terminal } from "../../cli/demo/display.js";
import { shopStream } from "../../cli/demo/shop-stream.js";
import { tally } from "../../cli/demo/tally.js";

const CLOSED = "\x1b[?25h\x1b[?1049l";

const terminal = (columns: number, rows: number) => Object.assign(new PassThrough(), { columns, rows, isTTY: true });
const written = (to: PassThrough): string => String(to.read() ?? "");

const counted = tally({
  segments: [{ name: "vip", label: "Spends 800", size: 0 }], rules: ["welcome"],
  places: { program: "bin/eddy", rules: "rules", readme: "README.md", docs: "docs", store: ".eddy/demo-7", storeStays: false, metrics: null },
});
const model = () => counted.model(1000, shopStream(1).peekTime());

test("a terminal is drawn on, everything else and whoever asks gets lines", () => {
  const screen: Terminal = terminal(80, 24);
  expect(drawable(terminal(80, 24), { TERM: "xterm" }, false)).not.toBeNull();
  expect(drawable(terminal(80, 24), { TERM: "xterm" }, true)).toBeNull();
  expect(drawable(terminal(80, 24), { TERM: "dumb" }, false)).toBeNull();
  expect(drawable(terminal(80, 24), {}, false)).toBeNull();
  expect(drawable(Object.assign(screen, { isTTY: false }), { TERM: "xterm" }, false)).toBeNull();
  expect([wantsColour({}), wantsColour({ NO_COLOR: "" }), wantsColour({ NO_COLOR: "1" })]).toEqual([true, true, false]);
});

test("the first picture at once, one at every change of size, one at the end; then the terminal is as it was", () => {
  const screen = terminal(80, 24);
  const display = showScreen(screen, false, model);
  const first = written(screen);
  expect(first.startsWith("\x1b[?1049h\x1b[?25l")).toBe(true);
  expect(first).toContain("EDDY");
  expect(first.split("\r\n").length).toBe(24);
  Object.assign(screen, { columns: 60, rows: 20 });
  screen.emit("resize");
  expect(written(screen).split("\r\n").length).toBe(20);
  const before = process.listenerCount("exit");
  display.end();
  expect(written(screen).endsWith(CLOSED)).toBe(true);
  expect(process.listenerCount("exit")).toBe(before - 1);
  screen.emit("resize");
  expect(written(screen)).toBe("");
});

test("a process that ends while the screen is open gives it back", () => {
  const screen = terminal(80, 24);
  const display = showScreen(screen, true, model);
  const [leave] = process.listeners("exit").slice(-1);
  written(screen);
  leave?.call(process, 1);
  expect(written(screen)).toBe(CLOSED);
  display.end();
  expect(written(screen)).not.toContain(CLOSED);
});

test("a terminal that does not know its size yet gets the usual one", () => {
  const screen = terminal(0, 0);
  showScreen(screen, false, model).end();
  expect(written(screen).split("\x1b[?25h")[0]?.split("\r\n").length).toBeGreaterThan(24);
});

test("without a terminal, no control sequence", () => {
  const out = new PassThrough();
  showLines(out, model).end();
  expect(written(out)).toMatch(/^The rules in rules at work [^\x1b]*\n$/);
});

import fc from "fast-check";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { codes, type Diagnostic, diagnostic, severityOf } from "../../dsl/diagnostics/codes.js";
import { linesOf, positionIn } from "../../dsl/diagnostics/lines.js";
import { render, renderAll, summary, toJson } from "../../dsl/diagnostics/render.js";
import { didYouMean, distance, frugally, nearest } from "../../dsl/diagnostics/suggest.js";
import { parseFile } from "../../dsl/parse.js";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

describe("codes", () => {
  const text = readFileSync(at("../../dsl/diagnostics/codes.ts"), "utf8");
  const entries = [...text.matchAll(/^ {2}([EW]\d+): \{/gm)].map(([, code]) => code);

  test("each is in the table once, and they stand in order", () => {
    expect(entries).toEqual(Object.keys(codes));
    expect(new Set(entries).size).toBe(entries.length);
    expect(entries).toEqual([...entries].sort());
  });

  test("each is of a known range and says what it means", () => {
    const titles = Object.values(codes).map(({ title }) => title);
    expect(new Set(titles).size).toBe(titles.length);
    for (const [code, { title, explanation }] of Object.entries(codes)) {
      expect(code).toMatch(/^(E0[0-3]\d\d|W0\d\d\d)$/);
      expect(title, code).toMatch(/^\S.*[^.\s]$/);
      expect(explanation, code).toMatch(/\.$/);
    }
  });

  test("the letter gives the severity", () => {
    expect(severityOf("E0001")).toBe("error");
    expect(diagnostic("E0001", { file: "a", start: 0, end: 1 }, "m")).toEqual({ code: "E0001", severity: "error", message: "m", span: { file: "a", start: 0, end: 1 } });
  });
});

describe("goldens: a program and exactly what is said of it", () => {
  const folder = at("../goldens/syntax/");
  const LINE = "---- what is said of it ----\n";
  const names = readdirSync(folder).filter((name) => /^E\d{4}-.*\.txt$/.test(name)).sort();

  test.each(names)("%s", (name) => {
    const file = readFileSync(folder + name, "utf8");
    const [program = ""] = file.split(LINE);
    const { diagnostics } = parseFile("shop/rules.eddy", program);
    const text = `${program}${LINE}${renderAll(diagnostics, new Map([["shop/rules.eddy", program]]))}`;
    if (process.env["UPDATE_GOLDENS"] === "1") writeFileSync(folder + name, text);
    expect(text).toBe(readFileSync(folder + name, "utf8"));
    expect(diagnostics.map(({ code }) => code)).toContain(name.slice(0, 5));
  });

  // What is too deep or too long is too long for a golden: see parse.test.ts.
  test("there is one for every code of the syntax", () => {
    const syntax = Object.keys(codes).filter((code) => code.startsWith("E00") && code !== "E0011" && code !== "E0012");
    expect([...new Set(names.map((name) => name.slice(0, 5)))]).toEqual(syntax);
  });
});

describe("rendering", () => {
  const source = "rule cart {\n  on cart_updated\n  until order_place\n}\n";
  const start = source.indexOf("order_place");
  const span = { file: "rules/shop/cart.eddy", start, end: start + "order_place".length };
  const found = diagnostic("E0007", span, 'there is no event "order_place"', { label: 'did you mean "order_placed"?' });
  const sources = new Map([["rules/shop/cart.eddy", source]]);

  test("path, line, column, source line, carets, label", () => {
    expect(render(found, sources)).toBe(`error[E0007]: there is no event "order_place"
 --> rules/shop/cart.eddy:3:9
  |
3 |   until order_place
  |         ^^^^^^^^^^^ did you mean "order_placed"?
`);
  });

  test("the margin is as wide as the number of the line", () => {
    const moved = { ...found, span: { ...span, start: span.start + 11, end: span.end + 11 } };
    expect(render(moved, new Map([["rules/shop/cart.eddy", `${"\n".repeat(11)}${source}`]]))).toBe(`error[E0007]: there is no event "order_place"
  --> rules/shop/cart.eddy:14:9
   |
14 |   until order_place
   |         ^^^^^^^^^^^ did you mean "order_placed"?
`);
  });

  test("notes stand below", () => {
    const text = render(diagnostic("E0007", span, "message", { notes: ["one.", "two."] }), sources);
    expect(text.split("\n").slice(4)).toEqual(["  |         ^^^^^^^^^^^", "  = one.", "  = two.", ""]);
  });

  test("all of them in the order of files and text, with their number", () => {
    const other = diagnostic("E0010", { file: "a.eddy", start: 0, end: 1 }, "first");
    const earlier = diagnostic("E0010", { ...span, start: 0, end: 4 }, "second");
    const text = renderAll([found, earlier, other], new Map([...sources, ["a.eddy", "x"]]));
    expect([...text.matchAll(/^\w+\[.*?: (.*)$/gm)].map(([, message]) => message)).toEqual(["first", "second", 'there is no event "order_place"']);
    expect(text.endsWith('did you mean "order_placed"?\n\n3 errors\n')).toBe(true);
    expect(renderAll([], new Map())).toBe("");
  });

  test("errors and warnings are counted apart", () => {
    const warning: Diagnostic = { ...found, severity: "warning" };
    expect(summary([found, found, warning])).toBe("2 errors, 1 warning");
    expect(summary([found])).toBe("1 error");
    expect(summary([warning, warning])).toBe("2 warnings");
    expect(summary([])).toBe("no findings");
  });

  test("colour only where it is asked for", () => {
    const plain = renderAll([found], sources);
    const colored = renderAll([found], sources, { color: true });
    expect(plain).not.toContain("\u001b");
    expect(colored).toContain("\u001b[1;31merror[E0007]\u001b[0m");
    expect(colored.replace(/\u001b\[[\d;]*m/g, "")).toBe(plain);
  });

  const carets = (line: string, word: string, from = line.indexOf(word)): readonly string[] => {
    const lines = render(diagnostic("E0007", { file: "a", start: from, end: from + word.length }, "m"), new Map([["a", line]])).split("\n");
    return [lines[1] ?? "", lines[3] ?? "", lines[4] ?? ""];
  };

  test.each([
    ["tabs", "\tx\t= word", "word", [" --> a:1:6", "1 |     x   = word", "  |           ^^^^"]],
    ["a tab under the carets", "x = \tab", "\ta", [" --> a:1:5", "1 | x =     ab", "  |     ^^^^^"]],
    ["wide characters before", '"日本" = word', "word", [" --> a:1:8", '1 | "日本" = word', "  |          ^^^^"]],
    ["wide characters under the carets", "x = 日本", "日本", [" --> a:1:5", "1 | x = 日本", "  |     ^^^^"]],
    ["emoji", '"😀😀" = word', "word", [" --> a:1:8", '1 | "😀😀" = word', "  |          ^^^^"]],
    ["combining marks", '"e\u0301e\u0301" = word', "word", [" --> a:1:10", '1 | "e\u0301e\u0301" = word', "  |        ^^^^"]],
    ["letters with accents", '"zażółć" = word', "word", [" --> a:1:12", '1 | "zażółć" = word', "  |            ^^^^"]],
    ["characters that would drive the terminal", '"\u001b[31m\u202e\0" = word', "word", [" --> a:1:13", '1 | "\ufffd[31m\ufffd\ufffd" = word', "  |             ^^^^"]],
    ["half of a character", '"\ud83d" = word', "word", [" --> a:1:7", '1 | "\ufffd" = word', "  |       ^^^^"]],
    ["a byte order mark", "\ufeffword", "word", [" --> a:1:1", "1 | \ufeffword", "  | ^^^^"]],
    ["an empty span behind the end", "x =", "", [" --> a:1:4", "1 | x =", "  |    ^"]],
    ["an empty text", "", "", [" --> a:1:1", "", ""]],
  ])("%s", (_, line, word, shown) => {
    expect(carets(line, word, word === "" ? line.length : undefined)).toEqual(shown);
  });

  test("line ends of every kind", () => {
    for (const end of ["\n", "\r\n", "\r"]) {
      const text = ["one", "two word", "three"].join(end);
      const from = text.indexOf("word");
      expect(render(diagnostic("E0007", { file: "a", start: from, end: from + 4 }, "m"), new Map([["a", text]]))).toBe("error[E0007]: m\n --> a:2:5\n  |\n2 | two word\n  |     ^^^^\n");
    }
  });

  test("of a span over several lines the first is shown", () => {
    const text = "rule x {   \n  stop\n}\n";
    expect(render(diagnostic("E0008", { file: "a", start: 0, end: text.length - 1 }, "m", { label: "here" }), new Map([["a", text]]))).toBe(
      "error[E0008]: m\n --> a:1:1\n  |\n1 | rule x {\n  | ^^^^^^^^... here\n",
    );
  });

  test("a long line is cut around the span, a long span at its end", () => {
    const far = `${"a ".repeat(500_000)}word ${"b ".repeat(500_000)}`;
    const [place, line = "", under = ""] = carets(far, "word");
    expect(place).toBe(" --> a:1:1000001");
    expect(line.length).toBeLessThan(130);
    expect(line.slice(under.indexOf("^"), under.lastIndexOf("^") + 1)).toBe("word");
    expect(line).toMatch(/^1 \| ….*…$/);
    const [, cut = "", all = ""] = carets("x".repeat(1_000_000), "x".repeat(1_000_000));
    expect(cut.length).toBeLessThan(130);
    expect(all.length).toBeLessThan(130);
  });

  test("a file whose text is not at hand is named all the same", () => {
    expect(render(found, new Map())).toContain(" --> rules/shop/cart.eddy:1:1\n");
  });

  test("what a message quotes cannot drive the terminal either", () => {
    expect(render(diagnostic("E0007", span, "no \u001b[2J here", { label: "\u202eabc", notes: ["\u0007."] }), sources)).not.toMatch(/[\u001b\u202e\u0007]/);
  });

  test("as data", () => {
    expect(toJson([found], sources)).toEqual([
      {
        code: "E0007",
        severity: "error",
        message: 'there is no event "order_place"',
        file: "rules/shop/cart.eddy",
        start: { line: 3, column: 9, offset: 38 },
        end: { line: 3, column: 20, offset: 49 },
        label: 'did you mean "order_placed"?',
      },
    ]);
  });

  test("positions count characters", () => {
    expect(positionIn(linesOf("a😀b\nc"), 3)).toEqual({ line: 1, column: 3 });
    expect(positionIn(linesOf("a😀b\nc"), 5)).toEqual({ line: 2, column: 1 });
  });
});

describe("suggestions", () => {
  test.each([
    ["order_place", ["order_placed", "order_status"], "order_placed"],
    ["oder_placed", ["order_placed"], "order_placed"],
    ["wiat", ["wait", "with"], "wait"],
    ["Vip", ["vip"], "vip"],
    ["x", ["y"], null],
    ["abc", ["xyz"], null],
    ["cart", ["profile"], null],
    ["vip", ["vip"], null],
    ["", ["a"], null],
    ["a".repeat(1_000_000), ["a"], null],
    ["email", ["e".repeat(1_000_000), "emial"], "emial"],
  ])("%.20s", (name, candidates, found) => {
    expect(nearest(name, candidates)).toBe(found);
  });

  test("the order of the candidates does not matter", () => {
    const candidates = ["cat", "bar", "bat", "rat"];
    const all = candidates.map((_, i) => nearest("zat", [...candidates.slice(i), ...candidates.slice(0, i)]));
    expect(new Set(all)).toEqual(new Set(["bat"]));
  });

  test.each([
    ["", "", 0],
    ["abc", "abc", 0],
    ["abc", "acb", 1],
    ["abc", "ab", 1],
    ["kitten", "sitting", 3],
    ["abcd", "badc", 2],
  ])("from %j to %j it is %d", (a, b, far) => {
    expect(distance(a, b)).toBe(far);
    expect(distance(b, a)).toBe(far);
  });

  test("what begins or ends alike, and a bound, make no difference", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 7 });
    fc.assert(fc.property(text, text, fc.integer({ min: 0, max: 7 }), (a, b, most) => {
      const far = plainDistance(a, b);
      expect(distance(a, b)).toBe(far);
      expect(distance(a, b, most) <= most).toBe(far <= most);
      if (far <= most) expect(distance(a, b, most)).toBe(far);
    }), { numRuns: 2_000 });
  });

  test("of very many mistakes the first have suggestions", () => {
    const names = Array.from({ length: 2_000 }, (_, i) => `name_${i}`);
    const found = frugally(() => names.map((name) => nearest(`${name}x`, names)));
    expect(found[0]).toBe("name_0");
    expect(found.at(-1)).toBeNull();
    expect(nearest("name_1999x", names)).toBe("name_1999");
  });

  test("as a label", () => {
    expect(didYouMean("order_place", ["order_placed"])).toBe('did you mean "order_placed"?');
    expect(didYouMean("x", [])).toBeUndefined();
  });
});

/** The definition, without any haste. */
function plainDistance(a: string, b: string): number {
  const known: number[][] = [];
  const at = (i: number, j: number): number => known[i]?.[j] ?? 0;
  for (let i = 0; i <= a.length; i++) {
    known.push([]);
    for (let j = 0; j <= b.length; j++) {
      const costs = i === 0 ? [j] : j === 0 ? [i] : [at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)];
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) costs.push(at(i - 2, j - 2) + 1);
      known[i]?.push(Math.min(...costs));
    }
  }
  return at(a.length, b.length);
}

/** `eddy test`: what it says, where, and with which exit code. */
import { PassThrough, Readable } from "node:stream";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { main } from "../../cli/main.js";
import { folderWith, PROJECT } from "../cli/eddy.js";
import { expectGolden } from "./goldens.js";

const folders: { remove(): void }[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) folder.remove();
});

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const read = (stream: PassThrough): string => ((stream.read() as Buffer | null) ?? "").toString();

/** Every look at the clock takes half a second. */
async function eddyTest(folder: string, ...args: readonly string[]): Promise<Said> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  let clock = 0;
  const code = await main(["test", ...args], {
    stdin: Readable.from([]), stdout, stderr, environment: {}, folder, terminal: false,
    now: () => (clock += 500), interrupted: () => new Promise(() => undefined),
  });
  return { code, stdout: read(stdout), stderr: read(stderr) };
}

const within = (files: Readonly<Record<string, string>>): string => {
  const folder = folderWith(files);
  folders.push(folder);
  return folder.path;
};

const SHOP = `event viewed { sku: string }
event bought { total: number }
profile { name: string?  consent: { email: boolean = false } }
channel email { when profile.consent.email }
trait spend = sum(bought.total) over 90 days
segment big "Spends much" when spend >= 100
segment never when count(bought) >= 1000
rule seen {
  on viewed
  wait 1 hour
  send email "seen" { sku: event.sku, name: profile.name }
  wait 2 days
  emit "done"
}
rule idle { on enter never  emit "idle" }
`;

const FAILING = `${SHOP}
test "seen and forgotten" {
  customer "ava"
  profile { name: "Ava", consent: { email: true } }
  at 2026-03-02 10:00 viewed { sku: "mug" }
  after 1 hour
    expect send email "seen" {
      sku: "pot" # not this one
    }
    expect nothing
  customer "jan"
    expect send email "seen"
  at 2026-03-04 10:30 bought { total: 99.5 }
    expect big or not (count(viewed) == 0)
  customer "ava"
    expect emit "done"
    expect send email "seen" { name: "Ava" }
    expect suppressed email by consent
  after 1 hour
    expect emit "don"
    expect at 2026-03-04 12:00 emit "done"
  at 2026-03-01 10:00
    expect nothing
}
test "fine" { at 2026-03-02 10:00 expect nothing }
`;

/** Rules with every kind of branch that conditions make. */
const BRANCHES = `event bought { total: number }
segment big when count(bought) >= 2 until no bought for 30 days
rule thanks {
  on bought
  if event.total > 100 {
    emit "large"
    if big { emit "large again" }
  } else if event.total > 10 {
    emit "middling"
  } else {
    emit "small"
  }
}
test "small and middling" {
  at 2026-03-02 10:00 bought { total: 5 }
    expect emit "small"
  after 1 day bought { total: 50 }
    expect emit "middling"
    expect big
}
test "the end of it" {
  at 2026-03-02 10:00 bought { total: 5 }
  after 1 day bought { total: 5 }
  after 31 days
    expect not big
}
`;

describe("eddy test", () => {
  test("all pass: exit code 0, and a list of what nobody has touched", async () => {
    const folder = within({ "rules/shop.eddy": `${SHOP}test "big" { at 2026-03-02 10:00 bought { total: 100 } expect big }\n` });
    expect(await eddyTest(folder)).toEqual({
      code: 0, stderr: "",
      stdout: "rules that no test starts: idle, seen\nsegments that nobody enters in any test: never\n\n1 test passed (0.5 s)\n",
    });
  });

  test("a failure names the line, what was expected, what happened instead, and the values behind it", async () => {
    const folder = within({ "rules/shop.eddy": FAILING });
    const { code, stdout, stderr } = await eddyTest(folder, "rules");
    expect(code).toBe(1);
    expect(stderr).toContain("warning[W0014]: no rule of this test does that");
    expectGolden("failures.txt", stdout);
  });

  test("a line is told in one, without its comments, and texts in it stay as they are", async () => {
    const folder = within({ "a.eddy": `event e { sku: string }
test "t" {
  at 2026-03-02 10:00 e { sku: "# 1" }
    expect ((last(e.sku) == "(#  2)" # not
      or (last(e.sku) == "# 3")))
}` });
    expect((await eddyTest(folder, ".")).stdout).toBe(`a.eddy:2: t
  a.eddy:4: expect ((last(e.sku) == "(#  2)" or (last(e.sku) == "# 3")))
    this is not so at 2026-03-02 10:00 (UTC)
      last(e.sku) == "(#  2)" is false
      last(e.sku) == "# 3" is false
      last(e.sku) = "# 1"

1 test failed, 0 passed (0.5 s)
`);
  });

  test("no tests are a failure", async () => {
    const folder = within({ "shop.eddy": "event e" });
    const { code, stdout } = await eddyTest(folder, ".");
    expect(code).toBe(1);
    expect(stdout).toBe("there are no tests: write `test \"…\" { … }` beside a rule\n");
  });

  test("errors in the rules or the tests are shown, and nothing is run", async () => {
    const folder = within({ "shop.eddy": `${SHOP}test "t" { at 2026-03-02 10:00 bougth  expect big }` });
    const { code, stdout, stderr } = await eddyTest(folder, "shop.eddy");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain('error[E0103]: there is no event "bougth"');
    expect(stderr.trimEnd().endsWith("1 error")).toBe(true);
  });

  test("the rule library", async () => {
    const { code, stdout, stderr } = await eddyTest(PROJECT, "rules");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^\d+ tests passed \(\d+\.\d s\)\n$/);
  });
});

describe("--only", () => {
  const folder = (): string => within({ "rules/shop.eddy": FAILING });

  test("runs the tests with this text in their name, in any case, and says nothing of what they do not touch", async () => {
    expect(await eddyTest(folder(), "--only", "FIN")).toMatchObject({ code: 0, stdout: "1 test passed (0.5 s)\n" });
  });

  test("no such test is a failure", async () => {
    expect(await eddyTest(folder(), "--only", "fein")).toMatchObject({ code: 1, stdout: 'there is no test with "fein" in its name\n' });
  });
});

describe("--coverage", () => {
  test("every rule, branch and segment, with its line", async () => {
    const { code, stdout } = await eddyTest(within({ "rules/shop.eddy": BRANCHES, "rules/cold.eddy": "event cold\nsegment icy when any(cold)\nrule melt { on cold emit \"water\" }" }), "--coverage");
    expect(code).toBe(0);
    expectGolden("coverage.txt", stdout);
  });

  test("of the rule library: nothing is left out", async () => {
    const { coverage } = JSON.parse((await eddyTest(PROJECT, "rules", "--json")).stdout) as { coverage: { totals: Record<string, number> } };
    const { rules, started, segments, entered } = coverage.totals;
    expect([started, entered]).toEqual([rules, segments]);
  });
});

describe("--json", () => {
  test("one document: tests, failures, coverage, totals, findings", async () => {
    const { code, stdout, stderr } = await eddyTest(within({ "rules/shop.eddy": FAILING }), "--json");
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expectGolden("failures.json", `${JSON.stringify(JSON.parse(stdout), null, 2)}\n`);
  });

  test("rules with errors: the findings, and nothing ran", async () => {
    const { code, stdout, stderr } = await eddyTest(within({ "rules/shop.eddy": "rule r { on nothing_like_it emit \"x\" }" }), "--json");
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, totals: { tests: 0, passed: 0, failed: 0 }, tests: [], coverage: null, diagnostics: [{ code: "E0103", file: "rules/shop.eddy" }] });
  });

  test("no tests are not ok, tests that pass are", async () => {
    expect(JSON.parse((await eddyTest(within({ "rules/a.eddy": "event e" }), "--json")).stdout)).toMatchObject({ ok: false, totals: { tests: 0 } });
    expect(JSON.parse((await eddyTest(within({ "rules/a.eddy": `event e test "t" { at 2026-03-02 10:00 e expect any(e) }` }), "--json")).stdout)).toMatchObject({ ok: true, totals: { tests: 1, passed: 1 } });
  });
});

describe("--explain", () => {
  const EXPLAINED = `event bought { total: number }
event seen { sku: string }
profile { name: string?  consent: { email: boolean = false } }
channel email {
  when profile.consent.email
  at most 1 per day
}
trait spend = sum(bought.total) over 90 days
segment big "Spends much" when spend >= 100 and count(bought) >= 2
experiment offer { plain 50%  gift 50% }
rule look {
  on seen where sku != "free"
  when spend > 10
  until bought
  split offer {
    plain { send email "look" { name: profile.name } }
    gift { emit "gift" }
  }
  wait 1 day
  emit "done"
}
rule other { on seen  emit "other" }
test "told" {
  variant offer = "plain"
  customer "ava"
  profile { name: "Ava", consent: { email: true } }
  at 2026-03-02 10:00 seen { sku: "mug" }
    expect send email "look" { name: "Ava" }
  after 1 hour bought { total: 60 }
    expect big
  after 1 hour seen { sku: "mug" }
    expect nothing
  after 1 hour
    expect emit "done"
}
`;

  test("below each failure stands how the customer was then: segments, and rules with what they did", async () => {
    const { code, stdout } = await eddyTest(within({ "rules/shop.eddy": EXPLAINED }), "--explain");
    expect(code).toBe(1);
    expectGolden("explained.txt", stdout);
  });

  test("as data too", async () => {
    const { stdout } = await eddyTest(within({ "rules/shop.eddy": EXPLAINED }), "--explain", "--json");
    const { tests } = JSON.parse(stdout) as { tests: { failures: { explanation: string[] }[] }[] };
    expect(tests[0]?.failures.map(({ explanation }) => explanation[0])).toEqual([
      "look is not under way for ava, as of 2026-03-02 10:00 (UTC)",
      'ava is not in big "Spends much", as of 2026-03-02 11:00 (UTC)',
      expect.stringMatching(/^look is under way for ava/),
      expect.stringMatching(/^look is under way for ava/),
    ]);
  });
});

describe("docs/language.md", () => {
  const document = readFileSync(join(PROJECT, "docs/language.md"), "utf8");
  const section = document.slice(document.indexOf("### What `eddy test` says"), document.indexOf("## Diagnostics"));

  test("shows what is said of failures as it is said", () => {
    const golden = readFileSync(join(PROJECT, "test/goldens/tests/failures.txt"), "utf8").split("\n");
    const shown = (/```text\n([\s\S]*?)```/.exec(section)?.[1] ?? "").trimEnd().split("\n");
    expect(shown.length).toBeGreaterThan(10);
    expect(shown.filter((line) => !golden.includes(line))).toEqual([]);
  });

  test("knows every field of the JSON", () => {
    const keys = new Set<string>();
    JSON.parse(readFileSync(join(PROJECT, "test/goldens/tests/failures.json"), "utf8"), function (this: unknown, key: string, value: unknown) {
      if (!Array.isArray(this) && key !== "") keys.add(key);
      return value;
    });
    // Payloads have the fields that rules give them; findings are those of `eddy check`.
    for (const key of ["sku", "name", "code", "severity", "label", "notes", "start", "end", "offset"]) keys.delete(key);
    expect([...keys].filter((key) => !new RegExp(`\`(?:[a-z.[\\]]+\\.)?${key}(?:\\[\\])?\``).test(section))).toEqual([]);
    expect(keys.size).toBeGreaterThan(30);
  });
});

describe("--junit", () => {
  test("a file in which every text is escaped, beside what people read", async () => {
    const folder = within({
      "rules/a & b.eddy": `event e { name: string }
rule r { on e  emit "hi" { name: event.name } }
test "<so> & \\"so\\"\\n" {
  at 2026-03-02 10:00 e { name: "<&>]]>\\u0007\\ufffe" }
    expect emit "hi" { name: "b" }
}
test "fine" { at 2026-03-02 10:00 e expect emit "hi" }`,
      "rules/other.eddy": `event o test "another" { at 2026-03-02 10:00 o expect any(o) }`,
    });
    const { code, stdout } = await eddyTest(folder, "--junit", "out.xml");
    expect(code).toBe(1);
    expect(stdout).toContain("1 test failed, 2 passed");
    const xml = readFileSync(join(folder, "out.xml"), "utf8");
    expectGolden("junit.xml", xml);
    expect(unbalanced(xml)).toEqual([]);
  });

  test("- is standard output, which then holds nothing else", async () => {
    const { code, stdout } = await eddyTest(within({ "rules/shop.eddy": FAILING }), "--junit", "-");
    expect(code).toBe(1);
    expect(stdout).toMatch(/^<\?xml version="1.0" encoding="UTF-8"\?>\n<testsuites name="eddy" tests="2" failures="1" errors="0" time="1.000">/);
    expect(stdout.trimEnd().endsWith("</testsuites>")).toBe(true);
    expect(unbalanced(stdout)).toEqual([]);
  });

  test("rules with errors are an error", async () => {
    const { code, stdout } = await eddyTest(within({ "rules/shop.eddy": "rule r { on nothing_like_it emit \"x\" }" }), "--junit", "-");
    expect(code).toBe(1);
    expect(stdout).toContain('<testsuites name="eddy" tests="1" failures="0" errors="1"');
    expect(stdout).toContain("there is no event &quot;nothing_like_it&quot;");
    expect(unbalanced(stdout)).toEqual([]);
  });

  test("two documents do not fit into one stream", async () => {
    const { code, stderr } = await eddyTest(within({ "rules/a.eddy": "event e" }), "--json", "--junit", "-");
    expect(code).toBe(2);
    expect(stderr).toContain("--json and --junit cannot both write to standard output");
  });
});

/** What is not well-formed: tags without their other half, bare `&` and `<`. Enough of a parser for what we write. */
function unbalanced(xml: string): readonly string[] {
  const open: string[] = [];
  const wrong: string[] = [];
  const rest = xml.replace(/^<\?xml [^?]*\?>/, "").replace(/<(\/?)([a-z]+)((?: [a-z]+="[^"<]*")*)(\/?)>/g, (_, closes: string, name: string, __, empty: string) => {
    if (closes === "" && empty === "") open.push(name);
    if (closes !== "" && open.pop() !== name) wrong.push(`</${name}>`);
    return "";
  });
  return [...wrong, ...open, ...(rest.match(/<|&(?!amp;|lt;|gt;|quot;|#\d+;)/g) ?? [])];
}

describe("--watch", () => {
  /** Waits for what the program writes, however long it takes. */
  const until = async (stream: PassThrough, seen: (text: string) => boolean): Promise<string> => {
    let text = "";
    for (;;) {
      text += read(stream);
      if (seen(text)) return text;
      await new Promise((resolve) => stream.once("readable", resolve));
    }
  };

  test("runs again when a file changes, comes or goes, keeps going on errors, and ends on Ctrl-C", async () => {
    const folder = within({ "rules/shop.eddy": `event e test "one" { at 2026-03-02 10:00 e expect any(e) }` });
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    let interrupt: (signal: "SIGINT") => void = () => undefined;
    const code = main(["test", "--watch"], {
      stdin: Readable.from([]), stdout, stderr, environment: {}, folder, terminal: true,
      now: () => 0, interrupted: () => new Promise((resolve) => (interrupt = resolve)),
    });
    const waiting = async (): Promise<string> => until(stderr, (text) => text.endsWith("eddy: waiting for a rule file to change (Ctrl-C ends)\n"));
    const ran = async (): Promise<string> => until(stdout, (text) => text.endsWith("s)\n"));

    expect(await waiting()).toMatch(/^\u001b\[2J\u001b\[3J\u001b\[Heddy: waiting/);
    expect(await ran()).toBe("1 test passed (0.0 s)\n");

    writeFileSync(join(folder, "rules/more.eddy"), `test "two" { at 2026-03-02 10:00 expect not any(e) }`);
    expect(await ran()).toBe("2 tests passed (0.0 s)\n");
    await waiting();

    writeFileSync(join(folder, "rules/more.eddy"), "test two");
    expect(await waiting()).toContain("1 error");

    rmSync(join(folder, "rules"), { recursive: true });
    expect(await waiting()).toContain("eddy: there is no file or folder rules");

    folderRefilled(folder);
    expect(await ran()).toContain("1 test failed, 0 passed");
    await waiting();

    interrupt("SIGINT");
    expect(await code).toBe(0);
  });

  test("standard input cannot be watched", async () => {
    const { code, stderr } = await eddyTest(within({}), "--watch", "-");
    expect(code).toBe(2);
    expect(stderr).toContain("--watch needs a file or a folder");
  });
});

function folderRefilled(folder: string): void {
  mkdirSync(join(folder, "rules"));
  writeFileSync(join(folder, "rules/shop.eddy"), `event e test "one" { at 2026-03-02 10:00 e expect not any(e) }`);
}

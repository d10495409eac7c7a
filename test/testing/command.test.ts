/** `eddy test`: what it says, where, and with which exit code. */
import { PassThrough, Readable } from "node:stream";
import { afterEach, describe, expect, test } from "vitest";
import { main } from "../../cli/main.js";
import { folderWith, PROJECT } from "../cli/eddy.js";

const folders: { remove(): void }[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) folder.remove();
});

async function eddyTest(folder: string, ...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  let clock = 0;
  const code = await main(["test", ...args], {
    stdin: Readable.from([]), stdout, stderr, environment: {}, folder, terminal: false,
    now: () => (clock += 1000), interrupted: () => new Promise(() => undefined),
  });
  const text = (stream: PassThrough): string => ((stream.read() as Buffer | null) ?? "").toString();
  return { code, stdout: text(stdout), stderr: text(stderr) };
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

describe("eddy test", () => {
  test("all pass: exit code 0, and a list of what nobody has touched", async () => {
    const folder = within({ "rules/shop.eddy": `${SHOP}test "big" { at 2026-03-02 10:00 bought { total: 100 } expect big }\n` });
    expect(await eddyTest(folder)).toEqual({
      code: 0, stderr: "",
      stdout: "rules that no test starts: idle, seen\nsegments that nobody enters in any test: never\n\n1 test passed (1.0 s)\n",
    });
  });

  test("a failure names the line, what was expected, what happened instead, and the values behind it", async () => {
    const folder = within({ "rules/shop.eddy": `${SHOP}
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
    expect big or count(viewed) > 0
  customer "ava"
    expect emit "done"
    expect send email "seen" { name: "Ava" }
    expect suppressed email by consent
  after 1 hour
    expect emit "don"
  at 2026-03-01 10:00
    expect nothing
}
test "fine" { at 2026-03-02 10:00 expect nothing }
` });
    const { code, stdout, stderr } = await eddyTest(folder, "rules");
    expect(code).toBe(1);
    expect(stderr).toContain("warning[W0014]: no rule of this test does that");
    expect(stdout).toBe(`rules/shop.eddy:17: seen and forgotten
  rules/shop.eddy:22: expect send email "seen" { sku: "pot" }
    nothing of the kind happened for "ava" by 2026-03-02 11:00 (UTC)
    what happened:
      11:00 send email "seen" { sku: "mug", name: "Ava" } (rule seen)
    what waits:
      rule seen until 2026-03-04 11:00
  rules/shop.eddy:25: expect nothing
    this happened for "ava" by 2026-03-02 11:00 (UTC)
      11:00 send email "seen" { sku: "mug", name: "Ava" } (rule seen)
  rules/shop.eddy:27: expect send email "seen"
    nothing happened for "jan" by 2026-03-02 11:00 (UTC)
    it happened to "ava"
    no event of this customer has come yet: with the first one segments begin
  rules/shop.eddy:29: expect big or count(viewed) > 0
    this is not so for "jan" at 2026-03-04 10:30 (UTC)
      big = false
      count(viewed) = 0
      spend = 99.5
  rules/shop.eddy:31: expect emit "done"
    nothing happened for "ava" by 2026-03-04 10:30 (UTC)
    what waits:
      rule seen until 2026-03-04 11:00
  rules/shop.eddy:32: expect send email "seen" { name: "Ava" }
    nothing happened for "ava" by 2026-03-04 10:30 (UTC)
    it happened in an earlier step, at 2026-03-02 11:00
    what waits:
      rule seen until 2026-03-04 11:00
  rules/shop.eddy:33: expect suppressed email by consent
    nothing happened for "ava" by 2026-03-04 10:30 (UTC)
    what waits:
      rule seen until 2026-03-04 11:00
  rules/shop.eddy:35: expect emit "don"
    nothing of the kind happened for "ava" by 2026-03-04 11:30 (UTC)
    what happened:
      11:00 emit "done" (rule seen)
  rules/shop.eddy:36: at 2026-03-01 10:00
    this is before the clock, which shows 2026-03-04 11:30 (UTC)

rules that no test starts: idle
segments that nobody enters in any test: big, never

1 test failed, 1 passed (1.0 s)
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

  test("the shop rules", async () => {
    const { code, stdout, stderr } = await eddyTest(PROJECT, "rules/shop");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^\d+ tests passed \(1\.0 s\)\n$/);
  });
});

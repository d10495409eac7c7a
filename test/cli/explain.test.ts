/** `eddy explain`: what it says of names. */
import { PassThrough, Readable } from "node:stream";
import { afterEach, describe, expect, test } from "vitest";
import { main } from "../../cli/main.js";
import { folderWith } from "./eddy.js";

const RULES = `event bought { total: number }
event seen
profile { timezone: string = "UTC"  mail: boolean = true }
trait spend = sum(bought.total) over 30 days
segment vip when spend >= 100
channel email { when profile.mail }
channels marketing = email { at most 3 per day }
experiment offer { plain 50%  gift 50% }
metric buyers = customers(count(bought) >= 1)
rule thanks { on bought where total > 10  wait 1 day  send email "thanks" }
`;

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

async function run(folder: string, now: number, ...args: readonly string[]): Promise<Said> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await main(args, { stdin: Readable.from([]), stdout, stderr, environment: {}, folder, terminal: false, now: () => now, interrupted: () => new Promise(() => undefined) });
  return { code, stdout: read(stdout), stderr: read(stderr) };
}

const within = (): string => {
  const folder = folderWith({ "rules/shop.eddy": RULES });
  folders.push(folder);
  return folder.path;
};

describe("names", () => {
  test.each<[string, string]>([
    ["vpi", 'eddy: there is no segment, rule, trait, points, tier or channel "vpi"; did you mean "vip"?\n'],
    ["quite_another_thing", 'eddy: there is no segment, rule, trait, points, tier or channel "quite_another_thing"\n'],
    ["bought", 'eddy: "bought" is an event; segments, rules, traits, points, tiers and channels can be explained\n'],
    ["buyers", 'eddy: "buyers" is a metric, which is about all customers; segments, rules, traits, points, tiers and channels can be explained\n'],
    ["offer", 'eddy: "offer" is an experiment: ask for a rule that splits by it; segments, rules, traits, points, tiers and channels can be explained\n'],
    ["marketing", 'eddy: "marketing" is a group of channels: ask for one of them; segments, rules, traits, points, tiers and channels can be explained\n'],
  ])("%s", async (name, said) => {
    expect(await run(within(), 0, "explain", "ola", name, "--rules", "rules")).toEqual({ code: 2, stdout: "", stderr: said });
  });

  test("a customer that nobody knows, and none at all", async () => {
    const folder = within();
    await run(folder, Date.parse("2026-03-02T10:00:00Z"), "setup", "--embedded", "store");
    const { code, stderr } = await run(folder, Date.parse("2026-03-02T10:00:00Z"), "explain", "ola", "vip", "--embedded", "store");
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^nothing is known about a customer "ola" in /)]);
    expect((await run(folder, 0, "explain", "ola")).stderr).toMatch(/missing required argument 'NAME'/);
  });
});

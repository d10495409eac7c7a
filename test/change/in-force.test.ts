/** With what an engine begins: the rules in force, whoever put them there, and what becomes of other rules in its folder. */
import { expect, test } from "vitest";
import { inForce, type InForce } from "../../cli/in-force.js";
import type { Log } from "../../cli/logging.js";
import { compileProgram } from "../../dsl/compile.js";
import type { Program } from "../../dsl/program.js";
import { bundleOf, writeBundle } from "../../engine/change/bundle.js";
import { writeChange, type Change } from "../../engine/change/change.js";
import { newWorld, opened, type World } from "../engine/simulated-ports.js";

const text = (name: string): string => `event bought { total: number }\nrule ${name} { on bought  emit "${name}" }\n`;
const filesOf = (name: string) => [{ file: "rules.eddy", text: text(name) }];
function programOf(name: string): Program {
  const { program } = compileProgram(filesOf(name));
  if (program === null) throw new Error("the rules do not compile");
  return program;
}
const [ONE, TWO] = [programOf("one"), programOf("two")];
const bundle = (name: string): string => writeBundle(bundleOf(filesOf(name)));

async function begin(world: World, name: string, isAlone = true): Promise<InForce & { readonly said: readonly string[] }> {
  const said: string[] = [];
  const say = (message: string): void => void said.push(message);
  const log: Log = { debug: () => undefined, info: say, warn: say, error: say, with: () => log };
  const { store } = opened(world, () => "none", () => 10);
  return { ...await inForce(store, { files: filesOf(name), program: programOf(name) }, () => Promise.resolve(isAlone), log), said };
}
const hashes = ({ program, then }: InForce): unknown => [program.hash, then];
const change: Change = { id: "c", program: TWO.hash, from: ONE.hash, fill: false, phase: "switching", since: 0 };

test("the first engine puts its rules in force; another one with the same begins with them", async () => {
  const world = newWorld(1);
  expect(hashes(await begin(world, "one"))).toEqual([ONE.hash, null]);
  expect(Object.fromEntries(world.shared)).toEqual({ current: ONE.hash, [`program:${ONE.hash}`]: bundle("one") });
  expect(hashes(await begin(world, "one"))).toEqual([ONE.hash, null]);
});

test("of two that begin with other rules at once, one decides", async () => {
  const world = newWorld(1);
  const both = await Promise.all([begin(world, "one", false), begin(world, "two", false)]);
  const current = world.shared.get("current");
  expect(both.map(({ program }) => program.hash)).toEqual([current, current]);
});

test("other rules in the folder are taken where nobody else is at work, and warned of otherwise; those in force run", async () => {
  const world = newWorld(1);
  await begin(world, "one");
  expect(hashes(await begin(world, "two"))).toEqual([ONE.hash, "apply"]);
  const beside = await begin(world, "two", false);
  expect(hashes(beside)).toEqual([ONE.hash, null]);
  expect(beside.said.join()).toContain("eddy apply");
  expect(world.shared.get("current")).toBe(ONE.hash);
});

test("a change under way is gone on with, whatever lies in the folder", async () => {
  const world = newWorld(1);
  await begin(world, "one");
  world.shared.set("change", writeChange(change)).set(`program:${TWO.hash}`, bundle("two"));
  expect(hashes(await begin(world, "one"))).toEqual([ONE.hash, "continue"]);
  expect(hashes(await begin(world, "two"))).toEqual([ONE.hash, "continue"]);
  // Where nothing ever ran, all is the new program's.
  world.shared.delete("current");
  world.shared.set("change", writeChange({ ...change, from: "" }));
  expect(hashes(await begin(world, "one"))).toEqual([TWO.hash, "continue"]);
});

test("rules that another version of Eddy knew under another hash are the same rules; those that nobody can read any more give way", async () => {
  const world = newWorld(1);
  world.shared.set("current", "0123456789abcdef").set("program:0123456789abcdef", bundle("one"));
  expect(hashes(await begin(world, "one"))).toEqual([ONE.hash, null]);
  expect(world.shared.get("current")).toBe(ONE.hash);
  expect(world.shared.has("program:0123456789abcdef")).toBe(true); // partitions still name it

  world.shared.set(`program:${ONE.hash}`, writeBundle(bundleOf([{ file: "rules.eddy", text: "rule gone {" }])));
  const after = await begin(world, "two");
  expect(hashes(after)).toEqual([TWO.hash, null]);
  expect(after.said.join()).toContain("do not compile");
  world.shared.delete(`program:${TWO.hash}`);
  expect((await begin(world, "one")).said.join()).toContain("are not in the store");
  expect(world.shared.get("current")).toBe(ONE.hash);
});

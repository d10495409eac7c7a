/** docs/guarantees.md names tests that exist, promises each of which is shown by one, warnings that are given, and links that lead somewhere. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const page = readFileSync(`${root}docs/guarantees.md`, "utf8");

const named = [...new Set([...page.matchAll(/`(test\/[\w/.-]+)`/g)].map(([, file = ""]) => file))];

test("every test that it names is there", () => {
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((file) => !existsSync(join(root, file)))).toEqual([]);
});

test("every promise is shown by a test", () => {
  const promises = [...page.matchAll(/^\| (P\d) \| (?=Every|State|The|What|Nothing|A log|Whatever)/gm)].map(([, name]) => name);
  expect(promises).toEqual(["P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8"]);
  const shown = page.slice(page.indexOf("| promise | simulation | real servers |"));
  for (const name of promises) expect(new RegExp(`^\\| ${name} \\|.*\`test/[\\w/.-]+\\.test\\.ts\``, "m").exec(shown), name).not.toBeNull();
});

test("every row of what breaks a promise names what shows it", () => {
  const [, table = ""] = page.split("| what happened | found | what follows | shown in |\n");
  const rows = (table.split("\n\n")[0] ?? "").split("\n").slice(1);
  expect(rows.length).toBeGreaterThan(15);
  expect(rows.filter((row) => !/(`test\/[\w/.-]+\.test\.ts`|the same|simulation)[^|]* \|$/.test(row))).toEqual([]);
});

/** Settings of which the page says that they are warned of, and the words of the warning. */
test.each([
  ["`storage`", "memory storage"], ["`retention`", "retention '"], ["`discard`", "discards its oldest"], ["nats-server | 2.10.5", "fixed in 2.10.5"],
  ["`EVENTS`: `max_age`", "removes events after"], ["`OUT_<p>`: `max_age`", "removes outputs after"], ["`max_msgs`, `max_bytes`", "takes nothing more"],
  ["`max_msgs_per_subject`", "messages of each subject"], ["`max_payload`", "(max_payload)"], ["`duplicate_window`", "recognises duplicates"], ["`num_replicas`", "in a cluster"],
  ["`appendonly`", "set appendonly yes"], ["`appendfsync`", "appendfsync no"], ["`maxmemory` |", "of its maxmemory"], ["`min-replicas-to-write`", "min-replicas-to-write 0"],
  ["Redis Cluster: replicas", "cluster without replicas"], ["clocks of machine and NATS", "the clock of NATS"], ["clock of Redis", "the clock of ${name}"],
])("the row of %s promises a warning, and there is one", (row, words) => {
  expect(page.split("\n").find((line) => line.startsWith("|") && line.includes(row) && line.includes("warning"))).toBeDefined();
  const sources = ["connectors/nats/weaknesses.ts", "connectors/redis/server-check.ts"].map((file) => readFileSync(join(root, file), "utf8")).join("\n");
  expect(sources).toContain(words);
});

const anchorOf = (heading: string): string => heading.toLowerCase().replace(/[^\w\s-]/g, "").trim().replace(/\s+/g, "-");

test("links lead somewhere", () => {
  for (const [, link = ""] of page.matchAll(/\]\(([^)\s]+)\)/g)) {
    const [file = "", anchor] = link.split("#");
    const target = file === "" ? `${root}docs/guarantees.md` : join(dirname(`${root}docs/guarantees.md`), file);
    expect(existsSync(target), link).toBe(true);
    if (anchor !== undefined) expect([...readFileSync(target, "utf8").matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => anchorOf(heading)), link).toContain(anchor);
  }
});

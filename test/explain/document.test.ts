/** docs/explain.md: what it shows is what is said, and it knows every field of the JSON. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { life, type Life } from "./life.js";

const path = fileURLToPath(new URL("../../docs/explain.md", import.meta.url));
const document = readFileSync(path, "utf8");
const blocks = (kind: string): string[] => [...document.matchAll(new RegExp(`\`\`\`${kind}\n([^]*?)\n\`\`\``, "g"))].map(([, text]) => text ?? "");

function lived(): Life {
  const of = life(blocks("eddy").join("\n"));
  of.event("2026-03-02 09:00", "cart_updated", { cart_id: "a" }, { id: "c-1" });
  of.event("2026-03-02 10:00", "order_placed", { total: 120 }, { id: "o-1" });
  of.event("2026-03-02 12:00", "profile_updated", { consent: { email: true } });
  of.event("2026-03-02 20:30", "cart_updated", { cart_id: "b" }, { id: "c-2" });
  of.event("2026-03-02 21:45", "session_started");
  return of;
}

test("shows what is said", () => {
  const of = lived();
  const said = [of.segment("vip").text, of.rule("recovery").text, of.other("spend").text, of.other("email").text];
  if (process.env["UPDATE_GOLDENS"] === "1") {
    const next = [...said];
    writeFileSync(path, document.replace(/```text\n[^]*?\n```/g, () => `\`\`\`text\n${next.shift() ?? ""}\n\`\`\``));
    return;
  }
  expect(blocks("text")).toEqual(said);
});

describe("knows every field of the JSON", () => {
  const folder = fileURLToPath(new URL("../goldens/explain/", import.meta.url));
  test.each(["segment", "rule", "rule that runs", "trait", "tier", "channel"])("of a %s", (kind) => {
    const names = new Set<string>();
    const text = kind === "rule that runs" ? lived().rule("recovery").json : readFileSync(`${folder}${kind}.json`, "utf8");
    JSON.parse(text, function (this: unknown, name: string, value: unknown) {
      if (!Array.isArray(this) && name !== "") names.add(name);
      return value;
    });
    const section = document.slice(document.indexOf("## As data"));
    expect([...names].filter((name) => !new RegExp(`\`${name}(?:\\[\\])?\``).test(section))).toEqual([]);
  });
});

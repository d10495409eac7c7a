/** The engine against the naive program: on the real orders, and on made-up histories in which instants collide. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { renderAll } from "../../dsl/diagnostics/render.js";
import { compile, type Compiled } from "../../engine/compile/compiled.js";
import { createReplay } from "../../engine/replay.js";
import { outcomeDifferences, outcomeWritten, duplicateIds } from "./canonical.js";
import { COLLISIONS_END, collidingEvents } from "./collisions.js";
import { RETAIL_EVENTS, RETAIL_RULES, parseEvents, retailEventsPresent } from "./events.js";
import { naive, naiveOf } from "./naive.js";

function retailProgram(): Compiled {
  const files = readdirSync(RETAIL_RULES).filter((name) => name.endsWith(".eddy"))
    .map((name) => ({ file: name, text: readFileSync(join(RETAIL_RULES, name), "utf8") }));
  const { program, diagnostics } = compileProgram(files);
  if (program === null) throw new Error(renderAll(diagnostics, new Map(files.map(({ file, text }) => [file, text]))));
  return compile(program);
}

function replayed(compiled: Compiled, lines: readonly string[], until: number) {
  const actions: string[] = [];
  const changes: string[] = [];
  const replay = createReplay(compiled, ({ subject, body }) => {
    if (subject.startsWith("actions.")) actions.push(body);
    else if (subject.startsWith("segments.")) changes.push(body);
    else throw new Error(body);
  });
  for (const line of lines) replay.line(line);
  replay.until(until);
  return {
    actions, changes,
    members: replay.members().map((member) => JSON.stringify(member)),
    traits: replay.traits().map(({ customer, values }) => JSON.stringify({ customer, ...values })),
  };
}

describe("replayed from a file", () => {
  for (const seed of [1, 2, 3]) {
    test(`instants that collide, seed ${seed}`, () => {
      const lines = collidingEvents(seed, 200);
      const got = replayed(retailProgram(), lines, COLLISIONS_END);
      expect(outcomeDifferences(naiveOf(parseEvents(lines.join("\n")), COLLISIONS_END), outcomeWritten(got))).toEqual([]);
      expect(duplicateIds([...got.actions, ...got.changes])).toEqual([]);
    });
  }

  for (const until of ["2011-12-10T00:00:00Z", "2012-06-01T00:00:00Z"]) {
    test.skipIf(!retailEventsPresent)(`the real orders, until ${until}${retailEventsPresent ? "" : " (skipped: the shared data is not here)"}`, () => {
      const lines = gunzipSync(readFileSync(RETAIL_EVENTS)).toString("utf8").trimEnd().split("\n");
      const got = replayed(retailProgram(), lines, Date.parse(until));
      expect(outcomeDifferences(naive(RETAIL_EVENTS, Date.parse(until)), outcomeWritten(got))).toEqual([]);
      expect(duplicateIds([...got.actions, ...got.changes])).toEqual([]);
    }, 60_000);
  }
});

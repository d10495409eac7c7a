/**
 * A program is edited ten times on the way, while events flow and whoever works is killed: what is known, who is in what and what was
 * said are at the end what each edit demands, worked out by a model that has nothing of the engine (naive-shop.ts). On the real orders
 * of a shop where they are there, and on made-up ones always.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, test, vi } from "vitest";
import { CHANGE_FIELD } from "../../engine/change/change.js";
import { PROGRESS_FIELD } from "../../engine/change/progress.js";
import { PROJECT } from "../cli/eddy.js";
import { appendTo, newWorld, type Accident, type Accidents, type World } from "../engine/simulated-ports.js";
import { randomOf } from "../retail/random.js";
import { expectAll, expectDemanded, madeUp, ordersIn, recordsOf, type Compared, type Happened, type Seen } from "./demanded.js";
import { change, editing, engines, firstOf, nextOf } from "./editing.js";
import { tenEdits, type Edit } from "./ten-edits.js";

vi.setConfig({ testTimeout: 90_000 });

const PARTITIONS = 3;
const REAL = join(PROJECT, "../shared/data/online-retail.ndjson.gz");

interface Shown extends Compared {
  readonly deaths: number;
}

async function show(orders: readonly Happened[], accidents: Accidents, random: () => number): Promise<Shown> {
  const edits = tenEdits();
  const world = newWorld(PARTITIONS);
  world.now = orders[0]?.time ?? 0;
  let program = firstOf(edits[0] as Edit);
  const e = editing(world, program, accidents, random);
  const share = Math.ceil(orders.length / edits.length);
  for (const [number, edit] of edits.entries()) {
    const now = recordsOf(orders.slice(number * share, (number + 1) * share));
    const half = Math.floor(now.length / 2);
    if (number > 0) {
      // Events flow while the change is under way.
      const next = await nextOf(program, edit, e.known);
      let over = false;
      const work = engines(e, () => over);
      const flows = (async () => {
        for (let at = 0; at < half; at += 20) {
          appendTo(world, now.slice(at, Math.min(half, at + 20)));
          for (let turns = 0; turns < 40; turns++) await new Promise((resolve) => setImmediate(resolve));
        }
      })();
      await Promise.race([change(e, program, next, `change ${number}`), work.then(() => Promise.reject(new Error("the engine has ended")))]);
      await flows;
      over = true;
      await work;
      program = next;
    } else appendTo(world, now.slice(0, half));
    appendTo(world, now.slice(half));
    await engines(e, () => true);
  }
  const { hash } = program.compiled.program;
  expect(world.stores.map(({ fields }) => fields.get("program"))).toEqual(world.stores.map(() => hash));
  expect(world.stores.map(({ fields }) => fields.get("joining"))).toEqual(world.stores.map(() => undefined));
  expect([...world.shared.keys()].filter((name) => name === CHANGE_FIELD || name === PROGRESS_FIELD)).toEqual([]);
  return { deaths: e.deaths, ...expectDemanded(seenIn(world), edits, program.compiled) };
}

const seenIn = ({ records, outputs, stores }: World): Seen => ({
  records, outputs: outputs.flat(), partitions: stores.map(({ fields, states, members }) => ({ fields: Object.fromEntries(fields), states, members })),
});

/** `one` in so many of what is asked goes wrong. */
function mishaps(random: () => number, one: number): Accidents {
  const kinds: readonly Accident[] = ["dies before", "dies after", "no answer"];
  return (what) => {
    if (random() * one >= 1) return "none";
    const accident = kinds[Math.floor(random() * kinds.length)] as Accident;
    return what === "commit" && accident === "no answer" ? "dies after" : accident;
  };
}

describe("a program edited ten times", () => {
  test("made-up orders, and nobody dies", async () => {
    const shown = await show(madeUp(randomOf(1), 600, 25), () => "none", randomOf(1));
    expect(shown.deaths).toBe(0);
    expectAll(shown);
  });

  test.each([4, 5])("made-up orders, seed %i, and whoever works is killed again and again", async (seed) => {
    const random = randomOf(seed);
    const shown = await show(madeUp(randomOf(seed), 600, 25), mishaps(random, 25), random);
    expect(shown.deaths).toBeGreaterThan(10);
    expectAll(shown);
  });

  test.skipIf(!existsSync(REAL))("the real orders of a shop (skipped where ../shared/data is not there)", async () => {
    const random = randomOf(7);
    const shown = await show(ordersIn(gunzipSync(readFileSync(REAL)).toString(), 13), mishaps(random, 40), random);
    expect(shown.deaths).toBeGreaterThan(10);
    expectAll(shown);
  });
});

/**
 * The rule library end to end: the tests that stand among the rules, turned into events on real NATS with the events' own
 * clock, one engine, real Redis. What each test expects must stand in the action streams, with its payload and in its step;
 * at the instant at which a test ends, its customers must be in Redis where the test says.
 *
 * All tests run in one stream, interleaved by time; each has customers of its own, so they do not disturb each other. Tests
 * about fifths of all customers, or about figures of all (which are read from Redis, too), run in streams of their own, since
 * there the others are what it is about. What holds messages back or suppresses them is not published; that and the values
 * of traits are left to `eddy test`.
 */
import { afterAll, afterEach, describe, expect, test } from "vitest";
import type { Experiment, Population, Program } from "../../dsl/program.js";
import { openSegmentReader } from "../../connectors/redis/reader.js";
import { compile } from "../../engine/compile/compiled.js";
import { TICK_TYPE, encodeToken, eventSubject, partition, tickSubject } from "../../engine/subjects.js";
import { NO_FIGURES, type Figures } from "../../engine/customer.js";
import type { ExperimentFigures } from "../../engine/experiments.js";
import { addUp, readSums, valueOf } from "../../engine/population/sums.js";
import type { NewRecord } from "../../engine/ports.js";
import { folderWith } from "../cli/eddy.js";
import { guardedLibrary } from "../rules/guarded.js";
import { scriptWriter, type Script, type ScriptEvent } from "../rules/script.js";
import { saidIn, verdictOn, type Said } from "../rules/verdict.js";
import { processAll } from "../retail/live.js";
import { startEngineProcess, type EngineProcess } from "./engine-process.js";
import { serversPlace, type Servers } from "./places.js";
import { settled, slowest, until } from "./progress.js";

const DAY = 86_400_000;
const library = guardedLibrary();
const { suite } = library;
const compiled = compile(library.program);
const texts = new Map(library.sources.map(({ file, text }) => [file, text]));
const write = scriptWriter(suite, texts);
const all = suite.tests.map((each, i) => write(each, `t${i}`));
const ranked = all.filter(isAboutFifths);
const counted = all.filter((script) => !ranked.includes(script) && script.steps.some(({ wanted }) => wanted.some(({ what }) => what.k === "figures")));
const others = all.filter((script) => !ranked.includes(script) && !counted.includes(script));
const folder = folderWith(Object.fromEntries(library.files.map(({ file, text }) => [`rules/${file}`, text])));
afterAll(() => folder.remove());

// ---------------------------------------------------------------------------------------------------- which tests

/** Whether what the test expects, or a rule that it runs, depends on where customers stand among all. */
function isAboutFifths({ test: { rules }, steps }: Script): boolean {
  const { program } = suite;
  const named = steps.flatMap(({ wanted }) => wanted.flatMap(({ what }) => (what.k === "member" ? [what.segment] : [])));
  return program.segments.some((segment) => named.includes(segment.name) && ranks(program, segment)) ||
    program.rules.some((rule) => rules.includes(rule.name) && ranks(program, rule));
}

function ranks(program: Program, part: unknown): boolean {
  if (typeof part !== "object" || part === null) return false;
  const node = part as { readonly k?: unknown; readonly index?: unknown; readonly segment?: unknown };
  if (node.k === "percentile") return true;
  if (node.k === "trait") return ranks(program, program.traits[Number(node.index)]?.value);
  if (node.k === "segment") return ranks(program, program.segments[Number(node.index)]);
  if (node.k === "enter" || node.k === "leave") return ranks(program, program.segments[Number(node.segment)]);
  return Object.values(part).some((inner) => ranks(program, inner));
}

// ---------------------------------------------------------------------------------------------------- publishing

const recordOf = ({ id, type, customer, time, data }: ScriptEvent): NewRecord => ({
  subject: eventSubject(type, customer),
  body: JSON.stringify({ specversion: "1.0", id, source: "test", type, subject: customer, time: new Date(time).toISOString(), data }),
});

let tickNumber = 0;
const tick = (p: number, instant: number): NewRecord => ({
  subject: tickSubject(p),
  body: JSON.stringify({ specversion: "1.0", id: `tick-${++tickNumber}`, source: "test", type: TICK_TYPE, subject: String(p), time: new Date(instant).toISOString() }),
});

const erased = (customer: string, instant: number): NewRecord =>
  recordOf({ instant, id: `gone-${customer}`, type: "customer_erased", customer, time: instant, data: {} });

interface Publisher {
  /** All of it is in the log, and the engine has committed what follows from it. */
  upTo(records: readonly NewRecord[], instant: number): Promise<void>;
}

function publisher(place: Servers): Publisher {
  return {
    async upTo(records, instant) {
      const ticks = Array.from({ length: place.partitions }, (_, p) => tick(p, instant));
      const last = (await place.ports.log.append([...records, ...ticks])).at(-1)?.sequence ?? 0;
      // Each partition's tick is its last record.
      await until("the engine has come up with the log", async () => (await slowest(place)) > last - place.partitions, 60_000, 2);
      // What is said of those who are erased next would be withdrawn while it waits.
      await until("all that was said is published", async () => (await Promise.all(Array.from({ length: place.partitions }, async (_, p) =>
        await place.ports.outputs.last(p) >= Number((await place.ports.store.meta(p)).meta["next"] ?? "1") - 1))).every((isOut) => isOut), 60_000, 2);
    },
  };
}

/** What the partitions' sums in Redis make of metrics and experiments, under the places that the tests' program has them in. */
async function figuresIn(place: Servers): Promise<Figures> {
  const { program } = suite;
  const sums = await Promise.all(Array.from({ length: place.partitions }, async (_, p) => readSums(compiled, (await place.ports.store.meta(p)).meta)));
  const arm = (experiment: number, variant: string): ExperimentFigures => {
    const { name, arms } = program.experiments[experiment] as Experiment;
    const at = compiled.program.experiments.findIndex((each) => each.name === name);
    const armAt = arms.findIndex((each) => each.name === variant);
    return addUp(sums.flatMap(({ experiments }) => experiments[at]?.[armAt] ?? []));
  };
  return {
    ...NO_FIGURES,
    population(index) {
      const { key, fn } = program.populations[index] as Population;
      const at = compiled.program.populations.findIndex((each) => each.key === key && each.fn === fn);
      return valueOf(fn, sums.flatMap(({ populations }) => populations[at] ?? []));
    },
    exposed: (experiment, variant) => arm(experiment, variant).exposed,
    value: (experiment, variant) => arm(experiment, variant).value,
  };
}

interface How {
  /** Every midnight is stopped at until its fifths are drawn. */
  readonly midnights: boolean;
  /** Every step is stopped at, and the figures are looked at. */
  readonly figures: boolean;
}

/** Customers are looked at in Redis when their test ends, and then go, so that no rule of every morning wakes them for years. */
async function play(place: Servers, scripts: readonly Script[], { midnights, figures }: How): Promise<string[]> {
  const wrong: string[] = [];
  const reader = await openSegmentReader({ url: place.redis.url });
  const { upTo } = publisher(place);
  const events = scripts.flatMap((script) => script.events).sort((a, b) => a.instant - b.instant);
  const ends = [...new Set(scripts.map(({ end }) => end))];
  const stops = [...new Set([...ends, ...(midnights ? midnightsWithin(scripts) : []), ...(figures ? scripts.flatMap(({ steps }) => steps.map(({ instant }) => instant)) : [])])].sort((a, b) => a - b);
  let next = 0;
  let gone: NewRecord[] = [];
  for (const stop of stops) {
    const records: NewRecord[] = gone;
    gone = [];
    for (; next < events.length && (events[next]?.instant ?? Infinity) <= stop; next++) {
      const event = events[next] as ScriptEvent;
      // An event that tells of earlier does not move the clock; everything else comes at its own time.
      if (event.time < event.instant) records.push(tick(partition(encodeToken(event.customer), place.partitions), event.instant));
      records.push(recordOf(event));
    }
    await upTo(records, stop);
    if (midnights && stop % DAY === 0) await adopted(place, stop / DAY);
    for (const script of figures ? scripts : []) {
      // Of several steps at one instant the last is the one that can be looked at.
      const step = script.steps.findLast(({ instant }) => instant === stop);
      const now = await figuresIn(place);
      for (const { line, what } of step?.wanted ?? []) {
        if (what.k === "figures" && !what.hold(now)) wrong.push(`${script.title}\n  line ${line}: by the sums in Redis this is not so: ${what.text}`);
      }
    }
    for (const script of scripts.filter(({ end }) => end === stop)) {
      for (const { customer, line, what } of script.steps.at(-1)?.wanted ?? []) {
        if (what.k !== "member" || (await reader.isMember(customer, what.segment)) === what.is) continue;
        wrong.push(`${script.title}\n  line ${line}: in Redis ${customer} is ${what.is ? "no" : "a"} member of ${what.segment}`);
      }
      gone.push(...script.customers.map((customer) => erased(customer, stop)));
    }
  }
  await reader.close();
  const info = await place.ports.log.info();
  await until("everything is published", () => settled(place, info.last - place.partitions));
  return wrong;
}

function midnightsWithin(scripts: readonly Script[]): number[] {
  const from = Math.min(...scripts.map(({ begin }) => begin));
  const to = Math.max(...scripts.map(({ end }) => end));
  const found: number[] = [];
  for (let midnight = Math.ceil(from / DAY) * DAY; midnight <= to; midnight += DAY) found.push(midnight);
  return found;
}

async function adopted(place: Servers, day: number): Promise<void> {
  await until(`the fifths of day ${day} are drawn`, async () => {
    const all = await Promise.all(Array.from({ length: place.partitions }, async (_, p) => (await place.ports.store.meta(p)).meta["tables"] ?? ""));
    return all.every((tables) => tables.startsWith(`${day} `) && tables.endsWith(" 1"));
  }, 60_000, 2);
}

async function outputsOf(place: Servers): Promise<Map<string, Said[]>> {
  const by = new Map<string, Said[]>();
  for (let p = 0; p < place.partitions; p++) {
    for (const { body } of await place.outputs(p)) {
      const said = saidIn(body);
      if (said === null) throw new Error(`a dead letter: ${body}`);
      by.set(said.customer, [...(by.get(said.customer) ?? []), said]);
    }
  }
  return by;
}

interface Played {
  readonly wrong: readonly string[];
  readonly actions: number;
  readonly silences: number;
  readonly memberships: number;
}

async function played(place: Servers, scripts: readonly Script[], how: How): Promise<Played> {
  const inRedis = await play(place, scripts, how);
  const said = await outputsOf(place);
  const verdicts = scripts.map((script) => verdictOn(script, script.customers.flatMap((customer) => said.get(customer) ?? [])));
  const sum = (of: (verdict: Played) => number): number => verdicts.reduce((total, verdict) => total + of(verdict), 0);
  return {
    wrong: [...verdicts.flatMap(({ wrong }) => wrong), ...inRedis],
    actions: sum(({ actions }) => actions), silences: sum(({ silences }) => silences), memberships: sum(({ memberships }) => memberships),
  };
}

let place: Servers | null = null;
let engine: EngineProcess | null = null;
afterEach(async () => {
  await engine?.kill();
  await place?.dispose();
  engine = place = null;
});

test("all tests whose customers stand for themselves, in one stream, by the program itself", async () => {
  const servers = (place = await serversPlace({ partitions: 4, clock: "event" }));
  const running = (engine = startEngineProcess({ rules: `${folder.path}/rules`, place: servers.flags, folder: folder.path }));
  await running.said("running");
  const { wrong, actions, silences, memberships } = await played(servers, others, { midnights: false, figures: false });
  expect(wrong.join("\n")).toBe("");
  const left = others.reduce((total, script) => total + script.left, 0);
  console.info(`${others.length} tests: ${actions} actions, ${silences} silences, ${memberships} memberships; ${left} expectations left to eddy test`);
  expect(actions).toBeGreaterThan(150);
  expect(silences).toBeGreaterThan(150);
  expect(memberships).toBeGreaterThan(150);
}, 300_000);

describe.each([
  ["for its fifths", ranked, { midnights: true, figures: false }],
  ["for its figures", counted, { midnights: false, figures: true }],
] as const)("alone, %s, by an engine in this process", (_why, scripts, how) => {
  test.each(scripts.map((script) => [script.title, script] as const))("%s", async (_title, script) => {
    const servers = (place = await serversPlace({ partitions: 2, clock: "event" }));
    let found: Played | null = null;
    const playing = played(servers, [script], how).then((outcome) => { found = outcome; });
    await Promise.all([playing, processAll(compiled, servers, 0, () => Promise.resolve(found !== null))]);
    expect(found).toMatchObject({ wrong: [] });
  });
});

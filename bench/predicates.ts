/**
 * Generated predicates against the same written by hand in TypeScript, and against other engines from npm, on the same
 * events. Every engine is asked about every event first, and all must answer alike; what is measured is counted up and
 * compared with what it must come to, so that no compiler can leave it out.
 *
 * Each predicate of each engine has a loop of its own, made anew: V8 learns about a loop from what runs in it, and one that
 * all shared would make all as slow as the slowest. "among others" is the other way round: one loop calls all predicates in
 * turn, which is how an engine with many rules calls them.
 *
 * tinybench, by the clock of the processor; per predicate the medians of several rounds in which the engines take turns.
 *
 *   node dist/bench/predicates.js [rounds=3] [ms=150]
 */
import { Bench } from "tinybench";
import { compileProgram } from "../dsl/compile.js";
import { compile } from "../engine/compile/compiled.js";
import { newContext, type Context, type Data } from "../engine/customer.js";
import { BAD } from "../engine/schema.js";
import { installComparison, otherEngine } from "./comparison.js";
import { cpuNow } from "./cpu.js";
import { plotBars } from "./plot.js";
import { CASES, ORDER_EVENT, orders, type Order, type PredicateCase } from "./predicate-cases.js";
import { median, printTable } from "./table.js";

/** Nanoseconds a predicate by engine; null: the engine is not there, or has no words for it. */
export interface PredicateRow {
  readonly predicate: string;
  readonly ns: Readonly<Record<string, number | null>>;
  /** By hand, divided by Eddy: 1 is as fast. */
  readonly ofByHand: number;
  /** The fastest other engine, divided by Eddy. */
  readonly timesFaster: number | null;
}

export interface Predicates {
  readonly engines: readonly string[];
  readonly rows: readonly PredicateRow[];
  readonly amongOthers: { readonly byHand: number; readonly eddy: number; readonly ofByHand: number };
  /** Geometric means over the predicates. */
  readonly ofByHand: number;
  readonly timesFaster: number | null;
}

const EVENTS = 4096;
const EDDY = "Eddy";
const BY_HAND = "by hand";

// ---------------------------------------------------------------------------------------------------- engines

/** Counts over `count` events from `from` on. */
type Run = (from: number, count: number) => number | Promise<number>;

interface Contender {
  readonly name: string;
  /** How many events a measured call looks at: enough for the clock, not too many for the slow ones. */
  readonly events: number;
  readonly isAsync: boolean;
  prepare(of: PredicateCase): Run | null;
}

let loops = 0;

/** One event as the loop has it. */
const EVENT = `events[i % ${EVENTS}]`;

/** A loop that V8 has not seen: the text differs, so that nothing that was learned about another is taken for this one. */
function ownLoop(given: Readonly<Record<string, unknown>>, test: string): Run {
  const text = `// ${loops++}
return (from, count) => { let n = 0; for (let i = from; i < from + count; i++) { if (${test}) n++; } return n; };`;
  return new Function(...Object.keys(given), text)(...Object.values(given)) as Run;
}

function generated(eddy: string): (x: Context) => boolean {
  const { program, diagnostics } = compileProgram([{ file: "bench.eddy", text: `${ORDER_EVENT}\nrule measured { on order where ${eddy}  emit "x" }\n` }]);
  if (program === null) throw new Error(`a predicate of the bench does not compile: ${diagnostics[0]?.message ?? ""}`);
  const where = compile(program).events.get("order")?.starts.choose({})[0]?.where ?? null;
  if (where === null) throw new Error("the bench's rule has no condition");
  return where;
}

interface Cel { parse(source: string): (context: object) => unknown }
interface JsonLogic { default: { apply(rule: object, data: object): unknown } }
interface Zen { default: { evaluateExpressionSync(source: string, context: object): unknown } }
interface JsonRules { default: { Engine: new (rules: object[], options: object) => { run(facts: object): Promise<{ events: unknown[] }> } } }

async function contenders(rows: readonly Data[], failure: string | null): Promise<readonly Contender[]> {
  const x = newContext();
  const own: Contender[] = [
    { name: BY_HAND, events: 16 * EVENTS, isAsync: false, prepare: (of) => ownLoop({ events: rows, test: of.byHand }, `test(${EVENT})`) },
    { name: EDDY, events: 16 * EVENTS, isAsync: false, prepare: (of) => ownLoop({ events: rows, test: generated(of.eddy), x }, `(x.row = ${EVENT}, test(x))`) },
  ];
  if (failure !== null) return own;
  const others: Contender[] = [];
  const cel = await otherEngine<Cel>("@marcbachmann/cel-js", "lib/index.js");
  if (cel !== null) {
    others.push({
      name: `CEL (@marcbachmann/cel-js ${cel.version})`, events: EVENTS, isAsync: false,
      prepare(of) {
        const inside = of.cel.includes("order.");
        return ownLoop({ events: inside ? rows.map((order) => ({ order })) : rows, test: cel.module.parse(of.cel) }, `test(${EVENT}) === true`);
      },
    });
  }
  const logic = await otherEngine<JsonLogic>("json-logic-js", "logic.js");
  if (logic !== null) {
    others.push({
      name: `json-logic-js ${logic.version}`, events: EVENTS / 2, isAsync: false,
      prepare: ({ jsonLogic }) => ownLoop({ events: rows, engine: logic.module.default, rule: jsonLogic }, `engine.apply(rule, ${EVENT}) === true`),
    });
  }
  const zen = await otherEngine<Zen>("@gorules/zen-engine", "index.js");
  if (zen !== null) {
    others.push({
      name: `@gorules/zen-engine ${zen.version}`, events: EVENTS / 16, isAsync: false,
      prepare: (of) => ownLoop({ events: rows, engine: zen.module.default, source: of.zen }, `engine.evaluateExpressionSync(source, ${EVENT}) === true`),
    });
  }
  const rules = await otherEngine<JsonRules>("json-rules-engine", "dist/index.js");
  if (rules !== null) {
    others.push({
      name: `json-rules-engine ${rules.version}`, events: EVENTS / 128, isAsync: true,
      prepare({ jsonRules }) {
        if (jsonRules === null) return null;
        const conditions = "all" in jsonRules || "any" in jsonRules ? jsonRules : { all: [jsonRules] };
        const engine = new rules.module.default.Engine([{ conditions, event: { type: "x" } }], { allowUndefinedFacts: true });
        return async (from, count) => {
          let n = 0;
          for (let i = from; i < from + count; i++) if ((await engine.run(rows[i % EVENTS] as object)).events.length > 0) n++;
          return n;
        };
      },
    });
  }
  return [...own, ...others];
}

// ---------------------------------------------------------------------------------------------------- measuring

/** How many of the events from `from` on match, told from what every event came to. */
function expectedOf(matches: readonly boolean[]): (from: number, count: number) => number {
  const sums = [0];
  for (const match of matches) sums.push((sums.at(-1) ?? 0) + (match ? 1 : 0));
  const all = sums.at(-1) ?? 0;
  const upTo = (n: number): number => Math.floor(n / EVENTS) * all + (sums[n % EVENTS] ?? 0);
  return (from, count) => upTo(from + count) - upTo(from);
}

async function checkAlike(of: PredicateCase, name: string, run: Run, rows: readonly Data[], isSlow: boolean): Promise<void> {
  for (let i = 0; i < EVENTS; i += isSlow ? 7 : 1) {
    const found = await run(i, 1);
    if ((found === 1) !== of.byHand(rows[i] as unknown as Order)) throw new Error(`${name} says otherwise of "${of.name}" than the hand-written predicate: ${JSON.stringify(rows[i])}`);
  }
}

/** Nanoseconds an event, by contender. */
async function measure(of: PredicateCase, all: readonly Contender[], rows: readonly Data[], ms: number): Promise<ReadonlyMap<string, number>> {
  const expected = expectedOf(rows.map((row) => of.byHand(row as unknown as Order)));
  const bench = new Bench({ time: ms, warmupTime: ms / 3, warmupIterations: 4, iterations: 8, now: cpuNow });
  const events = new Map<string, number>();
  const wrong: string[] = [];
  for (const contender of all) {
    const run = contender.prepare(of);
    if (run === null) continue;
    await checkAlike(of, contender.name, run, rows, contender.events < EVENTS);
    let from = 0;
    const check = (found: number): void => {
      if (found !== expected(from, contender.events)) wrong.push(contender.name);
      from = (from + contender.events) % EVENTS;
    };
    bench.add(contender.name, contender.isAsync ? async () => check(await run(from, contender.events)) : () => check(run(from, contender.events) as number), { async: contender.isAsync });
    events.set(contender.name, contender.events);
  }
  await bench.run();
  if (wrong.length > 0) throw new Error(`while it was measured, ${wrong[0] ?? ""} counted otherwise than before`);
  return new Map(bench.tasks.map((task) => {
    const { result } = task;
    if (result.state !== "completed") throw new Error(`${task.name}: ${result.state}`);
    return [task.name, (result.latency.p50 * 1e6) / (events.get(task.name) ?? 1)];
  }));
}

/** All predicates through one place that calls, for every event: nanoseconds a predicate. */
function measureAmongOthers(rows: readonly Data[], rounds: number): Predicates["amongOthers"] {
  const x = newContext();
  const byHand = CASES.map((of) => of.byHand);
  const tests = CASES.map(({ eddy }) => generated(eddy));
  const times: { byHand: number[]; eddy: number[] } = { byHand: [], eddy: [] };
  const count = { byHand: 0, eddy: 0 };
  for (let round = 0; round < 8 * rounds; round++) {
    let from = cpuNow();
    for (let again = 0; again < 8; again++) for (const row of rows) for (const test of byHand) if (test(row as unknown as Order)) count.byHand++;
    times.byHand.push(cpuNow() - from);
    from = cpuNow();
    for (let again = 0; again < 8; again++) {
      for (const row of rows) {
        x.row = row;
        for (const test of tests) if (test(x)) count.eddy++;
      }
    }
    times.eddy.push(cpuNow() - from);
  }
  if (count.byHand !== count.eddy) throw new Error("among others, the generated predicates say otherwise than those written by hand");
  const calls = 8 * rows.length * CASES.length;
  const [hand, eddy] = [times.byHand, times.eddy].map((list) => (median(list.slice(list.length >> 2)) * 1e6) / calls) as [number, number];
  return { byHand: hand, eddy, ofByHand: hand / eddy };
}

const geometricMean = (values: readonly number[]): number => Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

export async function predicates(rounds: number, ms: number): Promise<Predicates> {
  const failure = installComparison();
  if (failure !== null) console.log(`the other engines could not be installed, so they are not measured:\n${failure}`);
  const { program } = compileProgram([{ file: "bench.eddy", text: `${ORDER_EVENT}\nrule measured { on order  emit "x" }\n` }]);
  if (program === null) throw new Error("the bench's event does not compile");
  const check = compile(program).events.get("order")?.check;
  const rows = orders(EVENTS).map((text) => check?.(JSON.parse(text))).filter((row): row is Data => row !== undefined && row !== BAD);
  if (rows.length !== EVENTS) throw new Error("the bench's events do not fit");
  const all = await contenders(rows, failure);
  const taken = CASES.map(() => [] as ReadonlyMap<string, number>[]);
  for (let round = 0; round < rounds; round++) {
    for (const [i, of] of CASES.entries()) taken[i]?.push(await measure(of, round % 2 === 0 ? all : [...all].reverse(), rows, ms));
  }
  const figures = CASES.map((of, i): PredicateRow => {
    const maps = taken[i] ?? [];
    const ratio = (one: string, other: string): number => median(maps.map((map) => (map.get(one) ?? NaN) / (map.get(other) ?? NaN)));
    const ns = Object.fromEntries(all.map(({ name }) => [name, maps[0]?.has(name) === true ? median(maps.map((map) => map.get(name) ?? NaN)) : null]));
    const others = all.slice(2).map(({ name }) => name).filter((name) => ns[name] !== null);
    return { predicate: of.name, ns, ofByHand: ratio(BY_HAND, EDDY), timesFaster: others.length === 0 ? null : Math.min(...others.map((name) => ratio(name, EDDY))) };
  });
  const amongOthers = measureAmongOthers(rows, rounds);
  const result: Predicates = {
    engines: all.map(({ name }) => name), rows: figures, amongOthers,
    ofByHand: geometricMean(figures.map((row) => row.ofByHand)),
    timesFaster: all.length === 2 ? null : geometricMean(figures.map((row) => row.timesFaster ?? NaN)),
  };
  printTable(
    `predicates, ns of CPU each; ${EVENTS.toLocaleString("en")} events of changing shapes, medians of ${rounds} rounds`,
    ["predicate", ...result.engines.map((name) => name.replace(/^CEL \((.*)\)$/, "$1")), "by hand / Eddy", "fastest other / Eddy"],
    [
      ...figures.map((row) => [row.predicate, ...result.engines.map((name) => row.ns[name] ?? null), row.ofByHand, row.timesFaster]),
      ["all (geometric mean)", ...result.engines.map((name) => (figures.every((row) => row.ns[name] !== null) ? geometricMean(figures.map((row) => row.ns[name] ?? NaN)) : null)), result.ofByHand, result.timesFaster],
    ],
  );
  console.log(`among others, through one place that calls all nine: by hand ${amongOthers.byHand.toFixed(2)} ns, Eddy ${amongOthers.eddy.toFixed(2)} ns, ratio ${amongOthers.ofByHand.toFixed(2)}`);
  return result;
}

/** docs/performance/predicates.svg */
export function plotPredicates({ engines, rows }: Predicates): void {
  plotBars({
    file: "predicates.svg", title: "One predicate: time on the processor", unit: "ns, logarithmic", logarithmic: true,
    bars: engines.map((name) => {
      const known = rows.map((row) => row.ns[name]).filter((value): value is number => typeof value === "number");
      return { label: name, value: geometricMean(known), least: Math.min(...known), most: Math.max(...known), ours: name === EDDY };
    }),
    note: "Bars: geometric mean over nine predicates; lines: from the cheapest to the dearest of them.",
  });
}

if (process.argv[1] === import.meta.filename) {
  await predicates(Number(process.argv[2] ?? 3), Number(process.argv[3] ?? 150));
}

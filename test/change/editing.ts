/**
 * Brings a program and its edits into force one after the other, on simulated ports, while events flow and whoever works is killed again
 * and again: the engine, who applies, who fills. And what came of it, customer by customer.
 */
import { compileProgram } from "../../dsl/compile.js";
import { carryThrough, type ApplyEnd } from "../../engine/change/apply.js";
import { bundleOf, currentProgram, writeBundle, type Bundle } from "../../engine/change/bundle.js";
import { beginChange, changeUnderWay, type Change } from "../../engine/change/change.js";
import { compare } from "../../engine/change/compare.js";
import { FILL_SIZES, startFill, type Filler } from "../../engine/change/fill.js";
import { withFinishing } from "../../engine/change/finishing.js";
import { PROGRESS_FIELD } from "../../engine/change/progress.js";
import { sideOf } from "../../engine/change/side.js";
import { compile, type Compiled } from "../../engine/compile/compiled.js";
import { startEngine, type Ports } from "../../engine/engine.js";
import { SIZES } from "../../engine/sizes.js";
import { engineStats } from "../../engine/stats.js";
import { Died, newWorld, opened, quiet, simulatedEnvironment, type Accidents, type World } from "../engine/simulated-ports.js";
import type { Edit } from "./ten-edits.js";

/** A program in force: with what is finished in it. */
export interface Program {
  readonly bundle: Bundle;
  readonly compiled: Compiled;
}

export function firstOf({ text }: Pick<Edit, "text">): Program {
  const files = [{ file: "shop.eddy", text }];
  const { program, diagnostics } = compileProgram(files);
  if (program === null) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return { bundle: bundleOf(files), compiled: compile(program) };
}

export async function nextOf({ bundle, compiled: { program: { hash } } }: Program, { text, finish }: Pick<Edit, "text" | "finish">, known: ReadonlyMap<string, Program>, standsIn: (rule: string) => boolean = () => true): Promise<Program> {
  const next = await withFinishing({
    files: [{ file: "shop.eddy", text }], before: { hash, bundle }, finish: new Set(finish), stop: new Set(), standsIn,
    load: (of) => Promise.resolve(known.get(of)?.bundle ?? null),
  });
  if (next.compiled.program === null) throw new Error(next.compiled.diagnostics.map(({ message }) => message).join("\n"));
  return { bundle: next.bundle, compiled: compile(next.compiled.program) };
}

export interface Editing {
  readonly world: World;
  readonly known: Map<string, Program>;
  readonly accidents: Accidents;
  readonly random: () => number;
  /** What is filled from history. */
  readonly scope: World;
  deaths: number;
}

export function editing(world: World, first: Program, accidents: Accidents, random: () => number): Editing {
  const { hash } = first.compiled.program;
  world.shared.set("current", hash);
  world.shared.set(`program:${hash}`, writeBundle(first.bundle));
  return { world, accidents, random, known: new Map([[hash, first]]), scope: { ...newWorld(world.partitions, [], world.clock), records: world.records }, deaths: 0 };
}

const NEVER: Accidents = () => "none";
const PAGE = 50;

/** Ports that do not disturb who is at work. */
function besides(world: World, accidents: Accidents): Ports {
  const { members } = world;
  const ports = opened(world, accidents, () => PAGE);
  world.members = members;
  return ports;
}

let names = 0;

function environmentOf(world: World): ReturnType<typeof simulatedEnvironment> {
  const name = `process ${++names}`;
  let tokens = 0;
  return { ...simulatedEnvironment(world), token: () => `${name}.${++tokens}` };
}

function dropPartition({ scope }: Editing, partition: number): void {
  scope.stores[partition] = newWorld(1).stores[0] as World["stores"][number];
}

/** Engines follow each other until `isOver`, and nothing is left to do. */
export async function engines(e: Editing, isOver: () => boolean): Promise<void> {
  const { world, known } = e;
  for (;;) {
    const own = opened(world, e.accidents, () => PAGE);
    const ports: Ports = {
      ...own, filled: opened(e.scope, NEVER, () => PAGE).store, dropFilled: (partition) => Promise.resolve(dropPartition(e, partition)),
    };
    const programs = {
      compiled: (hash: string) => Promise.resolve(known.get(hash)?.compiled ?? null), change: () => changeUnderWay(own.store), current: () => currentProgram(own.store),
    };
    const stats = engineStats();
    const [first] = known.values();
    const engine = startEngine((first as Program).compiled, ports, { cacheCustomers: 500, limits: { maxOutbox: 1000, keepPublished: 1000 }, sizes: { ...SIZES, sweepPage: PAGE }, programs }, environmentOf(world), stats);
    let failure: Error | null = null;
    engine.ended.catch((error: Error) => { failure = error; });
    while (!isOver() && failure === null) await quiet(world, () => failure !== null || isOver(), 20);
    await quiet(world, () => failure !== null, 60);
    if (failure === null) await engine.stop().catch((error: Error) => { failure = error; });
    const stopped = [...stats.partitions.values()].find((partition) => partition.stopped !== null);
    if (stopped !== undefined) throw new Error(stopped.stopped ?? "");
    if (failure === null && isOver()) return;
    if (failure !== null && !((failure as Error) instanceof Died)) throw failure as Error;
    e.deaths++;
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The change is carried through by one process after the other. */
export async function change(e: Editing, from: Program, to: Program, id: string): Promise<void> {
  const { world, known } = e;
  known.set(to.compiled.program.hash, to);
  const fill = compare(sideOf(from.compiled), to.compiled).fill;
  const wanted: Change = { id, program: to.compiled.program.hash, from: from.compiled.program.hash, fill, phase: "filling", since: world.now };
  for (;;) {
    try {
      if (await applied(e, wanted, to) === "done") return;
    } catch (error) {
      if (!(error instanceof Died)) throw error;
      e.deaths++;
    }
  }
}

async function applied(e: Editing, wanted: Change, to: Program): Promise<ApplyEnd> {
  const { world, scope, accidents } = e;
  const { store, log } = besides(world, accidents);
  const now = await changeUnderWay(store);
  if (now === null && await currentProgram(store) === wanted.program) return "done";
  if (now === null && !await beginChange(store, wanted, writeBundle(to.bundle))) throw new Error("another program is in force");
  let seconds = 0;
  let fillers: Promise<void> = Promise.resolve();
  let [filler, closing]: [Filler | null, boolean] = [null, false];
  const fillAgain = async (change: Change): Promise<void> => {
    while (!closing) {
      const ports = opened(scope, accidents, () => PAGE);
      filler = startFill({
        change, compiled: to.compiled, log: ports.log, history: null, scope: ports.store, main: besides(world, NEVER).store, isUnderWay: () => Promise.resolve(true), rate: () => Infinity, cacheCustomers: 500,
        empty() {
          scope.stores.forEach((_, partition) => dropPartition(e, partition));
          scope.shared.clear();
          return Promise.resolve();
        },
        environment: environmentOf(scope), sizes: { ...FILL_SIZES, batch: 64, commitCustomers: 30 },
      });
      const failure = await filler.filled.then(() => null, (error: Error) => error);
      if (failure === null) return;
      if (!(failure instanceof Died) && !closing) throw failure;
      e.deaths++;
    }
  };
  return await carryThrough({
    store, log, partitions: world.partitions, environment: { ...environmentOf(world), seconds: () => (seconds += 0.1) }, signal: new AbortController().signal,
    fill(change) {
      fillers = fillAgain(change);
      let failed: Error | null = null;
      fillers.catch((error: Error) => { failed = error; });
      return Promise.resolve({
        async near() {
          while (filler?.isNear() !== true) {
            if (failed !== null) throw failed as Error;
            await turn();
          }
        },
        filled: () => fillers,
        stands: () => filler?.stands() ?? Promise.resolve(true),
        async close() {
          closing = true;
          await filler?.stop();
          await fillers;
        },
      });
    },
    async clear() {
      scope.stores.forEach((_, partition) => dropPartition(e, partition));
      scope.shared.clear();
      await store.share({}, { [PROGRESS_FIELD]: "" });
    },
    isEngineAtWork: () => Promise.resolve(true), told: () => undefined,
  }, now ?? wanted);
}

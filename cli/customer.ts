/** A customer as the store has them, for the commands that tell about one. */
import { compileProgram } from "../dsl/compile.js";
import { currentProgram, sourcesOf, storedBundle } from "../engine/change/bundle.js";
import { compileBundle, storedBundles } from "../engine/change/finishing.js";
import { compile, type Compiled } from "../engine/compile/compiled.js";
import { NO_FIGURES, isKept, type Customer, type Figures } from "../engine/customer.js";
import { isOfOthers, reignOf, type Reign } from "../engine/explain/published.js";
import { MAX_HOPS } from "../engine/merge/joining.js";
import { readMeta } from "../engine/meta.js";
import { createPopulation, figuresOf } from "../engine/population/population.js";
import type { ClockKind, MetaFields } from "../engine/ports.js";
import { planLayouts } from "../engine/recovery.js";
import { readCustomer } from "../engine/state.js";
import { encodeToken, partition } from "../engine/subjects.js";
import type { Program } from "../dsl/program.js";
import type { Configuration } from "./config.js";
import type { Io } from "./io.js";
import { say } from "./io.js";
import { openPorts, type OpenedPorts } from "./open.js";
import { findPlace } from "./place.js";
import { needProgram } from "./program.js";
import { visible } from "./visible.js";

export interface FoundCustomer {
  readonly customer: Customer;
  readonly compiled: Compiled;
  readonly figures: Figures;
  readonly ports: OpenedPorts;
  readonly partition: number;
  readonly clock: ClockKind;
  /** How far the partition's clock has come. */
  readonly reached: number;
  readonly reign: Reign;
  /** Written under other rules: who runs these has not come to the customer yet. */
  readonly isOfOldRules: boolean;
  /** The present on the customer's clock. */
  readonly now: number;
  /** Last part of the subjects of the customer's records. */
  readonly token: string;
}

interface Stored {
  readonly customer: Customer;
  readonly bytes: Uint8Array;
  readonly token: string;
  readonly index: number;
  readonly fields: MetaFields;
}

/** Whoever was joined into another is looked for there. Null: nothing is known. */
async function storedOf(ports: OpenedPorts, compiled: Compiled, asked: string, joined: (from: string, to: string) => void): Promise<Stored | null> {
  for (let id = asked, hops = 0; hops <= MAX_HOPS; hops++) {
    const token = encodeToken(id);
    const index = partition(token, ports.partitions);
    const fields = (await ports.store.meta(index)).meta;
    const [bytes = null] = await ports.store.load(index, [id]);
    const customer = bytes === null ? null : readCustomer(id, bytes, planLayouts(readMeta(fields), compiled).translations, compiled);
    if (bytes === null || customer === null || !isKept(customer)) return null;
    if (customer.movedTo === null) return { customer, bytes, token, index, fields };
    joined(id, customer.movedTo);
    id = customer.movedTo;
  }
  return null;
}

/**
 * The rules by which a customer is told about: those that somebody names, else those in force, whatever lies in the folder, else the folder's. With
 * them come the rules of before whose runs are being finished, which nobody has in a folder any more. Null: they have errors, which are shown.
 * `check` sees rules that are named before anything is opened.
 */
export async function rulesAbout(io: Io, configuration: Configuration, check: (named: Program) => void = () => undefined): Promise<Program | null> {
  const named = configuration.origin("rules") === null ? null : await needProgram(configuration, io, true);
  if (named === null && configuration.origin("rules") !== null) return null;
  if (named !== null) check(named);
  const { store, close } = await openPorts(findPlace(configuration, io, "both"), { now: io.now });
  try {
    const hash = await currentProgram(store);
    const bundle = hash === null || hash === named?.hash ? null : await storedBundle(store, hash);
    const inForce = async (): Promise<Program | null> => (bundle === null ? null : (await compileBundle(bundle, storedBundles(store))).program);
    if (named === null) return (await inForce()) ?? (await needProgram(configuration, io, true));
    if (bundle === null || bundle.finishing.length === 0 || compileProgram(sourcesOf(bundle)).program?.hash !== named.hash) return named;
    return (await inForce()) ?? named;
  } finally {
    await close();
  }
}

/** Opens log and store, and closes them when `use` is done. Null, and a word to the person, where nobody is known by this id. */
export async function withCustomer<T>(io: Io, configuration: Configuration, program: Program, id: string, use: (found: FoundCustomer) => Promise<T>): Promise<T | null> {
  const compiled = compile(program);
  const ports = await openPorts(findPlace(configuration, io, "both"), { now: io.now });
  try {
    const { clock } = await ports.log.info();
    const stored = await storedOf(ports, compiled, id, (from, to) => say(io, `"${visible(from)}" was joined into "${visible(to)}", of whom this is`));
    if (stored === null) {
      say(io, `nothing is known about a customer "${visible(id)}" in ${ports.where}`);
      return null;
    }
    const { customer, bytes, token, index, fields } = stored;
    const meta = readMeta(fields);
    const population = createPopulation(compiled, { partition: index, partitions: ports.partitions, inMemory: false, clock: meta.clock }, fields);
    return await use({
      customer, compiled, ports, partition: index, clock, token, reached: meta.clock, reign: reignOf(meta, program.hash),
      isOfOldRules: isOfOthers(meta, bytes, compiled),
      figures: population === null ? NO_FIGURES : figuresOf(population),
      now: clock === "event" ? meta.clock : Math.max(meta.clock, io.now()),
    });
  } finally {
    await ports.close();
  }
}

/** One customer's story under a program: what happens to them, event by event and instant by instant, and what comes of it. */
import { compileProgram } from "../../dsl/compile.js";
import { renderAll } from "../../dsl/diagnostics/render.js";
import { writer } from "../../engine/codec.js";
import { compile, type Compiled } from "../../engine/compile/compiled.js";
import { newCustomer, type Customer } from "../../engine/customer.js";
import { isKnown } from "../../engine/erasure.js";
import { evaluator, processEvent, processWake, zoneOfProfile, type Sink } from "../../engine/evaluate.js";
import { BAD, lastFault } from "../../engine/schema.js";
import { layoutOf, unpackCustomer, translation, writeCustomer } from "../../engine/state.js";

export type Told =
  | { readonly k: "action"; readonly at: number; readonly what: string; readonly payload: unknown }
  | { readonly k: "enter" | "leave"; readonly at: number; readonly segment: string }
  | { readonly k: "held" | "suppressed"; readonly at: number; readonly what: string; readonly reason?: string }
  | { readonly k: "reading" | "contribution"; readonly index: number; readonly before: number | null; readonly after: number | null }
  | { readonly k: "experiment"; readonly arm: number; readonly exposed: number; readonly reached: number; readonly value: number }
  | { readonly k: "started"; readonly rule: string }
  | { readonly k: "cut" | "erased" };

export function compiled(text: string): Compiled {
  const { program, diagnostics } = compileProgram([{ file: "story.eddy", text }]);
  if (program === null) throw new Error(renderAll(diagnostics, new Map([["story.eddy", text]])));
  return compile(program);
}

export interface Story {
  /** As they stand now. */
  readonly customer: Customer;
  readonly told: Told[];
  /** All that is due until then happens, each at its own instant. */
  until(at: number): void;
  /** `time`: the event's own, where it is late. */
  event(name: string, data: object, at: number, time?: number): void;
  /** The customer goes to the store and comes back. */
  stored(): void;
  /** What was told since the last time it was asked. */
  news(): Told[];
}

/** Of a customer that the program knows nothing about, or one that is given. */
export function story(of: Compiled, given?: Customer, variants: ReadonlyMap<number, string> | null = null): Story {
  const told: Told[] = [];
  const sink: Sink = {
    action: ({ at, channel, template, payload }) => void told.push({ k: "action", at, what: channel === null ? template : `${channel} ${template}`, payload: payload ?? null }),
    change: ({ at, segment, entered }) => void told.push({ k: entered ? "enter" : "leave", at, segment: of.segments[segment]?.name ?? "" }),
    held: ({ at, channel, template }) => void told.push({ k: "held", at, what: `${channel} ${template}` }),
    suppressed: ({ at, channel, template, reason }) => void told.push({ k: "suppressed", at, what: `${channel} ${template}`, reason }),
    started: (rule) => void told.push({ k: "started", rule }),
    crowdedOut: () => undefined,
    chainCut: () => void told.push({ k: "cut" }),
    erased: () => void told.push({ k: "erased" }),
    reading: (index, before, after) => void told.push({ k: "reading", index, before, after }),
    contribution: (index, before, after) => void told.push({ k: "contribution", index, before, after }),
    experiment: (_, arm, difference) => void told.push({ k: "experiment", arm, ...difference }),
  };
  const e = evaluator(of, sink);
  e.x.fixedVariants = variants;
  let customer = given ?? newCustomer("c1", zoneOfProfile(of, {}));
  let sequence = 0;
  let asked = 0;
  const until = (at: number): void => {
    for (let wakes = 0; customer.wake <= at; wakes++) {
      if (wakes > 100_000) throw new Error(`no end of wakes at ${new Date(customer.wake).toISOString()}`);
      processWake(e, customer, customer.wake);
    }
  };
  return {
    told, until,
    get customer() { return customer; },
    stored() {
      if (!isKnown(customer)) return; // nothing is kept of them
      const w = writer(64);
      writeCustomer(w, customer, 1, of);
      customer = unpackCustomer(customer.id, w.bytes, 0, w.at, new Map([[1, translation(layoutOf(of), of)]]), of);
    },
    event(name, data, at, time = at) {
      until(at);
      const plan = [...of.events.values()].find((each) => each.name === name);
      const check = plan?.isProfileUpdate === true ? of.profilePatch : plan?.check;
      const checked = check?.(JSON.parse(JSON.stringify(data)));
      if (plan === undefined || checked === undefined || checked === BAD) throw new Error(`${name}: ${lastFault()}`);
      processEvent(e, customer, { plan, data: checked, time, id: String(++sequence), source: "story" }, at);
    },
    news() {
      const since = told.slice(asked);
      asked = told.length;
      return since;
    },
  };
}

/** Random rules on random histories: what the engine does and what the naive model does is the same, action for action. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { compile, type Compiled } from "../../engine/compile/compiled.js";
import { writer } from "../../engine/codec.js";
import { newCustomer, type Customer, type Data } from "../../engine/customer.js";
import { SILENT, evaluator, processEvent, processWake, zoneOfProfile, type Hold, type Sink } from "../../engine/evaluate.js";
import { layoutOf, unpackCustomer, translation, writeCustomer } from "../../engine/state.js";
import { naiveRuns } from "./naive-runs.js";
import { lives, programText, type Happening, type Life } from "./random-rules.js";

function compiledOf(text: string): Compiled {
  const { program, diagnostics } = compileProgram([{ file: "random.eddy", text }]);
  if (program === null) throw new Error(`${diagnostics.map(({ code, message }) => `${code} ${message}`).join("\n")}\n${text}`);
  return compile(program);
}

/** What the engine is made to go through between one thing and the next. */
interface Hardships {
  /** The customer is written and read again after each event and instant. */
  readonly isStored: boolean;
  /** Parts of the time to the next wake at which the customer is woken for nothing. */
  readonly idly: readonly number[];
}

function engineRuns({ history, end }: Life, compiled: Compiled, { isStored, idly }: Hardships): string[] {
  const said: string[] = [];
  let wakes = 0;
  const payloads = new Map<string, string>();
  const noted = (what: string, hold: Hold): void => void said.push(`${hold.at} ${what} ${hold.rule} ${hold.channel} ${hold.template} ${payloads.get(hold.rule) ?? ""}`);
  const ids = new Set<string>();
  const sink: Sink = {
    ...SILENT,
    action({ at, rule, channel, template, payload, id }) {
      expect(ids.has(id)).toBe(false);
      ids.add(id);
      said.push(`${at} ${rule} ${channel === null ? "" : `${channel} `}${template} ${JSON.stringify(payload)}`);
    },
    held: (hold) => noted("held", hold),
    suppressed: (suppression) => noted(suppression.reason, suppression),
  };
  const e = evaluator(compiled, sink);
  const layouts = new Map([[1, translation(layoutOf(compiled), compiled)]]);
  let customer: Customer = newCustomer("c", zoneOfProfile(compiled, {}));
  const store = (): void => {
    if (!isStored) return;
    const w = writer(64);
    writeCustomer(w, customer, 1, compiled);
    customer = unpackCustomer("c", w.bytes, 0, w.at, layouts, compiled);
  };
  const wakeUp = (to: number): void => {
    let now = -Infinity;
    for (let i = 0; customer.wake <= to; i++) {
      if (++wakes > 20_000) throw new Error("woken without end");
      if (customer.wake < now) throw new Error("woken in the past");
      const idle = idly.length === 0 || now === -Infinity ? 1 : (idly[i % idly.length] as number);
      now = idle < 1 ? Math.max(now + 1, Math.floor(now + (customer.wake - now) * idle)) : customer.wake;
      customer.wake = Math.min(customer.wake, now);
      processWake(e, customer, now);
      store();
    }
  };
  history.forEach((happening, i) => {
    wakeUp(happening.at);
    const plan = compiled.events.get(happening.event);
    if (plan === undefined) throw new Error(happening.event);
    processEvent(e, customer, { plan, data: dataOf(happening), time: happening.at, id: String(i), source: "test" }, happening.at);
    store();
  });
  wakeUp(end);
  return said;
}

function dataOf({ event, key, n, flag, zone, day }: Happening): Data {
  if (event !== "profile_updated") return { key, n };
  return { ...(flag === undefined ? {} : { flag }), ...(zone === undefined ? {} : { timezone: zone }), ...(day === undefined ? {} : { day }) };
}

/** What is held and suppressed is told without its payload. */
const withoutPayloads = (line: string): string => (/ (held|cap|ended) /.test(line) ? line.replace(/ \{.*$/, " ") : line);

const differs = (life: Life, hardships: Hardships): void => {
  const text = programText(life.rules);
  const compiled = compiledOf(text);
  expect(engineRuns(life, compiled, hardships)).toEqual(naiveRuns(life).map(withoutPayloads));
};

/** Making a counterexample small may take minutes: what was found by then is told. */
const UNHURRIED = { interruptAfterTimeLimit: 15_000 };

describe("runs", () => {
  test("a customer has 32 of a rule at most; whoever had to go is counted", () => {
    const compiled = compiledOf("event a { n: number }\nrule r { on a  per event.n  wait 1 day  emit \"r\" }\nrule s { on a  wait 1 day  emit \"s\" }");
    const gone: string[] = [];
    const e = evaluator(compiled, { ...SILENT, crowdedOut: (rule) => gone.push(rule) });
    const customer = newCustomer("c", zoneOfProfile(compiled, {}));
    const plan = compiled.events.get("a");
    if (plan === undefined) throw new Error("no event a");
    for (let n = 0; n < 40; n++) processEvent(e, customer, { plan, data: { n }, time: n, id: String(n), source: "test" }, n);
    expect(gone).toEqual(Array.from({ length: 8 }, () => "r"));
    expect(customer.runs.filter(({ rule }) => compiled.rules[rule]?.name === "r").map(({ key }) => key)).toEqual(Array.from({ length: 32 }, (_, i) => i + 8));
    expect(customer.runs).toHaveLength(33);
  });

  test("as the naive model has them", () => {
    fc.assert(fc.property(lives, (life) => differs(life, { isStored: false, idly: [] })), { numRuns: 120, seed: 1, ...UNHURRIED });
  });

  test("… also when the customer is stored and read in between, and woken for nothing", () => {
    const idly = fc.array(fc.constantFrom(0.1, 0.5, 0.999, 1), { minLength: 1, maxLength: 4 }).map((list) => [...list, 1]);
    fc.assert(fc.property(lives, idly, (life, parts) => differs(life, { isStored: true, idly: parts })), { numRuns: 60, seed: 2, ...UNHURRIED });
  });
});

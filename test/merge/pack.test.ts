/** A customer's state on its way through the log: what arrives is what a store would give back, whichever rules wrote it. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { compile, type Compiled } from "../../engine/compile/compiled.js";
import { writer } from "../../engine/codec.js";
import { newCustomer, type Customer } from "../../engine/customer.js";
import { packState, unpackState } from "../../engine/merge/pack.js";
import { layoutOf, readCustomer, translation, writeCustomer } from "../../engine/state.js";
import { UTC } from "../../engine/zone.js";
import { customerIn, situations } from "../engine/customers.js";
import { EVERYTHING, program } from "../engine/everything.js";

function compiledOf(text: string): Compiled {
  const { program: checked, diagnostics } = compileProgram([{ file: "pack.eddy", text }]);
  if (checked === null) throw new Error(diagnostics.map(({ code, message }) => `${code} ${message}`).join("\n"));
  return compile(checked);
}

const everything = compile(program);

/** As a store would give the customer back to other rules. */
function stored(from: Compiled, to: Compiled, customer: Customer): Customer {
  const w = writer(64);
  writeCustomer(w, customer, 1, from);
  return readCustomer(customer.id, w.bytes.subarray(0, w.at), new Map([[1, translation(layoutOf(from), to)]]), to);
}

/** What customers add to figures of all stays where it is: it was taken out there. */
const withoutFigures = (customer: Customer): unknown =>
  ({ ...customer, extras: customer.extras === null ? null : { ...customer.extras, readings: [], contributions: [] } });

test("arrives as it is under the same rules, and under others as from a store", () => {
  const edited = compiledOf(`segment first_of_all when x01 >= 1\n${EVERYTHING}\nevent late_one { n: number }\ntrait late_ones = count(late_one)\n`);
  const reordered = compiledOf(EVERYTHING.split("\n").filter((line) => !line.startsWith("trait x1")).join("\n"));
  fc.assert(fc.property(situations, (situation) => {
    const customer = customerIn(situation);
    const packed = JSON.parse(JSON.stringify(packState(everything, customer))) as ReturnType<typeof packState>;
    for (const rules of [everything, edited, reordered]) {
      expect(withoutFigures(unpackState(rules, customer.id, packed))).toEqual(withoutFigures(stored(everything, rules, customer)));
    }
  }), { numRuns: 20, seed: 4 });
});

test("takes no more of a large program than it refers to", () => {
  const many = compiledOf(`event bought { total: number }\n${Array.from({ length: 1000 }, (_, i) =>
    `segment s${i} when sum(bought.total) over ${i + 1} hours > ${i}\nrule r${i} { on enter s${i}  wait 1 hour  emit "e${i}" }`).join("\n")}`);
  const customer = { ...newCustomer("c", UTC), firstSeen: 5, base: 5, segments: [17, 999] };
  const text = JSON.stringify(packState(many, customer));
  expect(text.length).toBeLessThan(600);
  expect(unpackState(many, "c", { ...(JSON.parse(text) as ReturnType<typeof packState>), program: "another" }).segments).toEqual([17, 999]);
});

test("a note is a note", () => {
  const note = { ...newCustomer("c", UTC), movedTo: "other" };
  expect(unpackState(everything, "c", packState(everything, note))).toEqual(note);
});

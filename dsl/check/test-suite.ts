// The program as tests run it, and the tests with their references put in place.

import type { Expr } from "../program.js";
import type { Expectation, Given, GivenRecord, Test, TestEvent, TestLine, TestSuite } from "../tests.js";
import { assembled } from "./assemble.js";
import type { Parts } from "./parts.js";
import { placesOf } from "./test-places.js";

type Place = (of: Expr) => Expr;

/** `parts` has the aggregates that the tests ask for. */
export function suiteOf(parts: Parts, tests: readonly Test[]): TestSuite {
  const { program, placed } = assembled(parts);
  return {
    program, places: placesOf(parts.declared, program),
    tests: tests.map((test) => ({ ...test, lines: test.lines.map((line) => placedLine(line, placed)) })),
  };
}

function placedLine(line: TestLine, place: Place): TestLine {
  switch (line.k) {
    case "customer": return line;
    case "profile": return { ...line, value: placedRecord(line.value, place) };
    case "at": case "after": return { ...line, event: line.event === null ? null : placedEvent(line.event, place) };
    case "expect": return { ...line, what: placedExpectation(line.what, place) };
  }
}

const placedEvent = (event: TestEvent, place: Place): TestEvent => ({ ...event, data: placedRecord(event.data, place) });

function placedExpectation(what: Expectation, place: Place): Expectation {
  switch (what.k) {
    case "action": return { ...what, payload: what.payload === null ? null : placedRecord(what.payload, place) };
    case "condition": return { ...what, if: place(what.if), values: what.values.map((behind) => ({ ...behind, value: place(behind.value) })) };
    case "held": case "suppressed": case "nothing": case "nothing else": return what;
  }
}

const placedRecord = ({ entries }: GivenRecord, place: Place): GivenRecord =>
  ({ k: "record", entries: entries.map(({ name, value }) => ({ name, value: placedGiven(value, place) })) });

function placedGiven(given: Given, place: Place): Given {
  switch (given.k) {
    case "record": return placedRecord(given, place);
    case "list": return { k: "list", items: given.items.map((item) => placedGiven(item, place)) };
    case "value": return { k: "value", of: place(given.of) };
  }
}

/** What stands in the text that a NATS server sends: places in reply subjects, timestamps, header values. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { milliseconds } from "../../connectors/nats/api.js";
import { headerValue, readHeaderValue } from "../../connectors/nats/header-value.js";
import { readPlace } from "../../connectors/nats/place.js";

const PREFIX = "$JS.ACK.EVENTS.Wx4y.";
const PLACE = { sequence: 9_007_199_254_740_991, delivery: 41, stamp: 1_795_332_692_964, pending: 7 };

describe("places", () => {
  test.each([
    ["as old and new servers write them", `${PREFIX}1.9007199254740991.41.1795332692964999999.7`],
    ["of another consumer", "$JS.ACK.OUT_3.abc.1.9007199254740991.41.1795332692964000000.7"],
    ["with domain and account", "$JS.ACK.hub.Hash.EVENTS.Wx4y.1.9007199254740991.41.1795332692964215270.7.token"],
    ["without a domain", "$JS.ACK._.Hash.EVENTS.Wx4y.1.9007199254740991.41.1795332692964215270.7.token"],
  ])("%s", (_, reply) => {
    const prefix = reply.startsWith("$JS.ACK.OUT") ? "$JS.ACK.OUT_3.abc." : PREFIX;
    expect(readPlace(reply, prefix)).toEqual(PLACE);
  });
});

test.each([
  ["2026-11-22T07:31:32.964215270Z", "2026-11-22T07:31:32.964Z"],
  ["2026-11-22T07:31:32.999999999Z", "2026-11-22T07:31:32.999Z"],
  ["2026-11-22T07:31:32.5Z", "2026-11-22T07:31:32.500Z"],
  ["2026-11-22T07:31:32Z", "2026-11-22T07:31:32.000Z"],
  ["2026-11-22T08:31:32.000999+01:00", "2026-11-22T07:31:32.000Z"],
])("the timestamp %s is cut, not rounded", (time, instant) => {
  expect(new Date(milliseconds(time)).toISOString()).toBe(instant);
});

test("header values come back as they were, fit into a line, and are each text's own", () => {
  const text = fc.oneof(fc.string({ unit: "binary" }), fc.string(), fc.string().map((inner) => JSON.stringify(inner)));
  fc.assert(
    fc.property(text, text, (one, other) => {
      const value = headerValue(one);
      expect(value).not.toMatch(/[\r\n]/);
      expect(value).toBe(value.trim());
      expect(readHeaderValue(value)).toBe(one);
      expect(headerValue(other) === value).toBe(other === one);
    }),
  );
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import {
  decodeToken,
  encodeToken,
  eventSubject,
  InvalidToken,
  MAX_TOKEN_LENGTH,
  parseEventSubject,
  partition,
  tickSubject,
} from "../../engine/subjects.js";

describe("tokens", () => {
  test.each([
    ["c42", "c42"],
    ["a_b-C9", "a_b-C9"],
    ["a.b", "a%2Eb"],
    ["a b", "a%20b"],
    ["a*b>c", "a%2Ab%3Ec"],
    ["100%", "100%25"],
    ["%41", "%2541"],
    ["!'()~", "%21%27%28%29%7E"],
    ["Łódź", "%C5%81%C3%B3d%C5%BA"],
    ["😀", "%F0%9F%98%80"],
    ["\u0000\r\n", "%00%0D%0A"],
  ])("%j is %s", (id, token) => {
    expect(encodeToken(id)).toBe(token);
    expect(decodeToken(token)).toBe(id);
  });

  test.each(["", "\ud83d", "x\udc00y", "x".repeat(MAX_TOKEN_LENGTH + 1), "ł".repeat(MAX_TOKEN_LENGTH / 6 + 1)])("%j is no token", (id) => {
    expect(() => encodeToken(id)).toThrow(InvalidToken);
  });

  test.each([
    ["nothing", ""],
    ["plain characters that are encoded", "%41"],
    ["lower-case digits", "%c5%81"],
    ["a character that must be encoded", "a~b"],
    ["a dot", "a.b"],
    ["a blank", "a b"],
    ["a lone percent sign", "50%"],
    ["half an escape", "a%2"],
    ["bytes that are not UTF-8", "%FF"],
    ["an overlong form", "%C0%AE"],
    ["a surrogate in UTF-8", "%ED%A0%80"],
    ["a letter outside ASCII", "ł"],
    ["too much", "x".repeat(MAX_TOKEN_LENGTH + 1)],
  ])("%s is not canonical", (_, token) => expect(decodeToken(token)).toBeNull());

  test("every id has one token, which gives it back and is plain", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1, maxLength: 80 }), (id) => {
        const token = encodeToken(id);
        expect(token).toMatch(/^(?:[A-Za-z0-9_-]|%[0-9A-F]{2})+$/);
        expect(decodeToken(token)).toBe(id);
      }),
    );
  });

  test("what can be decoded is its id's only token", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^(?:[A-Za-z0-9_.~-]|%[0-9A-Fa-f]{2}){1,20}$/), (token) => {
        const id = decodeToken(token);
        if (id !== null) expect(encodeToken(id)).toBe(token);
      }),
    );
  });
});

describe("partitions", () => {
  // FNV-1a 32: the test vectors of its authors (draft-eastlake-fnv), modulo 2^32 and smaller.
  test.each([
    ["", 0x811c9dc5],
    ["a", 0xe40c292c],
    ["b", 0xe70c2de5],
    ["foobar", 0xbf9cf968],
  ])("the hash of %j", (token, hash) => {
    expect(partition(token, 2 ** 32)).toBe(hash);
    expect(partition(token, 8)).toBe(hash % 8);
    expect(partition(token, 1)).toBe(0);
  });

  test("customers spread over all partitions", () => {
    const counts = new Array<number>(8).fill(0);
    for (let i = 0; i < 8_000; i++) {
      const p = partition(`c${i}`, 8);
      counts[p] = (counts[p] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });
});

describe("subjects of events", () => {
  test("are made and taken apart", () => {
    expect(eventSubject("order_placed", "Łódź.1")).toBe("events.order_placed.%C5%81%C3%B3d%C5%BA%2E1");
    expect(parseEventSubject("events.order_placed.%C5%81%C3%B3d%C5%BA%2E1")).toEqual({
      type: "order_placed",
      token: "%C5%81%C3%B3d%C5%BA%2E1",
    });
    expect(parseEventSubject(eventSubject("com.shop.Order Placed", "c1"))).toEqual({ type: "com.shop.Order Placed", token: "c1" });
    expect(tickSubject(3)).toBe("events.eddy_tick.3");
    expect(parseEventSubject(tickSubject(3))).toEqual({ type: "eddy_tick", token: "3" });
  });

  test.each(["", "events", "events.", "events.a", "events.a.", "events..c", "events.a.b.c", "actions.0.email.x", "Events.a.b", "events.a b.c", "events.%2.c"])(
    "%j is none",
    (subject) => expect(parseEventSubject(subject)).toBeNull(),
  );

  test("a token that is not canonical is left to the reader of the event", () => {
    expect(parseEventSubject("events.a.50%")).toEqual({ type: "a", token: "50%" });
    expect(decodeToken("50%")).toBeNull();
  });
});

/** What arrives: every reason for a dead letter with its exact words, and everything odd that is no reason for one. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { compile } from "../../engine/compile/compiled.js";
import { MAX_EVENT_BYTES, decode, decodeLine, type Work } from "../../engine/decode.js";
import { envelope, parseTime } from "../../engine/envelope.js";
import type { LogRecord } from "../../engine/ports.js";
import { BAD, eventCheck, lastFault, merged, patchCheck, project } from "../../engine/schema.js";
import { encodeToken } from "../../engine/subjects.js";
import { deadMessage } from "../../engine/outputs.js";

const { program } = compileProgram([{ file: "decode.eddy", text: `
event order {
  order_id: string  total: number  paid: boolean?  placed_at: time?  due: date?  took: duration?
  colour: "red" | "blue" = "red"
  items: { sku: string, price: number = 1, tags: string[]? }[] = []
  maybes: (number?)[]?
  constructor: string?  toString: { valueOf: number? }?  hasOwnProperty: string[]?
}
event swapped from "Order Completed" { a: string from "b"  b: string from "a"  c: number? from "a c"  inner: { x: number from "y", y: number from "x" }? }
profile { timezone: string = "UTC"  email: string?  consent: { email: boolean = false, push: boolean = false } from "Consent"  tags: string[] = ["new"]  home: { city: string from "City" }? }
rule r { on order, swapped emit "x" }
` }]);
if (program === null) throw new Error("the program is wrong");
const compiled = compile(program);

const STAMP = Date.UTC(2026, 2, 2, 10);
const bytes = (text: string): Uint8Array => Buffer.from(text, "utf8");

function record(subject: string, body: string | Uint8Array, headers: LogRecord["headers"] = null): LogRecord {
  return { sequence: 7, stamp: STAMP, subject, headers, body: typeof body === "string" ? bytes(body) : body };
}

const event = (over: Record<string, unknown> = {}): Record<string, unknown> => ({
  specversion: "1.0", id: "o-1", source: "shop", type: "order", subject: "c1", time: "2026-03-02T10:00:00Z", data: { order_id: "o-1", total: 5 }, ...over,
});
const json = (over: Record<string, unknown> = {}): string => JSON.stringify(event(over));
const withData = (data: unknown): string => json({ data });

function work(of: Work): unknown {
  if (of.k === "dead") return { reason: of.reason, detail: of.detail };
  return of.k === "event" ? { ...of, plan: of.plan.name } : of;
}

const ORDER = "events.order.c1";
const order = (rest: string): string => withData(JSON.parse(`{"order_id":"o-1","total":5,${rest}}`));

describe("dead letters", () => {
  const cases: readonly (readonly [name: string, subject: string, body: string | Uint8Array, reason: string, detail: string])[] = [
    ["a subject that is none", "orders.order.c1", json(), "not_an_event", "the subject must be events.<type>.<customer>, with other characters than A-Z a-z 0-9 _ - written as %XX"],
    ["a type that is not canonical", "events.or%64er.c1", json(), "not_an_event", "the subject must be events.<type>.<customer>, with other characters than A-Z a-z 0-9 _ - written as %XX"],
    ["a list", ORDER, "[1]", "not_an_event", "an event must be a JSON object"],
    ["null", ORDER, "null", "not_an_event", "an event must be a JSON object"],
    ["no id", ORDER, json({ id: undefined }), "not_an_event", "the event has no id: it must be a text that is not empty"],
    ["an id that is a number", ORDER, json({ id: 5 }), "not_an_event", "the event has no id: it must be a text that is not empty"],
    ["an empty id", ORDER, json({ id: "" }), "not_an_event", "the event has no id: it must be a text that is not empty"],
    ["a long id", ORDER, json({ id: "x".repeat(10_240) }), "not_an_event", "id is longer than 1024 characters"],
    ["no type", ORDER, json({ type: null }), "not_an_event", "the event has no type: it must be a text that is not empty"],
    ["a long type", ORDER, json({ type: "x".repeat(1025) }), "not_an_event", "type is longer than 1024 characters"],
    ["a source that is a number", ORDER, json({ source: 3 }), "not_an_event", "source must be a text"],
    ["another type than the subject's", ORDER, json({ type: "swapped" }), "not_an_event", 'the subject says type "order", the event "swapped"'],
    ["no subject", ORDER, json({ subject: undefined }), "unknown_customer", "the event has no subject: it must name its customer"],
    ["a subject that is a number", ORDER, json({ subject: 1 }), "unknown_customer", "the event has no subject: it must name its customer"],
    ["a customer of 10 KB", ORDER, json({ subject: "x".repeat(10_240) }), "unknown_customer", "subject is longer than 1024 characters"],
    ["another customer than the subject's", ORDER, json({ subject: "c2" }), "unknown_customer", `the subject's last part is "c1", which is not the event's subject "c2" percent-encoded`],
    ["a customer under another spelling", "events.order.%63%31", json(), "unknown_customer", `the subject's last part is "%63%31", which is not the event's subject "c1" percent-encoded`],
    ["half a surrogate pair", "events.order.%ED%A0%80", json({ subject: "\ud800" }), "unknown_customer", `the subject's last part is "%ED%A0%80", which is not the event's subject "\ufffd" percent-encoded`],
    ["an event of more than 1 MiB", ORDER, json({ data: { order_id: "x".repeat(MAX_EVENT_BYTES), total: 1 } }), "too_large", "the event has 1048717 bytes; 1048576 are allowed"],
    ["bytes that are not UTF-8", ORDER, Buffer.concat([bytes('{"id":"'), Buffer.of(0xff, 0xfe), bytes('"}')]), "not_json", "the event is not UTF-8"],

    ["data that is a list", ORDER, withData([]), "schema", "data must be an object, not a list"],
    ["data that is a text", ORDER, withData("x"), "schema", "data must be an object, not a text"],
    ["no data", ORDER, json({ data: undefined }), "schema", "data.order_id is missing"],
    ["a field that is missing", ORDER, withData({ order_id: "x" }), "schema", "data.total is missing"],
    ["a field that is null", ORDER, withData({ order_id: "x", total: null }), "schema", "data.total must not be null"],
    ["a text for a number", ORDER, withData({ order_id: "x", total: "5" }), "schema", "data.total must be a number, not a text"],
    ["a number beyond all numbers", ORDER, json().replace('"total":5', '"total":1e999'), "schema", "data.total is larger than any number"],
    ["a number for a text", ORDER, withData({ order_id: 5, total: 5 }), "schema", "data.order_id must be a text, not a number"],
    ["true for a text", ORDER, withData({ order_id: true, total: 5 }), "schema", "data.order_id must be a text, not true or false"],
    ["an object for true or false", ORDER, order('"paid":{}'), "schema", "data.paid must be true or false, not an object"],
    ["none of the texts", ORDER, order('"colour":"green"'), "schema", 'data.colour must be one of "red", "blue", not "green"'],
    ["a number for one of the texts", ORDER, order('"colour":1'), "schema", "data.colour must be a text, not a number"],
    ["a time without a zone", ORDER, order('"placed_at":"2026-03-02 10:00"'), "schema", 'data.placed_at must be a time such as "2026-03-02T10:00:00Z" of the years 1970 to 2199, not "2026-03-02 10:00"'],
    ["a time of the year 9999", ORDER, order('"placed_at":"9999-01-01T00:00:00Z"'), "schema", 'data.placed_at must be a time such as "2026-03-02T10:00:00Z" of the years 1970 to 2199, not "9999-01-01T00:00:00Z"'],
    ["a time that is a number", ORDER, order('"placed_at":1772445600000'), "schema", 'data.placed_at must be a time such as "2026-03-02T10:00:00Z", not a number'],
    ["a day that does not exist", ORDER, order('"due":"2025-02-29"'), "schema", 'data.due must be a date such as "2026-03-02", not "2025-02-29"'],
    ["a date with a time", ORDER, order('"due":"2025-02-28T00:00:00Z"'), "schema", 'data.due must be a date such as "2026-03-02", not "2025-02-28T00:00:00Z"'],
    ["a date that is long", ORDER, order(`"due":"${"9".repeat(50)}"`), "schema", `data.due must be a date such as "2026-03-02", not "${"9".repeat(40)}…"`],
    ["a date that is a number", ORDER, order('"due":20000'), "schema", 'data.due must be a date such as "2026-03-02", not a number'],
    ["a duration in words", ORDER, order('"took":"1 hour"'), "schema", "data.took must be a number, not a text"],
    ["an object for a list", ORDER, order('"items":{}'), "schema", "data.items must be a list, not an object"],
    ["null in a list", ORDER, order('"items":[{"sku":"s"},null]'), "schema", "data.items[1] must not be null"],
    ["something wrong deep inside", ORDER, order('"items":[{"sku":"s"},{"sku":"s","price":"3"}]'), "schema", "data.items[1].price must be a number, not a text"],
    ["something missing deep inside", ORDER, order('"items":[{"price":1}]'), "schema", "data.items[0].sku is missing"],
    ["something wrong in a list in a list", ORDER, order('"items":[{"sku":"s","tags":["a",1]}]'), "schema", "data.items[0].tags[1] must be a text, not a number"],
    ["a field called constructor", ORDER, order('"constructor":1'), "schema", "data.constructor must be a text, not a number"],
    ["a record called toString", ORDER, order('"toString":{"valueOf":"1"}'), "schema", "data.toString.valueOf must be a number, not a text"],
    ["a name on the wire", "events.Order%20Completed.c1", json({ type: "Order Completed", data: { a: 1, b: "x" } }), "schema", "data.a must be a text, not a number"],
    ["a name on the wire, inside", "events.Order%20Completed.c1", json({ type: "Order Completed", data: { a: "1", b: "x", inner: { y: 1 } } }), "schema", "data.inner.x is missing"],
    ["a profile that does not fit", "events.profile_updated.c1", json({ type: "profile_updated", data: { Consent: { email: "yes" } } }), "schema", "data.Consent.email must be true or false, not a text"],
    ["a profile that is a list", "events.profile_updated.c1", json({ type: "profile_updated", data: [] }), "schema", "data must be an object, not a list"],
  ];
  for (const [name, subject, body, reason, detail] of cases) {
    test(name, () => expect(work(decode(compiled, "broker", record(subject, body)))).toEqual({ reason, detail }));
  }

  test("what is no JSON is called so", () => {
    for (const body of ["", "{", "{\"id\":1,}", "\ufeff" + json(), "nul", json() + "x", "{\"a\":1e}", "\u0000"]) {
      const got = decode(compiled, "broker", record(ORDER, body));
      expect(got).toMatchObject({ k: "dead", reason: "not_json", stamp: STAMP, sequence: 7, type: "order" });
      if (got.k === "dead") expect(got.detail.length).toBeLessThanOrEqual(81);
    }
  });

  test("100,000 levels are no trouble: refused, or passed over where nobody looks", () => {
    const deep = "[".repeat(100_000) + "]".repeat(100_000);
    expect(work(decode(compiled, "broker", record(ORDER, deep)))).toEqual({ reason: "not_an_event", detail: "an event must be a JSON object" });
    const objects = '{"a":'.repeat(100_000) + "1" + "}".repeat(100_000);
    expect(decode(compiled, "broker", record(ORDER, json().replace('"total":5', `"total":5,"deep":${deep},"deeper":${objects}`)))).toMatchObject({ k: "event" });
    const inItem = decode(compiled, "broker", record(ORDER, json().replace('"total":5', `"total":5,"items":[{"sku":"s","deep":${objects}}]`)));
    expect(inItem).toMatchObject({ k: "event", data: { items: [{ sku: "s", price: 1 }] } });
    expect(work(decode(compiled, "broker", record(ORDER, json().replace('"total":5', `"total":${deep}`))))).toEqual({ reason: "schema", detail: "data.total must be a number, not a list" });
  });

  test("texts hold whole surrogate pairs only, however they are spelled: what UTF-8 cannot hold would change on its way to the store", () => {
    const text = json({ id: "i" }).replace('"order_id":"o-1"', '"order_id":"a\\ud800b\\uDC00\\ud83d\\ude42","items":[{"sku":"\\uDFFF"}],"maybes":[1]').replace('"id":"i"', '"id":"\\ud83d!"');
    const expected = { k: "event", id: "\ufffd!", data: { order_id: "a\ufffdb\ufffd🙂", items: [{ sku: "\ufffd" }], maybes: [1] } };
    expect(decode(compiled, "broker", record(ORDER, text))).toMatchObject(expected);
    expect(decodeLine(compiled, text, 3)).toMatchObject(expected);
    const deep = "[".repeat(100_000) + "]".repeat(100_000);
    expect(decode(compiled, "broker", record(ORDER, text.replace('"total":5', `"total":5,"deep":${deep}`)))).toMatchObject(expected);
  });

  test("of a line of a file", () => {
    const dead = (line: string): unknown => { const got = decodeLine(compiled, line, 3); return got.k === "dead" ? [got.reason, got.detail, got.subject] : got.k; };
    expect(dead(json())).toBe("event");
    expect(dead(json({ type: "other" }))).toBe("unmentioned");
    expect(dead("{")).toEqual(["not_json", expect.any(String), "line 3"]);
    expect(dead(json({ subject: "" }))).toEqual(["unknown_customer", "the event has no subject: it must name its customer", "line 3"]);
    expect(dead(withData({}))).toEqual(["schema", "data.order_id is missing", "line 3"]);
    expect(dead(json({ data: { order_id: "x".repeat(MAX_EVENT_BYTES), total: 1 } }))).toEqual(["too_large", "the event has more than the 1048576 characters that are allowed", "line 3"]);
  });

  test("show what was refused, cut to a bound, as JSON", () => {
    const body = Buffer.concat([bytes("🙂".repeat(3000)), Buffer.of(0xff)]);
    const { subject, body: text } = deadMessage(3, { reason: "not_json", detail: "half \ud800", subject: `events.${"x".repeat(9000)}`, sequence: 9, body }, STAMP);
    const message = JSON.parse(text) as { time: string; data: { body: string; size: number; subject: string } };
    expect(subject).toBe("dead.3.not_json");
    expect(message.time).toBe("2026-03-02T10:00:00Z");
    expect(message.data.size).toBe(12_001);
    expect(message.data.body).toBe("🙂".repeat(1024));
    expect(text.length).toBeLessThan(12_000);
  });
});

describe("events that are odd and fine", () => {
  const decoded = (subject: string, body: string, headers: LogRecord["headers"] = null): Extract<Work, { k: "event" }> => {
    const got = decode(compiled, "broker", record(subject, body, headers));
    if (got.k !== "event") throw new Error(JSON.stringify(got));
    return got;
  };

  test("values of every type", () => {
    const { data } = decoded(ORDER, order('"placed_at":"2026-03-02T11:00:00.1239+01:00","due":"1900-03-01","took":36e5,"paid":false,"colour":"blue","maybes":[1,null],"items":[{"sku":"","tags":[]}],"constructor":"me","toString":{"valueOf":0}'));
    expect(data).toEqual({
      order_id: "o-1", total: 5, placed_at: Date.UTC(2026, 2, 2, 10, 0, 0, 123), due: -25508, took: 3_600_000, paid: false, colour: "blue", maybes: [1, null],
      items: [{ sku: "", price: 1, tags: [] }], constructor: "me", toString: { valueOf: 0 },
    });
  });

  test("defaults, and null for them; nothing is inherited", () => {
    const { data } = decoded(ORDER, order('"colour":null,"items":null'));
    expect(data).toEqual({ order_id: "o-1", total: 5, colour: "red", items: [] });
    expect(Object.hasOwn(data, "constructor")).toBe(false);
    expect(decoded(ORDER, order('"colour":"red"')).data).toEqual({ order_id: "o-1", total: 5, colour: "red", items: [] });
  });

  test("defaults are not shared in a way that one event could change another's", () => {
    const first = decoded(ORDER, order('"paid":true')).data;
    const kept = project(first, program.events.find(({ name }) => name === "order")?.fields ?? []);
    (kept["items"] as unknown[] | undefined)?.slice();
    expect(decoded(ORDER, order('"paid":true')).data["items"]).toEqual([]);
  });

  test("__proto__, constructor and toString as data", () => {
    const { data } = decoded(ORDER, order('"__proto__":{"total":9,"polluted":true},"valueOf":1,"items":[{"sku":"s","__proto__":{"price":7},"toString":null}]'));
    expect(data["total"]).toBe(5);
    expect(Object.getPrototypeOf(data)).toBe(Object.prototype);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    const item = (data["items"] as object[])[0] as object;
    expect(Object.getPrototypeOf(item)).toBe(Object.prototype);
    expect(Object.keys(item).sort()).toEqual(["price", "sku"]);
    expect(item).toMatchObject({ sku: "s", price: 1 });
  });

  test("names on the wire, swapped ones too", () => {
    const { data } = decoded("events.Order%20Completed.c1", json({ type: "Order Completed", data: { a: "is b", b: "is a", "a c": 3, c: "?", inner: { x: 1, y: 2 } } }));
    expect(data).toEqual({ a: "is a", b: "is b", c: 3, inner: { x: 2, y: 1 } });
  });

  test("customers and ids of every script, at their longest", () => {
    for (const subject of ["Zoë", "漢字", "a.b", "*", ">", " ", "%", "🙂", "x".repeat(1024), "a\u0000b"]) {
      const token = encodeToken(subject);
      expect(decoded(`events.order.${token}`, json({ subject, id: "🙂".repeat(512) }))).toMatchObject({ customer: subject });
    }
  });

  test("its own time, and times that nobody believes", () => {
    const timeOf = (time: unknown): unknown => { const { time: at, timeRefused } = decoded(ORDER, json({ time })); return [at, timeRefused]; };
    expect(timeOf("2026-03-02T10:00:00Z")).toEqual([STAMP, false]);
    expect(timeOf(undefined)).toEqual([null, false]);
    for (const odd of ["yesterday", 5, "", "9999-01-01T00:00:00Z", "1900-01-01T00:00:00Z", {}, "2026-03-02T10:00:00"]) expect(timeOf(odd)).toEqual([null, true]);
  });

  test("binary mode: headers percent-encoded, the body is the data", () => {
    const headers = new Map(Object.entries({ "ce-id": "o%2D1", "ce-type": "order", "ce-subject": "c1", "ce-time": "2026-03-02T10:00:00Z", "ce-source": "100%" }));
    expect(decoded(ORDER, '{"order_id":"x","total":1}', headers)).toMatchObject({ id: "o-1", source: "100%", customer: "c1", data: { order_id: "x" } });
    expect(work(decode(compiled, "broker", record(ORDER, "", headers)))).toEqual({ reason: "schema", detail: "data.order_id is missing" });
  });

  test("on the events' clock the stamp is the event's time, where there is one", () => {
    expect(decode(compiled, "event", record(ORDER, json({ time: "2020-01-01T00:00:00Z" })))).toMatchObject({ stamp: Date.UTC(2020, 0, 1) });
    expect(decode(compiled, "event", record(ORDER, json({ time: undefined })))).toMatchObject({ stamp: NaN });
    expect(decode(compiled, "event", record("events.other.c1", json({ type: "other" })))).toMatchObject({ k: "unmentioned", stamp: STAMP });
    expect(decode(compiled, "broker", record("events.other.c1", "rubbish"))).toMatchObject({ k: "unmentioned", stamp: STAMP });
    expect(decode(compiled, "broker", record("events.eddy_tick.0", ""))).toMatchObject({ k: "tick" });
  });

  test("no bytes whatever throw", () => {
    const parts = ['{"id":"a","type":"order","subject":"c1","data":', '{"order_id":"x","total":1}', "}", "[", "]", "null", '"', "\\u0000", ",", ":", "1e999", "-", '"items"', "🙂"];
    const texts = fc.array(fc.constantFrom(...parts), { maxLength: 12 }).map((list) => bytes(list.join("")));
    fc.assert(fc.property(fc.oneof(texts, fc.uint8Array({ maxLength: 80 })), fc.constantFrom(ORDER, "events.order.", "events..c1", "", "events.profile_updated.c1"), (body, subject) => {
      decode(compiled, "broker", record(subject, body));
      decode(compiled, "event", record(subject, body));
      decodeLine(compiled, Buffer.from(body).toString("utf8"), 1);
    }), { numRuns: 2000, seed: 1 });
  });
});

describe("profiles", () => {
  const check = patchCheck(program.profile);
  const apply = (profile: Record<string, unknown>, patch: unknown): unknown => {
    const checked = check(patch);
    return checked === BAD ? lastFault() : merged(profile as never, checked, program.profile);
  };

  test("patches are merged: records deeply, lists replaced, null clears, what is not declared is passed over", () => {
    expect(apply({}, { email: "a@b", unknown: 1, Consent: { email: true, other: 1 } })).toEqual({ email: "a@b", consent: { email: true } });
    expect(apply({ email: "a@b", consent: { email: true }, tags: ["x"] }, { email: null, Consent: { push: true }, tags: ["y"] })).toEqual({ consent: { email: true, push: true }, tags: ["y"] });
    expect(apply({ consent: { email: true } }, { Consent: null })).toEqual({});
    expect(apply({ consent: { email: true } }, { Consent: { email: null } })).toEqual({ consent: {} });
    expect(apply({ home: { city: "Oslo" } }, { home: { City: "Rome" } })).toEqual({ home: { city: "Rome" } });
    expect(apply({ email: "a" }, null)).toEqual({ email: "a" });
    expect(apply({ email: "a" }, JSON.parse('{"__proto__":{"email":"b"},"constructor":1}'))).toEqual({ email: "a" });
  });

  test("the old profile stays as it was", () => {
    const before = { consent: { email: true } };
    apply(before, { Consent: { email: false } });
    expect(before).toEqual({ consent: { email: true } });
  });
});

describe("schema", () => {
  test("a record of a required field inside an optional one", () => {
    const check = eventCheck([{ name: "home", wire: "home", type: { k: "record", fields: [{ name: "city", wire: "city", type: { k: "string" }, maybe: false }] }, maybe: true }]);
    expect(check({})).toEqual({});
    expect(check({ home: null })).toEqual({ home: null });
    expect(check({ home: {} })).toBe(BAD);
    expect(lastFault()).toBe("data.home.city is missing");
  });
});

// ---------------------------------------------------------------------------------------------------- times

describe("times of events", () => {
  const pad = (n: number, digits = 2): string => String(n).padStart(digits, "0");
  const LAST = Date.UTC(2200, 0, 1);
  // The strictest reading of RFC 3339 that agrees with Date.parse where that accepts it.
  const model = (text: string): number | null => {
    const parts = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(\.\d+)?(?:[Zz]|([+-])(\d\d):(\d\d))$/.exec(text);
    if (parts === null) return null;
    const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.slice(1, 7).map(Number);
    const [offsetHours, offsetMinutes] = [Number(parts[9] ?? 0), Number(parts[10] ?? 0)];
    const date = new Date(Date.UTC(2000, month - 1, day));
    date.setUTCFullYear(year, month - 1, day);
    if (month < 1 || month > 12 || date.getUTCMonth() !== month - 1 || day < 1 || hour > 23 || minute > 59 || second > 59 || offsetHours > 23 || offsetMinutes > 59) return null;
    const at = date.getTime() + ((hour * 60 + minute) * 60 + second) * 1000 + Number((parts[7] ?? ".0").padEnd(4, "0").slice(1, 4)) - (parts[8] === "-" ? -1 : 1) * (offsetHours * 60 + offsetMinutes) * 60_000;
    return at >= 0 && at < LAST ? at : null;
  };

  test("are those of Date.parse", () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: LAST - 1 }), (at) => {
      const text = new Date(at).toISOString();
      expect(parseTime(text)).toBe(at);
      expect(parseTime(`${text.slice(0, 19)}Z`)).toBe(Date.parse(`${text.slice(0, 19)}Z`));
    }), { numRuns: 1000, seed: 1 });
  });

  test("are refused where they mean nothing", () => {
    const two = (max: number): fc.Arbitrary<string> => fc.integer({ min: 0, max }).map((n) => pad(n));
    const texts = fc.tuple(
      fc.integer({ min: 1968, max: 2201 }).map((n) => pad(n, 4)), fc.constantFrom("-", "-", "-", "/"), two(14), two(33), fc.constantFrom("T", "T", " ", "t", "x"), two(25), two(61), two(61),
      fc.constantFrom("", "", ".5", ".123456789", ".", ".9999"), fc.constantFrom("Z", "Z", "z", "+00:00", "-05:30", "+14:00", "+24:00", "+01:60", "", "+0100"),
    ).map(([year, dash, month, day, t, hour, minute, second, fraction, zone]) => `${year}${dash}${month}-${day}${t}${hour}:${minute}:${second}${fraction}${zone}`);
    fc.assert(fc.property(texts, (text) => { expect({ text, at: parseTime(text) }).toEqual({ text, at: model(text) }); }), { numRuns: 4000, seed: 1 });
    for (const text of ["", "Z", "2026-03-02", "2026-03-02T10:00Z", " 2026-03-02T10:00:00Z", "2026-03-02T10:00:00Z ", "+02026-03-02T10:00:00Z", "2026-03-02T10:00:0٣Z", "2026-03-02T10:00:00z\n", "2026-03-02T24:00:00+00:00", "2026-03-02T24:00:00.000Z", "2016-12-31T23:59:60Z"]) {
      expect({ text, at: parseTime(text) }).toEqual({ text, at: null });
    }
  });

  test("no text throws", () => {
    fc.assert(fc.property(fc.string({ maxLength: 30 }), (text) => { expect(parseTime(text)).toBe(model(text)); }));
    expect(envelope("i", "s", "t", "c", { toString: 1 }, null)).toMatchObject({ time: null, timeRefused: true });
  });
});

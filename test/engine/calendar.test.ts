/**
 * Calendars and changes of clocks, as rule authors meet them: windows, schedules, waits, quiet hours, ages. Instants are
 * written with their offset; what must happen, and when, was worked out by hand from the tz database.
 */
import { describe, expect, test } from "vitest";
import { compiled, story } from "./story.js";

interface Case {
  readonly name: string;
  readonly zone: string;
  readonly program: string;
  /** The events, each with its time. */
  readonly events: readonly (readonly [at: string, event: string, data?: object])[];
  readonly until: string;
  /** All that is told: what, and when. Equal instants are equal, however they are written. */
  readonly told: readonly (readonly [what: string, at: string])[];
}

const at = (text: string): number => {
  const instant = Date.parse(text);
  if (Number.isNaN(instant)) throw new Error(`no instant: ${text}`);
  return instant;
};

function happens({ zone, program, events, until }: Case): readonly (readonly [string, string])[] {
  const one = story(compiled(`event e { at: time?  on: date? }\nprofile { timezone: string = "${zone}"  born: date? }\n${program}`));
  for (const [when, event, data] of events) one.event(event, data ?? {}, at(when));
  one.until(at(until));
  return one.told.flatMap((each) => {
    switch (each.k) {
      case "action": return [[each.payload === null ? each.what : `${each.what} ${JSON.stringify(each.payload)}`, new Date(each.at).toISOString()] as const];
      case "enter": case "leave": return [[`${each.k} ${each.segment}`, new Date(each.at).toISOString()] as const];
      case "held": case "suppressed": return [[`${each.k} ${each.what}`, new Date(each.at).toISOString()] as const];
      default: return [];
    }
  });
}

function table(cases: readonly Case[]): void {
  test.each(cases)("$zone: $name", (one) => {
    expect(happens(one)).toEqual(one.told.map(([what, when]) => [what, new Date(at(when)).toISOString()]));
  });
}

/** An event enters a window; when it leaves. */
function window(name: string, zone: string, over: string, event: string, leaves: string): Case {
  return {
    name, zone, program: `segment s when count(e) ${over} >= 1`, events: [[event, "e"]], until: new Date(at(leaves) + 5 * 86_400_000).toISOString(),
    told: [["enter s", event], ["leave s", leaves]],
  };
}

describe("windows of calendar months", () => {
  table([
    window("from the 31st to the end of February", "Europe/Warsaw", "over 1 month", "2026-01-31T10:00+01:00", "2026-02-28T10:00+01:00"),
    window("in a leap year a day later", "Europe/Warsaw", "over 1 month", "2028-01-31T10:00+01:00", "2028-02-29T10:00+01:00"),
    window("from the end of February a short month", "Europe/Warsaw", "over 1 month", "2026-02-28T10:00+01:00", "2026-03-28T10:00+01:00"),
    window("the same time of day across a change of clocks", "Europe/Warsaw", "over 1 month", "2026-03-01T10:00+01:00", "2026-04-01T10:00+02:00"),
    window("an end in a gap is as much later as the gap is long", "Europe/Warsaw", "over 2 months", "2026-01-29T02:30+01:00", "2026-03-29T03:30+02:00"),
    window("an end that comes twice counts the first time", "Europe/Warsaw", "over 2 months", "2026-08-25T02:30+02:00", "2026-10-25T02:30+02:00"),
    window("a year from 29 February", "Europe/Warsaw", "over 1 year", "2024-02-29T12:00+01:00", "2025-02-28T12:00+01:00"),
    window("four years from 29 February", "Europe/Warsaw", "over 4 years", "2024-02-29T12:00+01:00", "2028-02-29T12:00+01:00"),
    window("an end in a gap", "America/New_York", "over 1 month", "2026-02-08T02:30-05:00", "2026-03-08T03:30-04:00"),
    window("an end that comes twice", "America/New_York", "over 1 month", "2026-10-01T01:30-04:00", "2026-11-01T01:30-04:00"),
    window("a gap of half an hour", "Australia/Lord_Howe", "over 1 month", "2026-09-04T02:15+10:30", "2026-10-04T02:45+11:00"),
    window("half an hour that comes twice", "Australia/Lord_Howe", "over 1 month", "2026-03-05T01:45+11:00", "2026-04-05T01:45+11:00"),
    window("midnight at a quarter to", "Asia/Kathmandu", "over 1 month", "2026-01-31T00:00+05:45", "2026-02-28T00:00+05:45"),
    window("an end on a day that did not exist", "Pacific/Apia", "over 1 month", "2011-11-30T10:00-10:00", "2011-12-31T10:00+14:00"),
    window("clocks that go back for Ramadan", "Africa/Casablanca", "over 1 month", "2026-01-15T02:30+01:00", "2026-02-15T02:30+01:00"),
    window("and forward after it", "Africa/Casablanca", "over 1 month", "2026-02-22T02:30+00:00", "2026-03-22T03:30+01:00"),
    {
      name: "two that leave in another order than they came", zone: "Europe/Warsaw", program: "segment two when count(e) over 1 month >= 2  segment one when count(e) over 1 month >= 1",
      events: [["2026-01-30T20:00+01:00", "e"], ["2026-01-31T10:00+01:00", "e"]], until: "2026-03-10T00:00Z",
      told: [
        ["enter one", "2026-01-30T20:00+01:00"], ["enter two", "2026-01-31T10:00+01:00"], ["leave two", "2026-02-28T10:00+01:00"], ["leave one", "2026-02-28T20:00+01:00"],
      ],
    },
  ]);
});

describe("windows of hours", () => {
  table([
    window("30 days are 720 hours, also across a change of clocks", "Europe/Warsaw", "over 30 days", "2026-03-15T10:00+01:00", "2026-04-14T11:00+02:00"),
    window("a day is 24 hours", "America/New_York", "over 1 day", "2026-03-07T12:00-05:00", "2026-03-08T13:00-04:00"),
    window("a day is 24 hours, where one is missing", "Pacific/Apia", "over 1 day", "2011-12-29T12:00-10:00", "2011-12-31T12:00+14:00"),
  ]);
});

describe("calendar periods", () => {
  table([
    window("a day of 23 hours", "Europe/Warsaw", "this day", "2026-03-29T00:30+01:00", "2026-03-30T00:00+02:00"),
    window("a day of 25 hours", "Europe/Warsaw", "this day", "2026-10-25T00:30+02:00", "2026-10-26T00:00+01:00"),
    window("a day of 25 hours", "America/New_York", "this day", "2026-11-01T00:00-04:00", "2026-11-02T00:00-05:00"),
    window("a day of 24 hours and a half", "Australia/Lord_Howe", "this day", "2026-04-05T00:00+11:00", "2026-04-06T00:00+10:30"),
    window("to the ms", "Asia/Kathmandu", "this day", "2026-03-02T23:59:59.999+05:45", "2026-03-03T00:00+05:45"),
    window("before a day that did not exist", "Pacific/Apia", "this day", "2011-12-29T12:00-10:00", "2011-12-31T00:00+14:00"),
    window("a week from Monday", "Europe/Warsaw", "this week", "2026-03-29T23:30+02:00", "2026-03-30T00:00+02:00"),
    window("a week across the change", "Europe/Warsaw", "this week", "2026-03-23T00:00+01:00", "2026-03-30T00:00+02:00"),
    window("a week without its Friday", "Pacific/Apia", "this week", "2011-12-26T00:00-10:00", "2012-01-02T00:00+14:00"),
    window("a month", "Africa/Casablanca", "this month", "2026-02-28T23:00+00:00", "2026-03-01T00:00+00:00"),
    window("a year", "America/New_York", "this year", "2026-12-31T23:59:59-05:00", "2027-01-01T00:00-05:00"),
  ]);
});

describe("waits for a time of day", () => {
  const wait = (name: string, zone: string, until: string, event: string, comes: string): Case => ({
    name, zone, program: `rule r { on e  wait until ${until}  emit "x" }`, events: [[event, "e"]], until: new Date(at(comes) + 86_400_000).toISOString(), told: [["x", comes]],
  });
  table([
    wait("in a gap", "Europe/Warsaw", "02:30", "2026-03-29T00:00+01:00", "2026-03-29T03:30+02:00"),
    wait("that comes twice: the first", "Europe/Warsaw", "02:30", "2026-10-25T00:00+02:00", "2026-10-25T02:30+02:00"),
    wait("that comes twice, asked for in between: the next day's", "Europe/Warsaw", "02:30", "2026-10-25T02:45+02:00", "2026-10-26T02:30+01:00"),
    wait("strictly later", "Europe/Warsaw", "09:00", "2026-03-02T09:00+01:00", "2026-03-03T09:00+01:00"),
    wait("in a gap", "America/New_York", "02:30", "2026-03-08T01:59-05:00", "2026-03-08T03:30-04:00"),
    wait("in a gap of half an hour", "Australia/Lord_Howe", "02:10", "2026-10-04T00:00+10:30", "2026-10-04T02:40+11:00"),
    wait("at a quarter to", "Asia/Kathmandu", "00:00", "2026-03-02T12:00+05:45", "2026-03-03T00:00+05:45"),
    wait("over a day that did not exist", "Pacific/Apia", "09:00", "2011-12-29T10:00-10:00", "2011-12-31T09:00+14:00"),
    wait("on Friday, which that week did not have", "Pacific/Apia", "friday 09:00", "2011-12-26T10:00-10:00", "2011-12-31T09:00+14:00"),
    wait("on a weekday, across the change", "Africa/Casablanca", "sunday 02:30", "2026-03-16T12:00+00:00", "2026-03-22T03:30+01:00"),
  ]);
});

describe("schedules", () => {
  const daily = (name: string, zone: string, clock: string, from: string, until: string, ...comes: readonly string[]): Case => ({
    name, zone, program: `rule r { on every day at ${clock}  emit "x" }`, events: [[from, "e"]], until, told: comes.map((instant) => ["x", instant] as const),
  });
  const birthday = (name: string, zone: string, born: string, from: string, until: string, ...comes: readonly string[]): Case => ({
    name, zone, program: "rule r { on every year on profile.born at 09:00  emit \"x\" }",
    events: [[from, "profile_updated", { born }]], until, told: comes.map((instant) => ["x", instant] as const),
  });
  table([
    daily("in a gap, and the days around it", "Europe/Warsaw", "02:30", "2026-03-28T00:00+01:00", "2026-03-30T12:00+02:00", "2026-03-28T02:30+01:00", "2026-03-29T03:30+02:00", "2026-03-30T02:30+02:00"),
    daily("a time that comes twice, once", "Europe/Warsaw", "02:30", "2026-10-24T12:00+02:00", "2026-10-26T12:00+01:00", "2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"),
    daily("half an hour that comes twice, once", "Australia/Lord_Howe", "01:45", "2026-04-04T12:00+11:00", "2026-04-06T12:00+10:30", "2026-04-05T01:45+11:00", "2026-04-06T01:45+10:30"),
    daily("in a gap", "America/New_York", "02:30", "2026-03-07T12:00-05:00", "2026-03-09T12:00-04:00", "2026-03-08T03:30-04:00", "2026-03-09T02:30-04:00"),
    daily("a day that did not exist is not made up for", "Pacific/Apia", "09:00", "2011-12-28T12:00-10:00", "2012-01-01T12:00+14:00", "2011-12-29T09:00-10:00", "2011-12-31T09:00+14:00", "2012-01-01T09:00+14:00"),
    daily("at a quarter to", "Asia/Kathmandu", "00:00", "2026-03-02T00:00+05:45", "2026-03-04T12:00+05:45", "2026-03-03T00:00+05:45", "2026-03-04T00:00+05:45"),
    daily("clocks that go back for Ramadan", "Africa/Casablanca", "02:30", "2026-02-14T12:00+01:00", "2026-02-16T12:00+00:00", "2026-02-15T02:30+01:00", "2026-02-16T02:30+00:00"),
    {
      name: "the 31st is the last of every month", zone: "Europe/Warsaw", program: "rule r { on every month on 31 at 09:00  emit \"x\" }", events: [["2026-01-31T09:00+01:00", "e"]], until: "2026-05-01T00:00Z",
      told: [["x", "2026-02-28T09:00+01:00"], ["x", "2026-03-31T09:00+02:00"], ["x", "2026-04-30T09:00+02:00"]],
    },
    {
      name: "every Sunday, also when clocks change on it", zone: "Europe/Warsaw", program: "rule r { on every sunday at 02:30  emit \"x\" }", events: [["2026-03-21T12:00+01:00", "e"]], until: "2026-04-05T12:00+02:00",
      told: [["x", "2026-03-22T02:30+01:00"], ["x", "2026-03-29T03:30+02:00"], ["x", "2026-04-05T02:30+02:00"]],
    },
    birthday("29 February, on the 28th in other years", "Europe/Warsaw", "2024-02-29", "2024-03-01T00:00+01:00", "2028-03-01T00:00+01:00",
      "2025-02-28T09:00+01:00", "2026-02-28T09:00+01:00", "2027-02-28T09:00+01:00", "2028-02-29T09:00+01:00"),
    birthday("not on the day itself, from the year after", "America/New_York", "2026-03-08", "2026-03-08T00:00-05:00", "2027-03-09T00:00-05:00", "2027-03-08T09:00-05:00"),
    birthday("on a day that did not exist, the day after", "Pacific/Apia", "1990-12-30", "2011-01-01T12:00-10:00", "2012-12-31T12:00+14:00", "2011-12-31T09:00+14:00", "2012-12-30T09:00+14:00"),
    birthday("when clocks change", "Australia/Lord_Howe", "2000-04-05", "2026-04-04T12:00+11:00", "2026-04-06T12:00+10:30", "2026-04-05T09:00+10:30"),
  ]);
});

describe("quiet hours", () => {
  const quiet = (name: string, zone: string, hours: string, event: string, comes: string | null, until: string): Case => ({
    name, zone, program: `channel email { when true  quiet ${hours} }  rule r { on e  send email "x" }`, events: [[event, "e"]], until,
    told: comes === event ? [["email x", event]] : [["held email x", event], ...(comes === null ? [] : [["email x", comes] as const])],
  });
  table([
    quiet("the shorter night", "Europe/Warsaw", "21:00 to 08:00", "2026-03-28T22:00+01:00", "2026-03-29T08:00+02:00", "2026-03-30T00:00Z"),
    quiet("the longer night", "Europe/Warsaw", "21:00 to 08:00", "2026-10-24T22:00+02:00", "2026-10-25T08:00+01:00", "2026-10-26T00:00Z"),
    quiet("an end that is jumped over", "America/New_York", "22:00 to 02:30", "2026-03-08T00:00-05:00", "2026-03-08T03:00-04:00", "2026-03-09T00:00Z"),
    quiet("an end that comes twice, the first time", "America/New_York", "22:00 to 01:30", "2026-11-01T00:00-04:00", "2026-11-01T01:30-04:00", "2026-11-02T00:00Z"),
    quiet("hours that are jumped over are quiet for nobody", "Europe/Warsaw", "02:00 to 03:00", "2026-03-29T03:00+02:00", "2026-03-29T03:00+02:00", "2026-03-30T00:00Z"),
    quiet("hours that come twice are quiet twice", "Europe/Warsaw", "02:00 to 03:00", "2026-10-25T02:59+02:00", "2026-10-25T03:00+01:00", "2026-10-26T00:00Z"),
    quiet("the start belongs to them", "Asia/Kathmandu", "21:00 to 08:00", "2026-03-02T21:00+05:45", "2026-03-03T08:00+05:45", "2026-03-04T00:00Z"),
    quiet("the end does not", "Asia/Kathmandu", "21:00 to 08:00", "2026-03-02T08:00+05:45", "2026-03-02T08:00+05:45", "2026-03-04T00:00Z"),
    quiet("half an hour back", "Australia/Lord_Howe", "01:40 to 01:50", "2026-04-05T01:45+11:00", "2026-04-05T01:50+11:00", "2026-04-06T00:00Z"),
    quiet("over a day that did not exist", "Pacific/Apia", "21:00 to 08:00", "2011-12-29T22:00-10:00", "2011-12-31T08:00+14:00", "2012-01-02T00:00Z"),
    {
      name: "held where it is night; moving on to the morning lets it go", zone: "America/New_York", program: "channel email { when true  quiet 21:00 to 08:00 }  rule r { on e  send email \"x\" }",
      events: [["2026-03-02T22:00-05:00", "e"], ["2026-03-02T23:00-05:00", "profile_updated", { timezone: "Asia/Kathmandu" }]], until: "2026-03-04T00:00Z",
      told: [["held email x", "2026-03-02T22:00-05:00"], ["email x", "2026-03-02T23:00-05:00"]],
    },
  ]);
});

describe("caps of calendar periods", () => {
  const capped = (name: string, zone: string, cap: string, events: readonly string[], sent: readonly boolean[]): Case => ({
    name, zone, program: `channel email { when true  at most 1 ${cap} }  rule r { on e  send email "x" }`, events: events.map((each) => [each, "e"] as const), until: events.at(-1) ?? "",
    told: events.map((each, i) => [sent[i] === true ? "email x" : "suppressed email x", each] as const),
  });
  table([
    capped("a day of 25 hours", "Europe/Warsaw", "per day", ["2026-10-25T00:00+02:00", "2026-10-25T23:59+01:00", "2026-10-26T00:00+01:00"], [true, false, true]),
    capped("a day of 23 hours", "Europe/Warsaw", "per day", ["2026-03-29T00:00+01:00", "2026-03-29T23:59+02:00", "2026-03-30T00:00+02:00"], [true, false, true]),
    capped("a week from Monday", "America/New_York", "per week", ["2026-03-08T23:59-04:00", "2026-03-09T00:00-04:00", "2026-03-15T23:59-04:00"], [true, true, false]),
    capped("a month", "Asia/Kathmandu", "per month", ["2026-02-28T23:59+05:45", "2026-03-01T00:00+05:45", "2026-03-31T23:59+05:45"], [true, true, false]),
    capped("a calendar month that slides", "Europe/Warsaw", "per 1 month", ["2026-01-31T12:00+01:00", "2026-02-28T11:59+01:00", "2026-02-28T12:00+01:00"], [true, false, true]),
  ]);
});

describe("dates and times that are added to", () => {
  const computed = (name: string, zone: string, expression: string, data: object, value: unknown, now = "2026-03-02T10:00+00:00"): Case => ({
    name, zone, program: `rule r { on e  emit "x" { is: ${expression} } }`, events: [[now, "e", data]], until: now, told: [[`x {"is":${JSON.stringify(value)}}`, now]],
  });
  table([
    computed("29 February + 1 year", "UTC", "event.on + 1 year", { on: "2024-02-29" }, "2025-02-28"),
    computed("29 February + 4 years", "UTC", "event.on + 4 years", { on: "2024-02-29" }, "2028-02-29"),
    computed("29 February - 1 year", "UTC", "event.on - 1 year", { on: "2024-02-29" }, "2023-02-28"),
    computed("31 March - 1 month", "UTC", "event.on - 1 month", { on: "2026-03-31" }, "2026-02-28"),
    computed("31 January + 1 month", "UTC", "event.on + 1 month", { on: "2026-01-31" }, "2026-02-28"),
    computed("a time on 29 February + 1 year", "Europe/Warsaw", "event.at + 1 year", { at: "2024-02-29T10:00:00+01:00" }, "2025-02-28T09:00:00Z"),
    computed("the day before clocks change", "Europe/Warsaw", "event.at + 1 month", { at: "2026-02-28T02:30:00+01:00" }, "2026-03-28T01:30:00Z"),
    computed("into a gap", "America/New_York", "event.at + 1 month", { at: "2026-02-08T02:30:00-05:00" }, "2026-03-08T07:30:00Z"),
    computed("back into a gap", "America/New_York", "event.at - 1 month", { at: "2026-04-08T02:30:00-04:00" }, "2026-03-08T07:30:00Z"),
    computed("into an hour that comes twice", "America/New_York", "event.at + 1 month", { at: "2026-10-01T01:30:00-04:00" }, "2026-11-01T05:30:00Z"),
    computed("into a day that did not exist", "Pacific/Apia", "event.at + 1 month", { at: "2011-11-30T10:00:00-10:00" }, "2011-12-30T20:00:00Z"),
    computed("days are hours, across the change", "Europe/Warsaw", "event.at + 1 day", { at: "2026-03-28T10:00:00+01:00" }, "2026-03-29T09:00:00Z"),
    computed("the date of an instant is the customer's", "Asia/Kathmandu", "date(event.at)", { at: "2026-03-02T18:15:00Z" }, "2026-03-03"),
    computed("the hour too", "Asia/Kathmandu", "hour(event.at)", { at: "2026-03-02T18:14:59Z" }, 23),
    computed("the second time it is two", "Europe/Warsaw", "hour(event.at)", { at: "2026-10-25T01:30:00Z" }, 2),
    computed("an instant in a program, in a gap", "Europe/Warsaw", "event.at >= 2026-03-29 02:30", { at: "2026-03-29T01:29:59Z" }, false),
    computed("an instant in a program, in a gap, reached", "Europe/Warsaw", "event.at >= 2026-03-29 02:30", { at: "2026-03-29T01:30:00Z" }, true),
    computed("age on the day before", "Europe/Warsaw", "age(event.on)", { on: "2000-02-29" }, 24, "2025-02-27T22:59:59Z"),
    computed("age of 29 February on the 28th", "Europe/Warsaw", "age(event.on)", { on: "2000-02-29" }, 25, "2025-02-27T23:00:00Z"),
    computed("age of 29 February in a leap year, on the 28th", "Europe/Warsaw", "age(event.on)", { on: "2000-02-29" }, 27, "2028-02-28T12:00:00Z"),
    computed("age of 29 February in a leap year, on the 29th", "Europe/Warsaw", "age(event.on)", { on: "2000-02-29" }, 28, "2028-02-29T12:00:00Z"),
    computed("age where a day was missing", "Pacific/Apia", "age(event.on)", { on: "1991-12-30" }, 20, "2011-12-30T10:00:00Z"),
  ]);
});

describe("conditions that time alone turns", () => {
  table([
    {
      name: "eighteen at midnight, born on 29 February", zone: "Europe/Warsaw", program: "segment adult when age(profile.born) >= 18",
      events: [["2026-01-01T12:00Z", "profile_updated", { born: "2008-02-29" }]], until: "2026-03-05T00:00Z", told: [["enter adult", "2026-02-28T00:00+01:00"]],
    },
    {
      name: "the hours that come twice", zone: "Europe/Warsaw", program: "segment two when hour(now) == 2",
      events: [["2026-10-25T00:00+02:00", "e"]], until: "2026-10-25T12:00Z", told: [["enter two", "2026-10-25T02:00+02:00"], ["leave two", "2026-10-25T03:00+01:00"]],
    },
    {
      name: "the hour that is jumped over", zone: "Europe/Warsaw", program: "segment two when hour(now) == 2",
      events: [["2026-03-29T00:00+01:00", "e"]], until: "2026-03-30T01:00+02:00", told: [],
    },
    {
      name: "a weekend without its Friday before it", zone: "Pacific/Apia", program: "segment free when weekend(now)",
      events: [["2011-12-29T12:00-10:00", "e"]], until: "2012-01-03T00:00Z", told: [["enter free", "2011-12-31T00:00+14:00"], ["leave free", "2012-01-02T00:00+14:00"]],
    },
    {
      name: "a month in a segment, from the 31st", zone: "Europe/Warsaw", program: "segment loyal when any(e) for at least 1 month",
      events: [["2026-01-31T10:00+01:00", "e"]], until: "2026-03-05T00:00Z", told: [["enter loyal", "2026-02-28T10:00+01:00"]],
    },
    {
      name: "silence for a month, across the change", zone: "Europe/Warsaw", program: "segment silent when no e for 1 month",
      events: [["2026-03-01T10:00+01:00", "e"]], until: "2026-04-05T00:00Z", told: [["enter silent", "2026-04-01T10:00+02:00"]],
    },
    {
      name: "what expires within a month", zone: "Europe/Warsaw",
      program: "points stars { earn 5 on e expire after 12 months }  segment soon when stars.expiring within 1 month > 0  segment some when stars > 0",
      events: [["2025-03-31T10:00+02:00", "e"]], until: "2026-05-01T00:00Z",
      told: [["enter some", "2025-03-31T10:00+02:00"], ["enter soon", "2026-02-28T10:00+01:00"], ["leave some", "2026-03-31T10:00+02:00"], ["leave soon", "2026-03-31T10:00+02:00"]],
    },
  ]);
});

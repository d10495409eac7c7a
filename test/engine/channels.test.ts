/**
 * Messages through channels, against a model that goes through every minute: what is sent, held, released and dropped,
 * when and in which order.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { offsetAt, zoneOf } from "../../engine/zone.js";
import { leavesAt } from "./naive-aggregates.js";
import { compiled, story } from "./story.js";
import { changesOf } from "./zones.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const ZONES = ["Europe/Warsaw", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Casablanca"] as const;

const PROGRAM = compiled(`
  event mail { n: number  urgent: boolean }
  event push { n: number }
  event ended
  profile {
    timezone: string = "Europe/Warsaw"
    consent: { mail: boolean = true, push: boolean = true }
    busy: boolean = false
  }
  channel email { when profile.consent.mail  quiet 12:00 to 13:00  at most 2 per day }
  channel note { when profile.consent.push  quiet when profile.busy  quiet when hour(now) == 17 }
  channels marketing = email, note { quiet 21:00 to 08:00  at most 3 per 2 days }
  rule mails {
    on mail
    per event.n
    until ended
    if event.urgent { send email "m" { n: event.n } urgent } else { send email "m" { n: event.n } }
    emit "behind" { n: event.n }
  }
  rule pushes { on push  repeat restart  until ended  send note "p" { n: event.n } }
`);

type Happening =
  | { readonly k: "mail"; readonly urgent: boolean }
  | { readonly k: "push" | "ended" }
  | { readonly k: "profile"; readonly patch: { readonly timezone?: string; readonly consent?: { readonly mail?: boolean; readonly push?: boolean }; readonly busy?: boolean } };

const happenings: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ k: fc.constant("mail" as const), urgent: fc.constantFrom(false, false, false, true) }) },
  { weight: 4, arbitrary: fc.constant({ k: "push" as const }) },
  { weight: 1, arbitrary: fc.constant({ k: "ended" as const }) },
  {
    weight: 3, arbitrary: fc.record({
      k: fc.constant("profile" as const),
      patch: fc.oneof(
        fc.constantFrom(...ZONES).map((timezone) => ({ timezone })), fc.boolean().map((busy) => ({ busy })),
        fc.boolean().map((mail) => ({ consent: { mail } })), fc.boolean().map((push) => ({ consent: { push } })),
      ),
    }),
  },
);
const pauses = fc.oneof(fc.constantFrom(0, 1, 59, 60, 180, 600), fc.integer({ min: 0, max: 1500 })).map((minutes) => minutes * MINUTE);

interface Message { readonly rule: "mails" | "pushes"; readonly n: number; readonly urgent: boolean }

/** The same by going through every minute, keeping everything. */
function model(): { readonly log: string[]; happen(what: Happening, n: number, now: number): void; through(from: number, to: number): void } {
  const log: string[] = [];
  const profile = { timezone: "Europe/Warsaw", mail: true, push: true, busy: false };
  const sent: { readonly email: boolean; readonly at: number }[] = [];
  let held: Message[] = [];
  const hour = (now: number): number => { const local = now + offsetAt(zoneOf(profile.timezone), now); return (((local % DAY) + DAY) % DAY) / HOUR; };
  const isQuiet = ({ rule }: Message, now: number): boolean => {
    const clock = hour(now);
    return clock >= 21 || clock < 8 || (rule === "mails" ? clock >= 12 && clock < 13 : profile.busy || Math.floor(clock) === 17);
  };
  const isFull = ({ rule }: Message, now: number): boolean =>
    (rule === "mails" && sent.filter(({ email, at }) => email && now < leavesAt({ k: "period", unit: "day" }, profile.timezone, at)).length >= 2)
    || sent.filter(({ at }) => now < at + 2 * DAY).length >= 3;
  const say = (what: string, { rule, n }: Message, now: number): void => void log.push(`${new Date(now).toISOString()} ${what} ${rule === "mails" ? "email m" : "note p"}${what === "send" ? ` ${n}` : ""}`);
  const isAllowed = ({ rule }: Message): boolean => (rule === "mails" ? profile.mail : profile.push);
  const goOn = ({ rule, n }: Message, now: number): void => { if (rule === "mails") log.push(`${new Date(now).toISOString()} behind ${n}`); };
  const attempt = (message: Message, now: number): void => {
    if (!isAllowed(message)) say("consent", message, now);
    else if (!message.urgent && isQuiet(message, now)) {
      say("held", message, now);
      held.push(message);
      return;
    } else if (!message.urgent && isFull(message, now)) say("cap", message, now);
    else {
      say("send", message, now);
      sent.push({ email: message.rule === "mails", at: now });
    }
    goOn(message, now);
  };
  const release = (now: number): void => {
    const free = held.filter((message) => !isQuiet(message, now));
    held = held.filter((message) => !free.includes(message));
    for (const message of free) attempt(message, now);
  };
  const drop = (gone: readonly Message[], now: number): void => {
    held = held.filter((message) => !gone.includes(message));
    for (const message of gone) say("ended", message, now);
  };
  return {
    log,
    through(from, to) { for (let now = from; now <= to && held.length > 0; now += MINUTE) release(now); },
    happen(what, n, now) {
      switch (what.k) {
        case "profile":
          Object.assign(profile, { ...what.patch, ...what.patch.consent });
          release(now);
          break;
        case "ended":
          // By rule, then by start; a rule's runs here start in the order of holding.
          drop([...held.filter(({ rule }) => rule === "mails"), ...held.filter(({ rule }) => rule === "pushes")], now);
          break;
        case "mail": attempt({ rule: "mails", n, urgent: what.urgent }, now); break;
        case "push":
          drop(held.filter(({ rule }) => rule === "pushes"), now);
          attempt({ rule: "pushes", n, urgent: false }, now);
          break;
      }
    },
  };
}

describe("messages through channels", () => {
  test("are sent, held, released and dropped as a model says that looks every minute", () => {
    const starts = fc.constantFrom(...ZONES.flatMap((zone) => changesOf(zone).filter((at) => at > Date.UTC(2026, 0, 1)).slice(0, 2))).map((at) => at - 2 * DAY);
    fc.assert(fc.property(starts, fc.array(fc.tuple(pauses, happenings, fc.boolean()), { maxLength: 25 }), (start, list) => {
      const one = story(PROGRAM);
      const naive = model();
      let now = start;
      list.forEach(([pause, what, stored], n) => {
        if (stored) one.stored();
        naive.through(now, (now += pause));
        naive.happen(what, n, now);
        if (what.k === "profile") one.event("profile_updated", what.patch, now);
        else one.event(what.k, what.k === "ended" ? {} : what.k === "mail" ? { n, urgent: what.urgent } : { n }, now);
      });
      naive.through(now, now + 5 * DAY);
      one.until(now + 5 * DAY);
      const log = one.told.flatMap((each) => {
        switch (each.k) {
          case "action": return [`${new Date(each.at).toISOString()} ${each.what === "behind" ? "behind" : `send ${each.what}`} ${(each.payload as { n: number }).n}`];
          case "held": return [`${new Date(each.at).toISOString()} held ${each.what}`];
          case "suppressed": return [`${new Date(each.at).toISOString()} ${each.reason ?? ""} ${each.what}`];
          default: return [];
        }
      });
      expect(log).toEqual(naive.log);
    }), { numRuns: 600, seed: 20260302 });
  });
});

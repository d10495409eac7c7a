/** `on every …`: what falls on a time of the customer's wall clock happens once, whatever clocks and zones do. */
import { rows } from "./rows.js";

const ZONED = `event e
    profile { timezone: string = "Europe/Warsaw"  birthday: date?  on: boolean = true }`;

rows("schedules", [
  ["every day, from when the customer is first known", `
    ${ZONED}
    rule r { on every day at 09:00  emit "r" { at: now } }
  `, `
    at 2026-03-02 08:59:59 e
    at 2026-03-02 09:00
      expect emit "r" { at: 2026-03-02 09:00 }
    at 2026-03-04 12:00
      expect at 2026-03-03 09:00 emit "r"
      expect at 2026-03-04 09:00 emit "r"
      expect nothing else
  `],
  ["somebody whose first event comes at that very time is not known before it", `
    ${ZONED}
    rule r { on every day at 09:00  emit "r" }
  `, `
    at 2026-03-02 09:00 e
      expect nothing
    at 2026-03-03 08:59:59.999
      expect nothing
    at 2026-03-03 09:00
      expect emit "r"
  `],
  ["it comes before an event of that instant", `
    event e
    rule r { on every day at 09:00  emit "r" { n: count(e) } }
  `, `
    at 2026-03-02 08:00 e
    at 2026-03-02 09:00 e
      expect emit "r" { n: 1 }
  `],
  ["every Monday", `
    ${ZONED}
    rule r { on every monday at 09:00  emit "r" }
  `, `
    at 2026-03-02 10:00 e
    at 2026-03-09 08:59:59.999
      expect nothing
    at 2026-03-09 09:00
      expect emit "r"
    at 2026-03-16 09:00
      expect emit "r"
      expect nothing else
  `],
  ["every month on the 31st: its last day where there is none", `
    ${ZONED}
    rule r { on every month on 31 at 09:00  emit "r" }
  `, `
    at 2026-01-31 10:00 e
    at 2026-06-01 00:00
      expect at 2026-02-28 09:00 emit "r"
      expect at 2026-03-31 09:00 emit "r"
      expect at 2026-04-30 09:00 emit "r"
      expect at 2026-05-31 09:00 emit "r"
      expect nothing else
    at 2028-02-29 09:00
      expect at 2028-02-29 09:00 emit "r"
  `],
  ["several of them, and events: any starts it, one instant once", `
    ${ZONED}
    rule r { on every day at 09:00  on every monday at 09:00  on every day at 18:00  on e  emit "r" { by_event: event != null } }
  `, `
    at 2026-03-02 08:00 e
      expect emit "r" { by_event: true }
    at 2026-03-02 20:00
      expect at 2026-03-02 09:00 emit "r" { by_event: false }
      expect at 2026-03-02 18:00 emit "r" { by_event: false }
      expect nothing else
  `],
  ["`when`, caps, `until` and a run that is going are asked as for events", `
    ${ZONED}
    rule a { on every day at 09:00  when profile.on  emit "a" }
    rule b { on every day at 09:00  at most 1 per week  emit "b" }
    rule c { on every day at 09:00  until not profile.on  wait 36 hours  emit "c" }
  `, `
    at 2026-03-02 08:00 e
    at 2026-03-02 10:00 profile_updated { on: false }
      expect emit "a"
      expect emit "b"
      expect nothing else
    at 2026-03-03 10:00 profile_updated { on: true }
      expect nothing
    at 2026-03-05 21:00
      expect at 2026-03-04 09:00 emit "a"
      expect at 2026-03-05 09:00 emit "a"
      expect at 2026-03-05 21:00 emit "c"
      expect nothing else
  `],
  ["a time that the clocks leave out comes as much later, one that comes twice comes once", `
    ${ZONED}
    rule r { on every day at 02:30  emit "r" { at: now } }
  `, `
    at 2026-03-28 12:00 e
    at 2026-03-30 02:29
      expect at 2026-03-29 03:30 emit "r"
      expect nothing else
    at 2026-10-24 12:00
    at 2026-10-26 02:29
      expect emit "r"
      expect nothing else
  `],
  ["midnights that do not exist", `
    event e
    profile { timezone: string = "America/Havana" }
    rule r { on every day at 00:00  emit "r" }
  `, `
    at 2026-03-07 12:00 e
    at 2026-03-07 23:59:59.999
      expect nothing
    at 2026-03-08 01:00
      expect emit "r"
    at 2026-03-09 00:00
      expect emit "r"
  `],
]);

rows("schedules and another zone", [
  ["west: what has been does not come again that day", `
    ${ZONED}
    rule r { on every day at 09:00  emit "r" }
  `, `
    at 2026-03-02 08:00 e
    at 2026-03-02 09:00
      expect emit "r"
    at 2026-03-02 10:00 profile_updated { timezone: "America/New_York" }
    at 2026-03-02 23:59
      expect nothing
    at 2026-03-03 09:00
      expect emit "r"
      expect nothing else
  `],
  ["west, before the time: it comes by the new clock", `
    ${ZONED}
    rule r { on every day at 09:00  emit "r" }
  `, `
    at 2026-03-02 08:00 e
    at 2026-03-02 08:30 profile_updated { timezone: "America/New_York" }
    at 2026-03-02 08:59:59.999
      expect nothing
    at 2026-03-02 09:00
      expect emit "r"
  `],
  ["east: what the clock jumps over comes at once, and not again", `
    event e
    profile { timezone: string = "America/New_York" }
    rule r { on every day at 09:00  emit "r" { at: now } }
  `, `
    at 2026-03-02 02:00 e
    at 2026-03-02 08:00 profile_updated { timezone: "Europe/Warsaw" }
      expect emit "r"
      expect nothing else
    at 2026-03-03 08:59:59.999
      expect nothing
    at 2026-03-03 09:00
      expect emit "r"
  `],
  ["east, and the time is still to come: it comes by the new clock", `
    event e
    profile { timezone: string = "America/New_York" }
    rule r { on every day at 21:00  emit "r" }
  `, `
    at 2026-03-02 10:00 e
    at 2026-03-02 11:00 profile_updated { timezone: "Europe/Warsaw" }
      expect nothing
    at 2026-03-02 21:00
      expect emit "r"
  `],
  ["there and back: once a day", `
    ${ZONED}
    rule r { on every day at 09:00  emit "r" }
  `, `
    at 2026-03-02 08:00 e
    at 2026-03-02 08:30 profile_updated { timezone: "Asia/Tokyo" }
      expect emit "r"
    at 2026-03-02 17:00 profile_updated { timezone: "Europe/Warsaw" }
    at 2026-03-02 23:00
      expect nothing
    at 2026-03-03 09:00
      expect emit "r"
      expect nothing else
  `],
  ["over the date line and back a date twice: it is one date", `
    event e
    profile { timezone: string = "Pacific/Kiritimati" }
    rule r { on every day at 09:00  emit "r" { on: date(now) } }
  `, `
    at 2026-03-02 08:00 e
    at 2026-03-02 09:00
      expect emit "r" { on: 2026-03-02 }
    at 2026-03-02 10:00 profile_updated { timezone: "Pacific/Honolulu" }
    at 2026-03-02 23:00
      expect nothing
    at 2026-03-03 09:00
      expect emit "r" { on: 2026-03-03 }
      expect nothing else
  `],
  ["the zone of a new customer's first event is the one they always had", `
    event e
    profile { timezone: string = "America/New_York" }
    rule r { on every day at 09:00  emit "r" }
  `, `
    at 2026-03-02 08:00 profile_updated { timezone: "Europe/Warsaw" }
      expect nothing
    at 2026-03-03 09:00
      expect emit "r"
      expect nothing else
  `],
  ["a rule that sets the zone lets others come that it jumps over", `
    event e
    profile { timezone: string = "America/New_York" }
    rule a { on e  set profile.timezone = "Europe/Warsaw"  emit "a" }
    rule r { on every day at 09:00  emit "r" }
  `, `
    at 2026-03-02 02:00 profile_updated { }
    at 2026-03-02 08:00 e
      expect emit "a"
      expect emit "r"
      expect nothing else
  `],
]);

rows("anniversaries", [
  ["from the first year after, on 29 February's eve in other years", `
    ${ZONED}
    rule r { on every year on profile.birthday at 09:00  emit "r" { on: date(now) } }
  `, `
    profile { birthday: 2024-02-29 }
    at 2024-02-29 08:00 e
    at 2024-12-31 00:00
      expect nothing
    at 2029-01-01 00:00
      expect at 2025-02-28 09:00 emit "r"
      expect at 2026-02-28 09:00 emit "r"
      expect at 2027-02-28 09:00 emit "r"
      expect at 2028-02-29 09:00 emit "r"
      expect nothing else
  `],
  ["a date that becomes known, another one, unknown", `
    ${ZONED}
    rule r { on every year on profile.birthday at 09:00  emit "r" }
  `, `
    at 2026-03-02 08:00 e
    at 2026-03-02 10:00 profile_updated { birthday: 1990-03-02 }
    at 2026-03-04 08:00 profile_updated { birthday: 1990-03-04 }
      expect nothing
    at 2026-03-04 09:00
      expect emit "r"
    at 2026-03-05 08:00 profile_updated { birthday: 1990-03-06 }
    at 2026-03-06 08:00 profile_updated { birthday: null }
    at 2026-12-31 09:00
      expect nothing
  `],
  ["a date to come is not celebrated before the year after it", `
    ${ZONED}
    rule r { on every year on profile.birthday at 09:00  emit "r" }
  `, `
    profile { birthday: 2027-05-01 }
    at 2026-03-02 08:00 e
    at 2027-12-31 09:00
      expect nothing
    at 2028-05-01 09:00
      expect emit "r"
  `],
  ["once on a date, also where the date is corrected to another year, or the zone changes", `
    ${ZONED}
    rule r { on every year on profile.birthday at 09:00  emit "r" }
  `, `
    profile { birthday: 1990-03-02 }
    at 2026-03-02 08:00 e
    at 2026-03-02 09:00
      expect emit "r"
    at 2026-03-02 09:00 profile_updated { birthday: 1991-03-02, timezone: "America/New_York" }
    at 2026-03-03 12:00
      expect nothing
  `],
  ["a date that is computed, and drifts out of a window by time alone", `
    event e
    rule r { on every year on date(last(e).time over 400 days) at 09:00  emit "r" { on: date(now) } }
    rule s { on every year on date(first(e).time over 370 days) at 09:00  emit "s" { on: date(now) } }
  `, `
    at 2026-03-01 12:00 e
    at 2026-03-10 12:00 e
    at 2027-03-01 09:00
      expect emit "s" { on: 2027-03-01 }
      expect nothing else
    at 2027-04-01 00:00
      expect at 2027-03-10 09:00 emit "r"
      expect at 2027-03-10 09:00 emit "s"
      expect nothing else
    at 2028-12-31 00:00
      expect nothing
  `],
  ["a trait may be the date", `
    event order { n: number }
    trait first_order = date(first(order).time)
    rule r { on every year on first_order at 10:00  emit "r" { years: year(now) - year(first(order).time) } }
  `, `
    at 2026-06-15 23:30 order
    at 2028-06-15 10:00
      expect at 2027-06-15 10:00 emit "r" { years: 1 }
      expect at 2028-06-15 10:00 emit "r" { years: 2 }
      expect nothing else
  `],
  ["of two schedules of a rule that fall on one date both come", `
    ${ZONED}
    rule r { on every day at 08:00  on every year on profile.birthday at 09:00  on every year on profile.birthday at 18:00  emit "r" }
  `, `
    profile { birthday: 1990-03-02 }
    at 2026-03-01 12:00 e
    at 2026-03-03 00:00
      expect at 2026-03-02 08:00 emit "r"
      expect at 2026-03-02 09:00 emit "r"
      expect at 2026-03-02 18:00 emit "r"
      expect nothing else
  `],
  ["a time in a gap comes though another schedule of the rule falls before it", `
    ${ZONED}
    rule r { on every day at 02:30  on every day at 03:00  emit "r" }
  `, `
    at 2026-03-28 12:00 e
    at 2026-03-29 12:00
      expect at 2026-03-29 03:00 emit "r"
      expect at 2026-03-29 03:30 emit "r"
      expect nothing else
  `],
  ["a date that no calendar has is none", `
    event e
    profile { n: number = 0  birthday: date? }
    rule r { on every year on profile.birthday + profile.n * profile.n * 1 day at 09:00  emit "r" }
    rule s { on every year on profile.birthday + (profile.n * profile.n - profile.n * profile.n) * 1 day at 09:00  emit "s" }
    rule big { on e  set profile.n = 9007199254740991 * 9007199254740991  set profile.n = profile.n * profile.n * profile.n
      set profile.n = profile.n * profile.n * profile.n * profile.n * profile.n * profile.n }
  `, `
    profile { birthday: 1990-03-02 }
    at 2026-03-01 12:00 e
    at 2027-03-01 12:00
      expect nothing
  `],
]);

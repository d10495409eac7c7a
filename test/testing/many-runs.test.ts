/** `per`, restarts, caps and bounds: how many runs of a rule there are. */
import { rows } from "./rows.js";

rows("per", [
  ["one run per value, each with its own event and its own wait", `
    event cart { id: string, n: number }
    rule r { on cart  per event.id  wait 1 hour  emit "r" { id: event.id, n: event.n } }
  `, `
    at 2026-03-02 10:00 cart { id: "a", n: 1 }
    at 2026-03-02 10:10 cart { id: "b", n: 2 }
    at 2026-03-02 10:20 cart { id: "a", n: 3 }
    at 2026-03-02 12:00
      expect at 2026-03-02 11:00 emit "r" { id: "a", n: 1 }
      expect at 2026-03-02 11:10 emit "r" { id: "b", n: 2 }
      expect nothing else
  `],
  ["a restart concerns the run of that value", `
    event cart { id: string, n: number }
    rule r { on cart  per event.id  repeat restart  wait 1 hour  emit "r" { id: event.id, n: event.n } }
  `, `
    at 2026-03-02 10:00 cart { id: "a", n: 1 }
    at 2026-03-02 10:10 cart { id: "b", n: 2 }
    at 2026-03-02 10:20 cart { id: "a", n: 3 }
    at 2026-03-02 12:00
      expect at 2026-03-02 11:10 emit "r" { id: "b", n: 2 }
      expect at 2026-03-02 11:20 emit "r" { id: "a", n: 3 }
      expect nothing else
  `],
  ["an \`until\` ends those whose \`where\` holds", `
    event cart { id: string }
    event order { id: string }
    rule r { on cart  per event.id  until order where id == event.id  wait 1 hour  emit "r" { id: event.id } }
  `, `
    at 2026-03-02 10:00 cart { id: "a" }
    at 2026-03-02 10:10 cart { id: "b" }
    at 2026-03-02 10:20 order { id: "a" }
    at 2026-03-02 12:00
      expect emit "r" { id: "b" }
      expect nothing else
  `],
  ["caps count over all values", `
    event cart { id: string }
    rule r { on cart  per event.id  at most 2 per day  emit "r" { id: event.id } }
  `, `
    at 2026-03-02 10:00 cart { id: "a" }
    at 2026-03-02 10:00 cart { id: "b" }
      expect emit "r" { id: "b" }
    at 2026-03-02 10:00 cart { id: "c" }
      expect nothing
    at 2026-03-02 23:59:59.999 cart { id: "d" }
      expect nothing
    at 2026-03-03 00:00 cart { id: "d" }
      expect emit "r" { id: "d" }
  `],
  ["a missing value is one of its own", `
    event cart { id: string? }
    rule r { on cart  per event.id  wait 1 hour  emit "r" { id: event.id } }
  `, `
    at 2026-03-02 10:00 cart { }
    at 2026-03-02 10:00 cart { }
    at 2026-03-02 10:00 cart { id: "a" }
    at 2026-03-02 11:00
      expect emit "r" { id: null }
      expect emit "r" { id: "a" }
      expect nothing else
  `],
  ["numbers, truths, days and traits are values", `
    event e { n: number, d: date }
    trait even = count(e) % 2 == 0
    rule a { on e  per event.n  wait 1 hour  emit "a" { n: event.n } }
    rule b { on e  per even  wait 1 hour  emit "b" { d: event.d } }
    rule c { on e  per event.d  wait 1 hour  emit "c" { d: event.d } }
  `, `
    at 2026-03-02 10:00 e { n: 1, d: 2026-01-01 }
    at 2026-03-02 10:00 e { n: 2, d: 2026-01-02 }
    at 2026-03-02 10:00 e { n: 1, d: 2026-01-03 }
    at 2026-03-02 11:00
      expect emit "a" { n: 1 }
      expect emit "a" { n: 2 }
      expect emit "b" { d: 2026-01-01 }
      expect emit "b" { d: 2026-01-02 }
      expect emit "c" { d: 2026-01-01 }
      expect emit "c" { d: 2026-01-02 }
      expect emit "c" { d: 2026-01-03 }
      expect nothing else
  `],
  ["the 33rd ends the oldest, and what was held for that", `
    event cart { n: number }
    channel email { when true  quiet 21:00 to 08:00 }
    rule r { on cart  per event.n  send email "r" { n: event.n } }
  `, `
    at 2026-03-02 22:00 cart { n: 0 }
    ${Array.from({ length: 31 }, (_, i) => `at 2026-03-02 22:00 cart { n: ${i + 1} }`).join("\n")}
    at 2026-03-02 22:00 cart { n: 99 }
      expect suppressed email by ended
    at 2026-03-03 08:00
      ${[...Array.from({ length: 31 }, (_, i) => i + 1), 99].map((n) => `expect send email "r" { n: ${n} }`).join("\n")}
      expect nothing else
  `],
]);

rows("restarts", [
  ["take the new event, begin at the first step, and drop what was held", `
    event go { n: number }
    channel email { when true  quiet 21:00 to 08:00 }
    rule r { on go  repeat restart  wait 1 hour  send email "r" { n: event.n } }
  `, `
    at 2026-03-02 20:30 go { n: 1 }
    at 2026-03-02 21:30
      expect held email "r"
    at 2026-03-02 22:00 go { n: 2 }
      expect suppressed email by ended
    at 2026-03-03 08:00
      expect send email "r" { n: 2 }
      expect nothing else
  `],
  ["the event that does both ends the old run, and starts a new one, which caps count", `
    event go { n: number }
    rule r { on go  until go where n > event.n  at most 2 per 7 days  wait 1 day  emit "r" { n: event.n } }
  `, `
    at 2026-03-02 10:00 go { n: 1 }
    at 2026-03-02 11:00 go { n: 2 }
    at 2026-03-02 12:00 go { n: 1 }
    at 2026-03-02 13:00 go { n: 3 }
    at 2026-03-05 10:00
      expect nothing
  `],
]);

rows("caps on starts", [
  ["weeks begin on Monday, months on the first, in the customer's zone", `
    event go
    profile { timezone: string = "Asia/Tokyo" }
    rule w { on go  at most 1 per week  emit "w" }
    rule m { on go  at most 1 per month  emit "m" }
  `, `
    at 2026-02-28 23:59:59.999 go
      expect emit "w"
      expect emit "m"
    at 2026-03-01 00:00 go
      expect emit "m"
      expect nothing else
    at 2026-03-01 23:59:59.999 go
      expect nothing
    at 2026-03-02 00:00 go
      expect emit "w"
      expect nothing else
  `],
  ["months are the customer's: the 31st is the 28th a month on", `
    event go
    rule r { on go  at most 1 per 1 month  emit "r" }
  `, `
    at 2026-01-31 10:00 go
      expect emit "r"
    at 2026-02-28 09:59:59.999 go
      expect nothing
    at 2026-02-28 10:00 go
      expect emit "r"
  `],
]);

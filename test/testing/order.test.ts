/**
 * What happens in which order within an instant and within an event, and the clauses of rules: small programs, each with
 * a test in the language itself.
 */
import { rows } from "./rows.js";

rows("the order of things", [
  ["a field set by one rule ends what waits for it in another, though no membership turns", `
    event begin
    event other
    profile { done: boolean = false }
    rule a { on other  set profile.done = true }
    rule b { on begin  until profile.done  wait 1 day  emit "b" }
  `, `
    at 2026-03-02 10:00 begin
    at 2026-03-02 11:00 other
    at 2026-03-02 12:00 profile_updated { done: false }
    at 2026-03-04 10:00
      expect nothing
  `],
  ["aggregates and the profile come before segments, segments before starts", `
    event bought { total: number }
    segment rich when sum(bought.total) >= 100
    rule r { on bought  when rich  emit "rich" { sum: sum(bought.total) } }
    rule s { on enter rich  when any(bought where total > 90)  emit "entered" }
  `, `
    at 2026-03-02 10:00 bought { total: 60 }
      expect nothing
    at 2026-03-02 10:00 bought { total: 91 }
      expect emit "rich" { sum: 151 }
      expect emit "entered"
      expect nothing else
  `],
  ["`until` comes before waits: what is due at the instant at which the run ends does not happen", `
    event go
    event e
    segment silent when no e for 1 hour
    rule r { on go  until enter silent  wait 1 hour  emit "late" }
    rule q { on go  until leave silent  wait 1 hour  emit "kept" }
  `, `
    at 2026-03-02 10:00 e
    at 2026-03-02 10:00 go
    at 2026-03-02 11:00
      expect silent
      expect emit "kept"
      expect nothing else
  `],
  ["an event that ends a run at the instant at which it is due comes too late", `
    event go
    event e
    rule r { on go  until e  wait 1 hour  emit "due" }
  `, `
    at 2026-03-02 10:00 go
    at 2026-03-02 11:00 e
      expect emit "due"
    at 2026-03-02 12:00 go
    at 2026-03-02 12:59:59.999 e
    after 1 day
      expect nothing
  `],
  ["waits come before starts", `
    event go { n: number }
    profile { n: number = 0 }
    segment odd when profile.n % 2 == 1
    rule r { on go  repeat restart  wait 1 hour  set profile.n = profile.n + 1  emit "r" { n: event.n } }
    rule s { on enter odd  emit "s" { n: profile.n } }
  `, `
    at 2026-03-02 10:00 go { n: 1 }
    at 2026-03-02 11:00 go { n: 2 }
      expect emit "r" { n: 1 }
      expect emit "s" { n: 1 }
      expect nothing else
    after 1 hour
      expect emit "r" { n: 2 }
      expect not odd
      expect nothing else
  `],
  ["rules go by priority, then by name: each sees what those before it have done", `
    event e
    profile { seen: string = "" }
    rule c { on e  priority 2  set profile.seen = profile.seen + "c" }
    rule b { on e  set profile.seen = profile.seen + "b" }
    rule a { on e  set profile.seen = profile.seen + "a" }
    rule d { on e  priority 10  set profile.seen = profile.seen + "d" }
  `, `
    at 2026-03-02 10:00 e
      expect profile.seen == "dcab"
  `],
  ["waits end by priority, then by name, whichever began first", `
    event e
    event f
    profile { seen: string = "" }
    rule late_low { on e  wait 2 hours  set profile.seen = profile.seen + "l" }
    rule high { on f  priority 1  wait 1 hour  set profile.seen = profile.seen + "h" }
  `, `
    at 2026-03-02 10:00 e
    at 2026-03-02 11:00 f
    at 2026-03-02 12:00
      expect profile.seen == "hl"
  `],
  ["a run acts until it waits, sees its own effects, and what it causes in others follows", `
    event e
    profile { n: number = 0  seen: string = "" }
    segment positive when profile.n > 0
    rule first_rule { on e  priority 1  set profile.n = 1  set profile.seen = profile.seen + "1"  emit "own" { positive: positive, seen: profile.seen }  set profile.seen = profile.seen + "2" }
    rule second_rule { on enter positive  priority 9  set profile.seen = profile.seen + "s" }
    rule third_rule { on e  set profile.seen = profile.seen + "3" }
  `, `
    at 2026-03-02 10:00 e
      expect emit "own" { positive: true, seen: "1" }
      expect profile.seen == "123s"
  `],
  ["what a run causes may end it", `
    event e
    profile { n: number = 0 }
    segment positive when profile.n > 0
    rule r { on e  until enter positive  set profile.n = 1  emit "now"  wait 1 hour  emit "never" }
  `, `
    at 2026-03-02 10:00 e
      expect emit "now"
    after 1 day
      expect nothing
  `],
  ["leaving one segment and entering another at one instant are both announced, to those before and after", `
    event bought
    segment early when count(bought) == 1
    segment twice when count(bought) >= 2
    rule r { on leave early  emit "left" }
    rule s { on enter twice  emit "entered" }
    rule q { on enter early  until leave early  wait 1 hour  emit "early for an hour" }
  `, `
    at 2026-03-02 10:00 bought
      expect early and not twice
    after 30 minutes bought
      expect emit "left"
      expect emit "entered"
    after 1 day
      expect nothing
  `],
  ["a leave and an enter at one instant are both there", `
    event e { n: number }
    segment s when count(e) over 1 hour >= 1 until count(e) over 2 hours == 0
    rule r { on leave s  emit "left" }
    rule q { on enter s  emit "entered" }
  `, `
    at 2026-03-02 10:00 e
      expect emit "entered"
    at 2026-03-02 11:30
      expect s
      expect nothing
    at 2026-03-02 12:00 e
      expect s
      expect emit "left"
      expect emit "entered"
      expect nothing else
  `],
]);

rows("starts and ends", [
  ["a rule is going once; without `repeat restart` a start meanwhile is ignored", `
    event e { n: number }
    rule r { on e  wait 1 hour  emit "r" { n: event.n } }
  `, `
    at 2026-03-02 10:00 e { n: 1 }
    at 2026-03-02 10:30 e { n: 2 }
    at 2026-03-02 11:00 e { n: 3 }
      expect emit "r" { n: 1 }
      expect nothing else
    after 1 day
      expect at 2026-03-02 12:00 emit "r" { n: 3 }
      expect nothing else
  `],
  ["a restart takes the new event; `when` and `until` are checked for it too", `
    event e { n: number }
    rule r { on e  when profile.on  until profile.off  repeat restart  wait 1 hour  emit "r" { n: event.n } }
    profile { on: boolean = true  off: boolean = false }
  `, `
    at 2026-03-02 10:00 e { n: 1 }
    at 2026-03-02 10:30 e { n: 2 }
    at 2026-03-02 10:40 profile_updated { on: false }
    at 2026-03-02 10:50 e { n: 3 }
    at 2026-03-02 11:30
      expect emit "r" { n: 2 }
      expect nothing else
    at 2026-03-02 12:00 profile_updated { on: true, off: true }
    at 2026-03-02 12:00 e { n: 4 }
    after 1 day
      expect nothing
  `],
  ["a condition that comes true by time alone ends a run", `
    event e
    event f
    rule r { on e  until count(f) over 30 minutes == 0  wait 1 hour  emit "r" }
  `, `
    at 2026-03-02 10:00 f
    at 2026-03-02 10:00 e
    at 2026-03-02 10:20 f
    at 2026-03-02 11:00
      expect nothing
    at 2026-03-02 12:00 f
    at 2026-03-02 12:00 e
    at 2026-03-02 12:20 f
    at 2026-03-02 12:40 f
    at 2026-03-02 13:00
      expect emit "r"
  `],
  ["the event that starts a run does not end it; a later one that does both ends the old run first", `
    event e { n: number }
    rule r { on e  until e where n == event.n + 1  at most 2 per 1 day  wait 1 hour  emit "r" { n: event.n } }
  `, `
    at 2026-03-02 10:00 e { n: 1 }
    at 2026-03-02 10:10 e { n: 2 }
    at 2026-03-02 10:20 e { n: 3 }
    after 1 day
      expect nothing
    at 2026-03-03 10:20 e { n: 4 }
    after 1 hour
      expect emit "r" { n: 4 }
      expect nothing else
  `],
  ["the `where` of an end sees the event that started the run, the customer and traits, its own fields first", `
    event e { id: string  n: number }
    event f { id: string  n: number }
    profile { n: number = 5 }
    trait n_of_all = count(f)
    rule r { on e  until f where id == event.id and n > profile.n and n_of_all >= 2  wait 1 day  emit "r" }
  `, `
    at 2026-03-02 10:00 e { id: "a" }
    at 2026-03-02 11:00 f { id: "a", n: 6 }
    at 2026-03-02 12:00 f { id: "b", n: 6 }
    at 2026-03-02 13:00 f { id: "a", n: 5 }
    at 2026-03-03 10:00
      expect emit "r"
    at 2026-03-04 10:00 e { id: "a" }
    at 2026-03-04 11:00 f { id: "a", n: 6 }
    after 2 days
      expect nothing
  `],
  ["caps count starts, not restarts; a start at the very end of the time counts no more", `
    event e
    rule r { on e  repeat restart  at most 1 per 1 hour  wait 10 minutes  emit "r" }
  `, `
    at 2026-03-02 10:00 e
    at 2026-03-02 10:05 e
    at 2026-03-02 10:15
      expect emit "r"
    at 2026-03-02 10:59:59.999 e
    at 2026-03-02 11:00 e
    at 2026-03-02 11:10
      expect at 2026-03-02 11:10 emit "r"
      expect nothing else
  `],
  ["a `when` that is false uses up no cap", `
    event e { ok: boolean }
    rule r { on e  when event.ok  at most 1 per 1 day  emit "r" }
  `, `
    at 2026-03-02 10:00 e { ok: false }
    at 2026-03-02 10:00 e { ok: true }
      expect emit "r"
    at 2026-03-02 11:00 e { ok: true }
      expect nothing
  `],
  ["several events start a rule, and one event once", `
    event e { id: string  n: number }
    event f { id: string }
    rule r { on e where n > 1, f  on e where n > 2  emit "r" { id: event.id } }
  `, `
    at 2026-03-02 10:00 e { n: 3, id: "a" }
      expect emit "r" { id: "a" }
      expect nothing else
    at 2026-03-02 10:00 f { id: "b" }
      expect emit "r" { id: "b" }
  `],
]);

rows("steps", [
  ["expressions are evaluated when the step runs; `event` stays the one that started the run", `
    event e { n: number }
    trait sum_of_n = sum(e.n)
    rule r { on e where n == 1  wait 1 hour  emit "r" { n: event.n, sum: sum_of_n, own: event.time } }
  `, `
    at 2026-03-02 10:00 e { n: 1 }
    at 2026-03-02 10:30 e { n: 5 }
    at 2026-03-02 11:00
      expect emit "r" { n: 1, sum: 6, own: 2026-03-02 10:00 }
  `],
  ["a wait that is null, nothing or negative does not wait; one of months goes by the calendar", `
    event e { length: duration? }
    profile { timezone: string = "Europe/Warsaw" }
    rule r { on e  wait event.length  wait 0 hours  emit "r"  wait 1 month  emit "month" }
  `, `
    at 2026-01-31 10:00 e
      expect emit "r"
    at 2026-02-28 09:59:59
      expect nothing
    at 2026-02-28 10:00
      expect emit "month"
    at 2026-03-01 10:00 e { length: -1 * 1 hour }
      expect emit "r"
    at 2026-04-01 10:00
      expect emit "month"
    at 2026-05-01 10:00 e { length: 90 minutes }
      expect nothing
    after 90 minutes
      expect emit "r"
  `],
  ["`if`, `else if`, `else` and `stop`", `
    event e { n: number }
    rule r {
      on e
      if event.n == 1 { emit "one" } else if event.n == 2 { emit "two"  stop } else if event.n == 3 { wait 1 hour  emit "three" } else { emit "many" }
      emit "end"
    }
  `, `
    at 2026-03-02 10:00 e { n: 1 }
      expect emit "one" expect emit "end" expect nothing else
    at 2026-03-02 10:00 e { n: 2 }
      expect emit "two" expect nothing else
    at 2026-03-02 10:00 e { n: 4 }
      expect emit "many" expect emit "end" expect nothing else
    at 2026-03-02 10:00 e { n: 3 }
      expect nothing
    after 1 hour
      expect emit "three" expect emit "end" expect nothing else
  `],
  ["tags", `
    event e
    event f
    rule r { on e  tag "x"  tag "y"  tag "x" }
    rule s { on f  untag "x"  untag "z" }
    segment tagged when profile.tags contains "x"
  `, `
    at 2026-03-02 10:00 e
      expect profile.tags == ["x", "y"] and tagged
    at 2026-03-02 11:00 f
      expect profile.tags == ["y"] and not tagged
  `],
  ["a message without consent is suppressed and the run goes on; consent is asked when the message is sent", `
    event e
    profile { consent: { email: boolean = false } }
    channel email { when profile.consent.email }
    rule r { on e  send email "a"  wait 1 hour  send email "b" urgent  emit "end" }
  `, `
    at 2026-03-02 10:00 e
      expect suppressed email by consent
    at 2026-03-02 10:30 profile_updated { consent: { email: true } }
    at 2026-03-02 11:00 e
      expect send email "b"
      expect emit "end"
      expect send email "a"
      expect nothing else
    at 2026-03-02 11:30 profile_updated { consent: { email: false } }
    at 2026-03-02 12:00
      expect suppressed email by consent
      expect emit "end"
      expect nothing else
  `],
]);

rows("segments", [
  ["`for at least` waits for the whole time without a break, and begins anew after one", `
    event e { on: boolean }
    segment s when last(e.on) for at least 2 hours until not last(e.on) for at least 1 hour
  `, `
    at 2026-03-02 10:00 e { on: true }
    at 2026-03-02 11:59:59.999 e { on: false }
      expect not s
    at 2026-03-02 12:00 e { on: true }
      expect not s
    at 2026-03-02 13:59:59.999
      expect not s
    at 2026-03-02 14:00
      expect s
    at 2026-03-02 14:30 e { on: false }
      expect s
    at 2026-03-02 15:29:59.999
      expect s
    at 2026-03-02 15:30
      expect not s
  `],
  ["while both conditions hold, nobody is in", `
    profile { a: boolean = false  b: boolean = false }
    event e
    segment s when profile.a until profile.b
  `, `
    at 2026-03-02 10:00 profile_updated { a: true, b: true }
      expect not s
    after 1 hour profile_updated { b: false }
      expect s
    after 1 hour profile_updated { a: false }
      expect s
    after 1 hour profile_updated { b: true }
      expect not s
    after 1 hour profile_updated { b: false }
      expect not s
  `],
  ["`no E for D` counts from the last one, or else from the day on which the customer was first seen", `
    event e
    event f
    segment silent when no e for 30 days
  `, `
    at 2026-03-02 10:00 f
      expect not silent
    at 2026-04-01 09:59:59.999
      expect not silent
    at 2026-04-01 10:00
      expect silent
    at 2026-04-02 10:00 e late by 20 days
      expect not silent
    at 2026-04-12 09:59:59.999
      expect not silent
    at 2026-04-12 10:00
      expect silent
    at 2026-04-13 10:00 e late by 100 days
      expect silent
  `],
  ["calendar periods turn where the customer lives", `
    event e
    profile { timezone: string = "America/New_York" }
    segment today when any(e) this day
    segment this_week when count(e) this week >= 1
    segment this_month when count(e) this month >= 1
    segment this_year when count(e) this year >= 1
  `, `
    at 2026-12-31 12:00 e
      expect today and this_week and this_month and this_year
    at 2026-12-31 23:59:59.999
      expect today and this_month and this_year
    at 2027-01-01 00:00
      expect this_week and not today and not this_month and not this_year
    at 2027-01-03 23:59:59.999
      expect this_week
    at 2027-01-04 00:00
      expect not this_week
  `],
]);

/** Steps that wait: for a while, for a time of day, for what happens; to the millisecond at each edge. */
import { rows } from "./rows.js";

rows("wait for a while", [
  ["a duration that is computed when the step runs", `
    event go { hours: number }
    profile { slow: number = 1 }
    rule r { on go  wait event.hours * profile.slow * 1 hour  emit "r" }
  `, `
    at 2026-03-02 10:00 go { hours: 2 }
    at 2026-03-02 10:30 profile_updated { slow: 5 }
    at 2026-03-02 11:59:59.999
      expect nothing
    at 2026-03-02 12:00
      expect emit "r"
  `],
  ["a missing, negative or empty one does not wait", `
    event go { hours: number? }
    rule r { on go  wait event.hours * 1 hour  emit "r" { hours: event.hours } }
  `, `
    at 2026-03-02 10:00 go { }
      expect emit "r" { hours: null }
    at 2026-03-02 10:00 go { hours: -3 }
      expect emit "r" { hours: -3 }
    at 2026-03-02 10:00 go { hours: 0 }
      expect emit "r" { hours: 0 }
  `],
  ["parts of a millisecond are rounded up", `
    event go
    rule r { on go  wait 1 second / 3  emit "r" }
  `, `
    at 2026-03-02 10:00 go
    at 2026-03-02 10:00:00.333
      expect nothing
    at 2026-03-02 10:00:00.334
      expect emit "r"
  `],
  ["a month is the customer's, its last day where there is no such day", `
    event go
    rule r { on go  wait 1 month  emit "r" }
  `, `
    at 2026-01-31 10:00 go
    at 2026-02-28 09:59:59.999
      expect nothing
    at 2026-02-28 10:00
      expect emit "r"
  `],
]);

rows("wait until a time of day", [
  ["strictly later: at that very time it is tomorrow's", `
    event go
    rule r { on go  wait until 10:00  emit "r" }
  `, `
    at 2026-03-02 10:00 go
    at 2026-03-03 09:59:59.999
      expect nothing
    at 2026-03-03 10:00
      expect emit "r"
    at 2026-03-03 10:00:00.001 go
    at 2026-03-04 10:00
      expect emit "r"
    at 2026-03-05 09:59:59.999 go
    at 2026-03-05 10:00
      expect emit "r"
  `],
  ["a weekday, also the same one a week later", `
    event go
    rule r { on go  wait until monday 09:00  emit "r" }
  `, `
    at 2026-03-02 08:59 go
    at 2026-03-02 09:00
      expect emit "r"
    at 2026-03-02 09:00 go
    at 2026-03-09 08:59:59.999
      expect nothing
    at 2026-03-09 09:00
      expect emit "r"
    at 2026-03-11 12:00 go
    at 2026-03-16 09:00
      expect emit "r"
  `],
  ["a time that the clocks leave out comes as much later", `
    event go
    profile { timezone: string = "Europe/Warsaw" }
    rule r { on go  wait until 02:30  emit "r" }
  `, `
    at 2026-03-28 12:00 go
    at 2026-03-29 03:29:59.999
      expect nothing
    at 2026-03-29 03:30
      expect emit "r"
  `],
  ["of a time that comes twice the first counts, and the second is not waited for", `
    event go
    profile { timezone: string = "Europe/Warsaw" }
    rule r { on go  wait until 02:30  emit "r" }
  `, `
    at 2026-10-24 12:00 go
    at 2026-10-25 02:29:59.999
      expect nothing
    at 2026-10-25 02:30
      expect emit "r"
    after 10 minutes go
    after 50 minutes
      expect nothing
    at 2026-10-26 02:30
      expect emit "r"
  `],
  ["the wall clock is the one that the customer has, also when it changes while they wait", `
    event go
    profile { timezone: string = "Europe/Warsaw" }
    rule r { on go  wait until 18:00  emit "r" }
  `, `
    at 2026-03-02 12:00 go
    after 1 hour profile_updated { timezone: "America/New_York" }
    at 2026-03-02 17:59:59.999
      expect nothing
    at 2026-03-02 18:00
      expect emit "r"
  `],
  ["… and where the new clock is past it already, it is tomorrow's", `
    event go
    profile { timezone: string = "America/New_York" }
    rule r { on go  wait until 18:00  emit "r" }
  `, `
    at 2026-03-02 15:00 go
    after 1 hour profile_updated { timezone: "Europe/Warsaw" }
    at 2026-03-03 17:59:59.999
      expect nothing
    at 2026-03-03 18:00
      expect emit "r"
  `],
  ["a rule that sets the zone waits by the new one", `
    event go
    profile { timezone: string = "Europe/Warsaw" }
    rule r { on go  set profile.timezone = "Asia/Tokyo"  wait until 21:00  emit "r" }
  `, `
    at 2026-03-02 12:00 go
    after 1 hour
      expect emit "r"
  `],
]);

rows("wait until an instant", [
  ["later: then; null, past and now: at once", `
    event go { at: time? }
    rule r { on go  wait until event.at  emit "r" }
  `, `
    at 2026-03-02 10:00 go { at: 2026-03-02 12:30 }
    at 2026-03-02 12:29:59.999
      expect nothing
    at 2026-03-02 12:30
      expect emit "r"
    after 1 hour go { }
      expect emit "r"
    after 1 hour go { at: 2026-03-02 12:30 }
      expect emit "r"
    at 2026-03-02 20:00 go { at: 2026-03-02 20:00 }
      expect emit "r"
  `],
  ["it is read when the step runs", `
    event go
    profile { until: time? }
    rule r { on go  wait until profile.until  emit "r" }
  `, `
    at 2026-03-02 10:00 profile_updated { until: 2026-03-02 12:00 }
    at 2026-03-02 10:00 go
    at 2026-03-02 11:00 profile_updated { until: 2026-03-02 15:00 }
    at 2026-03-02 12:00
      expect emit "r"
  `],
]);

rows("wait for a moment", [
  ["it comes: the run goes on at once, without a block", `
    event go
    event e { n: number }
    rule r { on go  wait for e up to 1 day  emit "r" }
  `, `
    at 2026-03-02 10:00 go
    after 1 hour e
      expect emit "r"
      expect nothing else
    after 2 days
      expect nothing
  `],
  ["it does not come: without a block the run ends, and the rule may start again", `
    event go
    event e
    rule r { on go  wait for e up to 1 day  emit "r" }
  `, `
    at 2026-03-02 10:00 go
    at 2026-03-03 10:00
      expect nothing
    at 2026-03-03 10:00 e
      expect nothing
    at 2026-03-03 11:00 go
    at 2026-03-03 12:00 e
      expect emit "r"
  `],
  ["to the millisecond: before D has passed, not with it", `
    event go
    event e
    rule r { on go  wait for e up to 1 hour { emit "came" } else { emit "not" } }
  `, `
    at 2026-03-02 10:00 go
    at 2026-03-02 10:59:59.999 e
      expect emit "came"
      expect nothing else
    at 2026-03-02 12:00 go
    at 2026-03-02 13:00 e
      expect emit "not"
      expect nothing else
  `],
  ["the time-out itself needs no event", `
    event go
    event e
    rule r { on go  wait for e up to 1 hour { emit "came" } else { emit "not" }  emit "on" }
  `, `
    at 2026-03-02 10:00 go
    at 2026-03-02 10:59:59.999
      expect nothing
    at 2026-03-02 11:00
      expect emit "not"
      expect emit "on"
      expect nothing else
  `],
  ["an empty else goes on, a missing one too", `
    event go
    event e
    rule r { on go  wait for e up to 1 hour { emit "came" }  emit "on" }
  `, `
    at 2026-03-02 10:00 go
    at 2026-03-02 11:00
      expect emit "on"
      expect nothing else
  `],
  ["what came before the step began does not count", `
    event go
    event e
    rule r { on go  wait 1 hour  wait for e up to 1 hour { emit "came" } else { emit "not" } }
  `, `
    at 2026-03-02 10:00 go
    at 2026-03-02 10:30 e
    at 2026-03-02 12:00
      expect emit "not"
      expect nothing else
  `],
  ["the event that started the run is not waited for", `
    event go
    rule r { on go  wait for go up to 1 hour { emit "again" } else { emit "alone" } }
  `, `
    at 2026-03-02 10:00 go
      expect nothing
    at 2026-03-02 10:30 go
      expect emit "again"
      expect nothing else
    at 2026-03-02 10:40 go
    at 2026-03-02 12:00
      expect emit "alone"
  `],
  ["one event satisfies one wait of a run", `
    event go
    event e
    rule r { on go  wait for e up to 1 day  emit "first"  wait for e up to 1 day  emit "second" }
  `, `
    at 2026-03-02 10:00 go
    after 1 hour e
      expect emit "first"
      expect nothing else
    after 1 hour e
      expect emit "second"
  `],
  ["and one wait each of several runs", `
    event go { k: string }
    event e
    rule r { on go  per event.k  wait for e up to 1 day  emit "r" { k: event.k } }
    rule s { on go  repeat restart  wait for e up to 1 day  emit "s" { k: event.k } }
  `, `
    at 2026-03-02 10:00 go { k: "a" }
    at 2026-03-02 11:00 go { k: "b" }
    at 2026-03-02 12:00 e
      expect emit "r" { k: "a" }
      expect emit "r" { k: "b" }
      expect emit "s" { k: "b" }
      expect nothing else
  `],
  ["one of several events, each with its own \`where\`", `
    event go { id: string }
    event paid { id: string }
    event shipped { id: string }
    rule r { on go  wait for paid where id == event.id, shipped where id == event.id up to 1 day  emit "r" }
  `, `
    at 2026-03-02 10:00 go { id: "a" }
    at 2026-03-02 11:00 paid { id: "b" }
    at 2026-03-02 11:00 shipped { id: "c" }
      expect nothing
    at 2026-03-02 12:00 shipped { id: "a" }
      expect emit "r"
  `],
  ["its \`where\` sees the profile, traits and segments as they are then, this event included", `
    event go
    event e { n: number }
    profile { least: number = 3 }
    segment rich when sum(e.n) >= 10
    rule r { on go  wait for e where n >= profile.least and rich up to 1 day  emit "r" { sum: sum(e.n) } }
  `, `
    at 2026-03-02 10:00 go
    at 2026-03-02 11:00 e { n: 9 }
      expect nothing
    at 2026-03-02 11:00 e { n: 2 }
      expect nothing
    at 2026-03-02 12:00 profile_updated { least: 1 }
    at 2026-03-02 13:00 e { n: 1 }
      expect emit "r" { sum: 12 }
  `],
  ["the event that came has a name in the first block, with its own time", `
    event go
    event answered { score: number, why: string? }
    rule r {
      on go
      wait for answered up to 1 day as answer {
        wait 1 hour
        emit "r" { score: answer.score, why: answer.why, at: answer.time }
      } else { emit "none" }
    }
  `, `
    at 2026-03-02 10:00 go
    at 2026-03-02 12:00 answered { score: 4, why: "slow" } late by 30 minutes
    at 2026-03-02 12:30 answered { score: 9 }
    at 2026-03-02 13:00
      expect emit "r" { score: 4, why: "slow", at: 2026-03-02 11:30 }
      expect nothing else
  `],
  ["without a block it is known in all later steps, and conditions of the run see it", `
    event go
    event picked { id: string }
    event dropped { id: string }
    rule r {
      on go
      until dropped where id == it.id
      wait for picked up to 1 day as it
      wait 1 hour
      emit "r" { id: it.id }
    }
  `, `
    at 2026-03-02 10:00 go
    at 2026-03-02 10:10 dropped { id: "a" }
    at 2026-03-02 10:20 picked { id: "a" }
    at 2026-03-02 10:30 dropped { id: "b" }
    at 2026-03-02 11:20
      expect emit "r" { id: "a" }
    at 2026-03-02 12:00 go
    at 2026-03-02 12:20 picked { id: "a" }
    at 2026-03-02 12:30 dropped { id: "a" }
    at 2026-03-03 12:00
      expect nothing
  `],
  ["a membership that begins, a level that is reached, a value that changes", `
    event go
    event bought { total: number }
    profile { city: string? }
    segment rich when sum(bought.total) >= 100
    tier level by sum(bought.total) { low at 0  high at 50 }
    rule a { on go  wait for enter rich up to 1 day  emit "rich" }
    rule b { on go  wait for level up up to 1 day  emit "up" }
    rule c { on go  wait for change profile.city up to 1 day  emit "moved" }
  `, `
    at 2026-03-02 10:00 go
    at 2026-03-02 11:00 bought { total: 60 }
      expect emit "up"
      expect nothing else
    at 2026-03-02 12:00 profile_updated { city: "Oslo" }
      expect emit "moved"
    at 2026-03-02 13:00 bought { total: 40 }
      expect emit "rich"
      expect nothing else
  `],
  ["a membership that ends by time alone", `
    event go
    event e
    segment fresh when any(e) over 1 hour
    rule r { on go  wait for leave fresh up to 1 day  emit "r" }
  `, `
    at 2026-03-02 10:00 e
    at 2026-03-02 10:10 go
    at 2026-03-02 10:59:59.999
      expect nothing
    at 2026-03-02 11:00
      expect emit "r"
  `],
  ["… at the very end of the time it is too late", `
    event go
    event e
    segment fresh when any(e) over 1 hour
    rule r { on go  wait for leave fresh up to 30 minutes { emit "came" } else { emit "not" } }
  `, `
    at 2026-03-02 10:00 e
    at 2026-03-02 10:30 go
    at 2026-03-02 11:00
      expect emit "not"
      expect nothing else
  `],
  ["a membership that was there before is none that begins", `
    event go
    event e
    segment has when any(e)
    rule r { on go  wait for enter has up to 1 hour { emit "came" } else { emit "not" } }
  `, `
    at 2026-03-02 10:00 e
    at 2026-03-02 10:00 go
    at 2026-03-02 10:30 e
    at 2026-03-02 11:00
      expect emit "not"
  `],
  ["the membership that an event ends and begins satisfies a wait for it, in the same event", `
    event go
    event e
    segment has when any(e)
    rule r { on go  wait for enter has up to 1 hour  emit "entered" { n: count(e) } }
  `, `
    at 2026-03-02 10:00 go
    at 2026-03-02 10:30 e
      expect emit "entered" { n: 1 }
  `],
  ["the event satisfies a wait; the membership that it turned before the next wait began does not satisfy that one", `
    event go
    event e
    segment has when any(e)
    rule r { on go  wait for e up to 1 hour  emit "came"  wait for enter has up to 1 hour { emit "entered" } else { emit "not" } }
  `, `
    at 2026-03-02 10:00 go
    at 2026-03-02 10:30 e
      expect emit "came"
      expect nothing else
    at 2026-03-02 11:30
      expect emit "not"
  `],
  ["what another rule does later, by the same event, is waited for", `
    event go
    event e
    profile { gold: boolean = false }
    segment golden when profile.gold
    rule a_waits { on e  priority 5  wait for enter golden up to 1 hour { emit "seen" } else { emit "not" } }
    rule b_sets { on e  set profile.gold = true }
  `, `
    at 2026-03-02 10:00 e
      expect emit "seen"
      expect nothing else
  `],
  ["… what it did earlier, is not", `
    event e
    profile { gold: boolean = false }
    segment golden when profile.gold
    rule a_sets { on e  priority 5  set profile.gold = true }
    rule b_waits { on e  wait for enter golden up to 1 hour { emit "seen" } else { emit "not" } }
  `, `
    at 2026-03-02 10:00 e
      expect nothing
    at 2026-03-02 11:00
      expect emit "not"
  `],
  ["a run's own effect before the wait is not what it waits for", `
    event e
    profile { gold: boolean = false }
    segment golden when profile.gold
    rule r { on e  set profile.gold = true  wait for enter golden up to 1 hour { emit "seen" } else { emit "not" } }
  `, `
    at 2026-03-02 10:00 e
    at 2026-03-02 11:00
      expect emit "not"
      expect nothing else
  `],
  ["a run that starts does not end by what turned before it started", `
    event e
    profile { gold: boolean = false }
    segment golden when profile.gold
    rule a_sets { on e  priority 5  set profile.gold = true }
    rule b_runs { on e  until enter golden  wait 1 hour  emit "kept" }
    rule c_sets_not { on e  priority 9  until enter golden  wait 1 hour  emit "ended" }
  `, `
    at 2026-03-02 10:00 e
    at 2026-03-02 11:00
      expect emit "kept"
      expect nothing else
  `],
  ["\`until\` comes before waits: what would be waited for ends the run", `
    event go
    event e
    rule r { on go  until e  wait for e up to 1 day { emit "came" } else { emit "not" } }
  `, `
    at 2026-03-02 10:00 go
    at 2026-03-02 11:00 e
    after 2 days
      expect nothing
  `],
  ["months are the customer's", `
    event go
    event e
    rule r { on go  wait for e up to 1 month { emit "came" } else { emit "not" } }
  `, `
    at 2026-01-31 10:00 go
    at 2026-02-28 09:59:59.999 e
      expect emit "came"
    at 2026-03-31 10:00 go
    at 2026-04-30 10:00 e
      expect emit "not"
  `],
  ["a late event comes when it comes", `
    event go
    event e
    rule r { on go  wait for e up to 1 hour { emit "came" } else { emit "not" } }
  `, `
    at 2026-03-02 10:00 go
    at 2026-03-02 10:59 e late by 1 day
      expect emit "came"
    at 2026-03-02 11:00 go
    at 2026-03-02 12:01 e late by 30 minutes
      expect emit "not"
      expect nothing else
  `],
]);

rows("this run", [
  ["counts from the start, without the event that started it, and anew after a restart", `
    event go { n: number }
    event e { n: number }
    rule r { on go  repeat restart  wait 1 hour  emit "r" { goes: count(go) this run, sum: sum(e.n) this run, ever: sum(e.n) } }
  `, `
    at 2026-03-02 10:00 e { n: 1 }
    at 2026-03-02 10:00 go { n: 1 }
    at 2026-03-02 10:10 e { n: 2 }
    at 2026-03-02 10:20 go { n: 2 }
    at 2026-03-02 10:30 e { n: 4 }
    at 2026-03-02 10:40 e { n: 8 }
    at 2026-03-02 11:20
      expect emit "r" { goes: 0, sum: 12, ever: 15 }
      expect nothing else
  `],
  ["ends the run as an \`until\`, and does not keep it from starting", `
    event go
    event e
    rule r { on go  until count(e) this run >= 2  wait 1 hour  emit "r" }
  `, `
    at 2026-03-02 09:00 e
    at 2026-03-02 09:00 e
    at 2026-03-02 10:00 go
    at 2026-03-02 10:10 e
    at 2026-03-02 11:00
      expect emit "r"
    at 2026-03-02 12:00 go
    at 2026-03-02 12:10 e
    at 2026-03-02 12:20 e
    at 2026-03-03 12:00
      expect nothing
  `],
  ["each run of a rule counts for itself, points too", `
    event go { k: string }
    event e { n: number }
    points stars { earn n on e }
    rule r { on go  per event.k  wait 1 hour  emit "r" { k: event.k, n: count(e) this run, stars: stars.earned this run } }
  `, `
    at 2026-03-02 10:00 go { k: "a" }
    at 2026-03-02 10:10 e { n: 5 }
    at 2026-03-02 10:20 go { k: "b" }
    at 2026-03-02 10:30 e { n: 3 }
    at 2026-03-02 12:00
      expect emit "r" { k: "a", n: 2, stars: 8 }
      expect emit "r" { k: "b", n: 1, stars: 3 }
  `],
]);

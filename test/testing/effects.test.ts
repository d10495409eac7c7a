/** What runs do beside sending: points, levels, values that change, variants; and who hears of it. */
import { rows } from "./rows.js";

rows("levels and values that change", [
  ["a new customer begins at the level of an empty history, and their first event may move them", `
    event bought { total: number }
    tier level by sum(bought.total) { low at 0  mid at 50  high at 100 }
    rule rises { on level up  emit "up" { level: level } }
    rule falls { on level down  emit "down" { level: level } }
  `, `
    at 2026-03-02 10:00 bought { total: 10 }
      expect nothing
      expect level == "low"
    at 2026-03-02 11:00 bought { total: 95 }
      expect emit "up" { level: "high" }
      expect nothing else
    at 2026-03-02 12:00 bought { total: -90 }
      expect emit "down" { level: "low" }
    customer "other"
    at 2026-03-02 13:00 bought { total: 60 }
      expect emit "up" { level: "mid" }
  `],
  ["below the lowest level there is none, and coming from there is up", `
    event bought { total: number }
    tier level by sum(bought.total) over 1 hour { low at 10 }
    rule rises { on level up  emit "up" }
    rule falls { on level down  emit "down" { level: level } }
  `, `
    at 2026-03-02 10:00 bought { total: 5 }
      expect level == null
    at 2026-03-02 10:30 bought { total: 5 }
      expect emit "up"
    at 2026-03-02 11:00
      expect emit "down" { level: null }
  `],
  ["what is known when a customer is first seen is no change, not even with a first event that tells it", `
    event e
    profile { city: string? }
    rule r { on change profile.city  emit "r" { city: profile.city } }
  `, `
    profile { city: "Oslo" }
    at 2026-03-02 10:00 e
      expect nothing
    at 2026-03-02 11:00 profile_updated { city: "Oslo" }
      expect nothing
    at 2026-03-02 12:00 profile_updated { city: null }
      expect emit "r" { city: null }
    customer "other"
    at 2026-03-02 13:00 profile_updated { city: "Rome" }
      expect nothing
    at 2026-03-02 14:00 profile_updated { city: "Bonn" }
      expect emit "r" { city: "Bonn" }
    customer "third"
    at 2026-03-02 15:00 e
      expect nothing
    at 2026-03-02 16:00 profile_updated { city: "Rome" }
      expect emit "r" { city: "Rome" }
  `],
  ["a value that time changes", `
    event e
    rule r { on change count(e) over 1 hour  emit "r" { n: count(e) over 1 hour } }
  `, `
    at 2026-03-02 10:00 e
      expect emit "r" { n: 1 }
    at 2026-03-02 10:30 e
      expect emit "r" { n: 2 }
    at 2026-03-02 12:00
      expect at 2026-03-02 11:00 emit "r" { n: 1 }
      expect at 2026-03-02 11:30 emit "r" { n: 0 }
      expect nothing else
  `],
  ["an \`until\` that is a level, or a change", `
    event bought { total: number }
    event go
    tier level by sum(bought.total) { low at 0  high at 100 }
    rule a { on go  until level up  wait 1 day  emit "a" }
    rule b { on go  until change level  wait 1 day  emit "b" }
    rule c { on go  until level down  wait 1 day  emit "c" }
  `, `
    at 2026-03-02 10:00 go
    at 2026-03-02 11:00 bought { total: 100 }
    at 2026-03-03 10:00
      expect emit "c"
      expect nothing else
  `],
]);

rows("points", [
  ["what is earned is asked of the customer before the event, what is awarded now", `
    event bought { total: number }
    points stars { earn total * (if level == "high" then 2 else 1) on bought }
    tier level by stars.earned { low at 0  high at 100 }
    rule r { on level up  award 5 stars  emit "r" { stars: stars } }
  `, `
    at 2026-03-02 10:00 bought { total: 100 }
      expect emit "r" { stars: 105 }
    at 2026-03-02 11:00 bought { total: 10 }
      expect stars == 125
  `],
  ["a run that awards sees what it has done, others hear of it after", `
    event go
    event never
    points stars { earn 1 on never }
    segment rich when stars >= 10
    rule a { on go  award 10 stars  if rich { emit "a" { stars: stars } } }
    rule b { on enter rich  take 4 stars  emit "b" { stars: stars } }
    rule c { on leave rich  emit "c" { stars: stars } }
  `, `
    at 2026-03-02 10:00 go
      expect emit "a" { stars: 10 }
      expect emit "b" { stars: 6 }
      expect emit "c" { stars: 6 }
      expect not rich
      expect nothing else
  `],
  ["take: all or nothing", `
    event go { n: number? }
    event earned { n: number }
    points stars { earn n on earned }
    rule r { on go  take event.n stars { emit "took" { left: stars } } else { emit "not" { left: stars } }  emit "on" }
  `, `
    at 2026-03-02 10:00 earned { n: 5 }
    at 2026-03-02 10:00 go { n: 6 }
      expect emit "not" { left: 5 }
      expect emit "on"
      expect nothing else
    at 2026-03-02 11:00 go { n: 5 }
      expect emit "took" { left: 0 }
      expect emit "on"
      expect nothing else
    at 2026-03-02 12:00 go { }
      expect emit "not"
      expect emit "on"
  `],
  ["an \`until\` over points ends a run that waits, by a step of another and by expiry", `
    event go
    event use_up
    event earned { n: number }
    points stars { earn n on earned  expire after 1 day }
    rule r { on go  until stars < 3  wait 2 days  emit "r" }
    rule s { on use_up  take 5 stars }
  `, `
    at 2026-03-02 10:00 earned { n: 7 }
    at 2026-03-02 10:00 go
    at 2026-03-02 11:00 use_up
    at 2026-03-02 11:00 earned { n: 5 }
    at 2026-03-02 11:00 go
    at 2026-03-02 12:00 earned { n: 2 }
    at 2026-03-05 10:00
      expect nothing
  `],
]);

const EXPERIMENT = `
    event go
    event bought { total: number }
    experiment offer { holdout 20%  one 40%  two 40%  goal bought within 1 day value total }`;

rows("experiments", [
  ["a variant has its steps, one without them goes on", `${EXPERIMENT}
    rule r { on go  split offer { one { emit "one" } }  emit "on" { variant: variant(offer) } }
  `, `
    variant offer = "two"
    at 2026-03-02 10:00 go
      expect emit "on" { variant: "two" }
      expect nothing else
      expect exposed(offer, "two") == 1
  `],
  ["the holdout ends the run, and is exposed all the same", `${EXPERIMENT}
    rule r { on go  split offer { one { emit "one" } }  emit "on" }
  `, `
    variant offer = "holdout"
    at 2026-03-02 10:00 go
      expect nothing
    at 2026-03-02 11:00 bought { total: 5 }
    at 2026-03-03 10:00 bought { total: 7 }
      expect exposed(offer, "holdout") == 1
      expect value(offer, "holdout") == 5
  `],
]);

rows("chains", [
  ["a run that nothing started by an event has none, and its time is missing too", `
    event e { n: number }
    segment has when any(e)
    rule r { on e  on leave has  on enter has  repeat restart  emit "r" { none: event == null, n: event.n, at: event.time } }
  `, `
    at 2026-03-02 10:00 e { n: 3 }
      expect emit "r" { none: false, n: 3, at: 2026-03-02 10:00 }
      expect nothing else
  `],
  ["… but for a start by what turns alone", `
    event e { n: number }
    segment has when any(e) over 1 hour
    rule r { on e where n > 5  on leave has  emit "r" { none: event == null, n: event.n, at: event.time } }
  `, `
    at 2026-03-02 10:00 e { n: 3 }
    at 2026-03-02 11:00
      expect emit "r" { none: true, n: null, at: null }
  `],
]);

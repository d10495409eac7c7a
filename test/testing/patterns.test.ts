/**
 * Patterns of events that engines for complex event processing are tested with, as rule authors write them here: the
 * absent patterns of Siddhi (`not E for 1 sec`, first, last, in the middle, in `and` and `or`), and Flink CEP's NotPattern,
 * `times`, `within` and iterative conditions.
 */
import { rows } from "./rows.js";

const EVENTS = `event a { id: string = ""  price: number = 0 }
    event b { id: string = ""  price: number = 0 }
    event c { id: string = ""  price: number = 0 }
    event d { id: string = "" }`;

const ABSENT_LAST = `${EVENTS}
    rule r { on a where price > 20  wait for b where price > event.price up to 1 second { stop } else { emit "alert" { id: event.id } } }`;

rows("not B for a second after A", [
  ["nothing comes: the alert comes with the second", ABSENT_LAST, `
    at 2026-03-02 10:00 a { id: "WSO2", price: 55 }
    at 2026-03-02 10:00:00.999
      expect nothing
    at 2026-03-02 10:00:01
      expect emit "alert" { id: "WSO2" }
  `],
  ["B comes after the second: the alert was there before it", ABSENT_LAST, `
    at 2026-03-02 10:00 a { price: 55 }
    at 2026-03-02 10:00:01.100 b { price: 58 }
      expect at 2026-03-02 10:00:01 emit "alert"
      expect nothing else
  `],
  ["B comes in time: no alert", ABSENT_LAST, `
    at 2026-03-02 10:00 a { price: 55 }
    at 2026-03-02 10:00:00.100 b { price: 58 }
    at 2026-03-02 10:01
      expect nothing
  `],
  ["a B that is not meant does not count", ABSENT_LAST, `
    at 2026-03-02 10:00 a { price: 55 }
    at 2026-03-02 10:00:00.100 b { price: 50 }
    at 2026-03-02 10:01
      expect emit "alert"
  `],
  ["an A that is not meant starts nothing", ABSENT_LAST, `
    at 2026-03-02 10:00 a { price: 15 }
    at 2026-03-02 10:01
      expect nothing
  `],
  ["every A by itself: per event", `${EVENTS}
    rule r { on a  per event.id  wait for b where id == event.id up to 1 second { stop } else { emit "alert" { id: event.id } } }`, `
    at 2026-03-02 10:00:00.000 a { id: "1" }
    at 2026-03-02 10:00:00.500 a { id: "2" }
    at 2026-03-02 10:00:00.600 b { id: "1" }
    at 2026-03-02 10:00:05
      expect at 2026-03-02 10:00:01.500 emit "alert" { id: "2" }
      expect nothing else
  `],
  ["the last A counts: a second of silence since then", `${EVENTS}
    rule r { on a  repeat restart  until b  wait 1 second  emit "alert" { id: event.id } }`, `
    at 2026-03-02 10:00:00.000 a { id: "1" }
    at 2026-03-02 10:00:00.900 a { id: "2" }
    at 2026-03-02 10:00:01.899
      expect nothing
    at 2026-03-02 10:00:01.900
      expect emit "alert" { id: "2" }
  `],
  ["one B satisfies the absence for all that wait", `${EVENTS}
    rule r { on a  per event.id  wait for b up to 1 second { stop } else { emit "alert" } }`, `
    at 2026-03-02 10:00:00.000 a { id: "1" }
    at 2026-03-02 10:00:00.100 a { id: "2" }
    at 2026-03-02 10:00:00.200 b
    at 2026-03-02 10:01
      expect nothing
  `],
]);

const ABSENT_FIRST = `${EVENTS}
    rule r { on b where price > 30  when no a where price > 20 for 1 second  emit "alert" { id: event.id } }`;

rows("B after a second without A", [
  ["nothing of A ever: from when the customer was first seen", ABSENT_FIRST, `
    at 2026-03-02 10:00 d
    at 2026-03-02 10:00:00.999 b { price: 58 }
      expect nothing
    at 2026-03-02 10:00:01 b { price: 58 }
      expect emit "alert"
  `],
  ["A within the second: no alert", ABSENT_FIRST, `
    at 2026-03-02 10:00 d
    at 2026-03-02 10:01 a { price: 59 }
    at 2026-03-02 10:01:00.100 b { price: 58 }
      expect nothing
  `],
  ["A longer ago than that: an alert", ABSENT_FIRST, `
    at 2026-03-02 10:00 a { price: 59 }
    at 2026-03-02 10:00:01 b { price: 58 }
      expect emit "alert"
  `],
  ["an A that is not meant does not count", ABSENT_FIRST, `
    at 2026-03-02 10:00 d
    at 2026-03-02 10:01 a { price: 5 }
    at 2026-03-02 10:01:00.100 b { price: 58 }
      expect emit "alert"
  `],
  ["a late A counts at its own time", ABSENT_FIRST, `
    at 2026-03-02 10:00 d
    at 2026-03-02 10:01 a { price: 59 } late by 2 seconds
    at 2026-03-02 10:01:00.100 b { price: 58 }
      expect emit "alert"
  `],
]);

const ABSENT_BETWEEN = `${EVENTS}
    rule r {
      on a
      wait for b, c up to 1 second { stop }
      wait for c up to 1 hour
      emit "alert"
    }`;

rows("A, not B for a second, then C", [
  ["C after the second", ABSENT_BETWEEN, `
    at 2026-03-02 10:00 a
    at 2026-03-02 10:00:01.100 c
      expect emit "alert"
  `],
  ["B in between, then C", ABSENT_BETWEEN, `
    at 2026-03-02 10:00 a
    at 2026-03-02 10:00:00.100 b
    at 2026-03-02 10:00:01.100 c
      expect nothing
  `],
  ["C too early", ABSENT_BETWEEN, `
    at 2026-03-02 10:00 a
    at 2026-03-02 10:00:00.500 c
    at 2026-03-02 10:00:01.500 c
      expect nothing
  `],
  ["B after the second does not matter", ABSENT_BETWEEN, `
    at 2026-03-02 10:00 a
    at 2026-03-02 10:00:01.100 b
    at 2026-03-02 10:00:01.200 c
      expect emit "alert"
  `],
  ["exactly at the second it is too late for B, and in time for C", ABSENT_BETWEEN, `
    at 2026-03-02 10:00 a
    at 2026-03-02 10:00:01 b
    at 2026-03-02 10:00:01 c
      expect emit "alert"
  `],
]);

rows("A, then B, then not C", [
  ["not C for a second after B, whenever B came within the hour", `${EVENTS}
    rule r { on a  wait for b up to 1 hour  wait for c up to 1 second { stop }  emit "alert" }`, `
    at 2026-03-02 10:00 a
    at 2026-03-02 10:00:30 c
    at 2026-03-02 10:59:59.999 b
    at 2026-03-02 11:00:00.998
      expect nothing
    at 2026-03-02 11:00:00.999
      expect emit "alert"
  `],
  ["C in time", `${EVENTS}
    rule r { on a  wait for b up to 1 hour  wait for c up to 1 second { stop }  emit "alert" }`, `
    at 2026-03-02 10:00 a
    at 2026-03-02 10:10 b
    at 2026-03-02 10:10:00.500 c
    at 2026-03-02 12:00
      expect nothing
  `],
]);

rows("logical patterns", [
  ["not A for a second, or C: whichever is first", `${EVENTS}
    rule r { on d  wait for a, c up to 1 second as it { emit "event" } else { emit "silence" } }
    rule s { on d  wait for a up to 1 second { stop }  emit "no a" }`, `
    at 2026-03-02 10:00 d
    at 2026-03-02 10:00:00.300 c
      expect emit "event"
    at 2026-03-02 10:00:01
      expect emit "no a"
      expect nothing else
    at 2026-03-02 11:00 d
    at 2026-03-02 11:00:01
      expect emit "silence"
      expect emit "no a"
  `],
  ["A and B in any order", `${EVENTS}
    rule r { on a, b  wait for a where event.id != id, b where event.id != id up to 1 hour  emit "both" }`, `
    at 2026-03-02 10:00 b { id: "b" }
    at 2026-03-02 10:10 b { id: "b" }
      expect nothing
    at 2026-03-02 10:20 a { id: "a" }
      expect emit "both"
    at 2026-03-02 12:00 a { id: "a" }
    at 2026-03-02 12:10 b { id: "b" }
      expect emit "both"
  `],
  ["A followed by B or C, and which of them", `${EVENTS}
    rule r { on a  wait for b, c up to 1 hour as it  emit "it" { id: it.id } }`, `
    at 2026-03-02 10:00 a
    at 2026-03-02 10:10 c { id: "c" }
      expect emit "it" { id: "c" }
    at 2026-03-02 10:20 b { id: "b" }
      expect nothing
  `],
]);

rows("not next, not followed by", [
  ["A and then B with nothing of C in between", `${EVENTS}
    rule r { on a  until c  wait for b up to 1 day  emit "match" }`, `
    at 2026-03-02 10:00 a
    at 2026-03-02 10:10 d
    at 2026-03-02 10:20 b
      expect emit "match"
    at 2026-03-02 11:00 a
    at 2026-03-02 11:10 c
    at 2026-03-02 11:20 b
      expect nothing
  `],
  ["A directly followed by B: any other event ends it", `${EVENTS}
    rule r { on a  until c, d  wait for b up to 1 day  emit "match" }`, `
    at 2026-03-02 10:00 a
    at 2026-03-02 10:20 b
      expect emit "match"
    at 2026-03-02 11:00 a
    at 2026-03-02 11:10 d
    at 2026-03-02 11:20 b
      expect nothing
  `],
  ["not followed by, within: the pattern ends with its time and is told then", `${EVENTS}
    rule r { on a  until b  wait 10 minutes  emit "not followed" { id: event.id } }`, `
    at 2026-03-02 10:00 a { id: "1" }
    at 2026-03-02 10:09:59.999 b
    at 2026-03-02 10:20 a { id: "2" }
    at 2026-03-02 10:30 b
      expect emit "not followed" { id: "2" }
      expect nothing else
  `],
  ["not followed by a B that is about the same", `${EVENTS}
    rule r { on a  per event.id  until b where id == event.id  wait 10 minutes  emit "not followed" { id: event.id } }`, `
    at 2026-03-02 10:00 a { id: "1" }
    at 2026-03-02 10:01 a { id: "2" }
    at 2026-03-02 10:02 b { id: "2" }
    at 2026-03-02 10:03 b { id: "3" }
    at 2026-03-02 11:00
      expect emit "not followed" { id: "1" }
      expect nothing else
  `],
]);

rows("within", [
  ["A, B, C, all of them within ten minutes of A", `${EVENTS}
    rule r {
      on a
      until since(event.time) >= 10 minutes
      wait for b up to 10 minutes
      wait for c up to 10 minutes
      emit "match"
    }`, `
    at 2026-03-02 10:00 a
    at 2026-03-02 10:06 b
    at 2026-03-02 10:09:59.999 c
      expect emit "match"
    at 2026-03-02 11:00 a
    at 2026-03-02 11:06 b
    at 2026-03-02 11:10 c
    at 2026-03-02 11:12 c
      expect nothing
  `],
  ["each step within its own time", `${EVENTS}
    rule r { on a  wait for b up to 10 minutes  wait for c up to 10 minutes  emit "match" }`, `
    at 2026-03-02 11:00 a
    at 2026-03-02 11:09 b
    at 2026-03-02 11:18 c
      expect emit "match"
  `],
  ["what was only begun is told when its time is over", `${EVENTS}
    rule r {
      on a
      wait for b up to 10 minutes as later {
        wait for c up to 10 minutes { emit "match" } else { emit "partial" { first: event.id, second: later.id } }
      } else { emit "partial" { first: event.id, second: null } }
    }`, `
    at 2026-03-02 10:00 a { id: "1" }
    at 2026-03-02 10:10
      expect emit "partial" { first: "1", second: null }
    at 2026-03-02 11:00 a { id: "1" }
    at 2026-03-02 11:05 b { id: "2" }
    at 2026-03-02 11:15 c
      expect emit "partial" { first: "1", second: "2" }
      expect nothing else
  `],
]);

rows("times", [
  ["three B within an hour of A, others may come in between", `${EVENTS}
    rule r { on a  wait for b where count(b) this run >= 3 up to 1 hour  emit "three" }`, `
    at 2026-03-02 10:00 a
    at 2026-03-02 10:10 b
    at 2026-03-02 10:20 c
    at 2026-03-02 10:30 b
      expect nothing
    at 2026-03-02 10:40 b
      expect emit "three"
    at 2026-03-02 10:50 b
      expect nothing
  `],
  ["three in any stretch of an hour", `${EVENTS}
    rule r { on b  when count(b) over 1 hour >= 3  emit "three" }`, `
    at 2026-03-02 10:00 b
    at 2026-03-02 10:30 b
    at 2026-03-02 11:00 b
      expect nothing
    at 2026-03-02 11:29:59.999 b
      expect emit "three"
  `],
  ["three consecutive B: another event begins the count anew", `${EVENTS}
    rule r { on b  until a, c, d  wait for b up to 1 hour  wait for b up to 1 hour  emit "three" }`, `
    at 2026-03-02 10:00 b
    at 2026-03-02 10:01 b
    at 2026-03-02 10:02 c
    at 2026-03-02 10:03 b
      expect nothing
    at 2026-03-02 10:04 b
    at 2026-03-02 10:05 b
      expect emit "three"
  `],
  ["two to four: the fifth is one too many", `${EVENTS}
    rule r { on a  until count(b) this run > 4  wait 1 hour  if count(b) this run >= 2 { emit "match" { n: count(b) this run } } }`, `
    at 2026-03-02 10:00 a
    at 2026-03-02 10:10 b
    at 2026-03-02 11:00 a
      expect nothing
    at 2026-03-02 11:10 b
    at 2026-03-02 11:20 b
    at 2026-03-02 12:00
      expect emit "match" { n: 2 }
    at 2026-03-02 13:00 a
    at 2026-03-02 13:10 b
    at 2026-03-02 13:11 b
    at 2026-03-02 13:12 b
    at 2026-03-02 13:13 b
    at 2026-03-02 13:14 b
    at 2026-03-02 14:00
      expect nothing
  `],
  ["one or more B until C, and how many", `${EVENTS}
    rule r { on b  wait for c up to 1 hour  emit "some" { n: 1 + count(b) this run } }`, `
    at 2026-03-02 10:00 b
    at 2026-03-02 10:10 b
    at 2026-03-02 10:20 b
    at 2026-03-02 10:30 c
      expect emit "some" { n: 3 }
  `],
  ["none at all may come, too: optional", `${EVENTS}
    rule r { on a  wait for b up to 10 minutes as it { emit "with" { id: it.id } }  wait for c up to 1 hour  emit "match" }`, `
    at 2026-03-02 10:00 a
    at 2026-03-02 10:20 c
      expect emit "match"
    at 2026-03-02 11:00 a
    at 2026-03-02 11:05 b { id: "x" }
      expect emit "with" { id: "x" }
    at 2026-03-02 11:06 c
      expect emit "match"
  `],
]);

rows("conditions on what came before", [
  ["each price higher than the one that was taken before", `${EVENTS}
    rule r {
      on a
      wait for b where price > event.price up to 1 hour as later
      wait for b where price > later.price up to 1 hour as third
      emit "rising" { by: third.price - event.price }
    }`, `
    at 2026-03-02 10:00 a { price: 10 }
    at 2026-03-02 10:01 b { price: 9 }
    at 2026-03-02 10:02 b { price: 12 }
    at 2026-03-02 10:03 b { price: 12 }
      expect nothing
    at 2026-03-02 10:04 b { price: 13 }
      expect emit "rising" { by: 3 }
  `],
  ["less than the average of what this run has seen", `${EVENTS}
    rule r { on a  wait for b where price < avg(c.price) this run up to 1 hour  emit "low" { avg: avg(c.price) this run } }`, `
    at 2026-03-02 09:00 c { price: 1000 }
    at 2026-03-02 10:00 a
    at 2026-03-02 10:01 b { price: 1 }
      expect nothing
    at 2026-03-02 10:02 c { price: 10 }
    at 2026-03-02 10:03 c { price: 20 }
    at 2026-03-02 10:04 b { price: 15 }
      expect nothing
    at 2026-03-02 10:05 b { price: 14 }
      expect emit "low" { avg: 15 }
  `],
  ["the same customer only: nobody's events match another's", `${EVENTS}
    rule r { on a  wait for b up to 1 hour  emit "match" }`, `
    customer "one"
    at 2026-03-02 10:00 a
    customer "two"
    at 2026-03-02 10:10 b
      expect nothing
    customer "one"
      expect nothing
    at 2026-03-02 10:20 b
      expect emit "match"
  `],
]);

/** Messages that a channel holds: what releases, drops and orders them, and what they are when they go out. */
import { rows } from "./rows.js";

const NIGHT = `channel email { when profile.ok  quiet 21:00 to 08:00 }
    profile { ok: boolean = true  name: string = "a"  busy: boolean = false  timezone: string = "UTC" }`;

rows("held messages", [
  ["go out when it is no longer quiet, as they were when their step ran; the run stands at its step until then", `
    ${NIGHT}
    event go { n: number }
    rule r { on go  send email "m" { n: event.n, name: profile.name }  emit "after" { name: profile.name } }
  `, `
    at 2026-03-02 22:00 go { n: 1 }
      expect held email "m"
      expect nothing
    at 2026-03-03 01:00 profile_updated { name: "b" }
    at 2026-03-03 07:59:59.999
      expect nothing
    at 2026-03-03 08:00
      expect send email "m" { n: 1, name: "a" }
      expect emit "after" { name: "b" }
      expect nothing else
  `],
  ["the first instant of the quiet hours is quiet, their end is not", `
    ${NIGHT}
    event go
    rule r { on go  send email "m" }
  `, `
    at 2026-03-02 20:59:59.999 go
      expect send email "m"
    at 2026-03-02 21:00 go
      expect held email "m"
    at 2026-03-03 08:00
      expect send email "m"
    at 2026-03-03 08:00 go
      expect send email "m"
  `],
  ["everything is asked again at the end, from the start: consent that is gone suppresses", `
    ${NIGHT}
    event go
    rule r { on go  send email "m"  emit "after" }
  `, `
    at 2026-03-02 22:00 go
    at 2026-03-02 23:00 profile_updated { ok: false }
      expect nothing
    at 2026-03-03 08:00
      expect suppressed email by consent
      expect emit "after"
      expect nothing else
  `],
  ["… and consent that was gone only in between does not", `
    ${NIGHT}
    event go
    rule r { on go  send email "m" }
  `, `
    at 2026-03-02 22:00 go
    at 2026-03-02 23:00 profile_updated { ok: false }
    at 2026-03-03 07:00 profile_updated { ok: true }
    at 2026-03-03 08:00
      expect send email "m"
  `],
  ["without consent nothing is held", `
    ${NIGHT}
    event go
    rule r { on go  send email "m" }
  `, `
    profile { ok: false }
    at 2026-03-02 22:00 go
      expect suppressed email by consent
    at 2026-03-02 23:00 profile_updated { ok: true }
    at 2026-03-03 08:00
      expect nothing
  `],
  ["go out in the order of holding, before what is due by then, whatever the priorities; caps take the rest", `
    ${NIGHT.replace("quiet", "at most 2 per day  quiet")}
    event one
    event two
    event early
    rule z_high { on early  priority 9  wait until 08:00  send email "due" }
    rule a_low { on one  send email "one" }
    rule b_mid { on two  priority 5  send email "two" }
  `, `
    at 2026-03-02 12:00 early
    at 2026-03-02 22:00 one
    at 2026-03-02 22:00 two
    at 2026-03-03 08:00
      expect send email "one"
      expect send email "two"
      expect suppressed email by cap
      expect nothing else
  `],
  ["over the cap at the end: dropped, and the run goes on", `
    ${NIGHT.replace("quiet", "at most 1 per day  quiet")}
    event one
    event two
    rule a { on one  send email "a"  emit "after a" }
    rule b { on two  send email "b"  emit "after b" }
  `, `
    at 2026-03-02 22:00 two
    at 2026-03-02 23:00 one
    at 2026-03-03 08:00
      expect send email "b"
      expect emit "after b"
      expect suppressed email by cap
      expect emit "after a"
      expect nothing else
  `],
  ["a message counts in the cap when it goes out, not when it is held", `
    ${NIGHT.replace("quiet", "at most 1 per day  quiet")}
    event go
    rule a { on go  repeat restart  send email "a" }
  `, `
    at 2026-03-02 22:00 go
    at 2026-03-03 08:00
      expect send email "a"
    at 2026-03-03 12:00 go
      expect suppressed email by cap
    at 2026-03-04 12:00 go
      expect send email "a"
  `],
  ["urgent ones pass the quiet and the cap, never consent, and count", `
    ${NIGHT.replace("quiet", "at most 1 per day  quiet")}
    event go
    event calm
    rule a { on go  send email "a" urgent }
    rule b { on calm  send email "b" }
  `, `
    at 2026-03-02 22:00 go
      expect send email "a"
    at 2026-03-02 22:00 go
      expect send email "a"
    at 2026-03-02 22:00 calm
    at 2026-03-03 07:00 go
      expect send email "a"
    at 2026-03-03 08:00
      expect suppressed email by cap
    at 2026-03-03 09:00 profile_updated { ok: false }
    at 2026-03-03 10:00 go
      expect suppressed email by consent
  `],
  ["what ends the run drops its message, at the very end of the quiet too", `
    ${NIGHT}
    event go
    event stop_it
    segment fresh when any(go) over 10 hours
    rule a { on go  until stop_it  send email "a" }
    rule b { on go  until not fresh  send email "b" }
  `, `
    at 2026-03-02 22:00 go
    at 2026-03-03 07:59 stop_it
      expect suppressed email by ended
      expect nothing
    at 2026-03-03 08:00
      expect suppressed email by ended
      expect nothing
  `],
  ["a condition: it ends with the event that makes it false, or by time", `
    event go
    event call_started
    event call_ended
    profile { busy: boolean = false }
    channel push { when true  quiet when profile.busy  quiet when any(call_started) over 1 hour }
    rule r { on go  send push "m" }
  `, `
    at 2026-03-02 12:00 profile_updated { busy: true }
    at 2026-03-02 12:00 go
      expect held push "m"
    at 2026-03-02 15:00 profile_updated { busy: false }
      expect send push "m"
    at 2026-03-02 16:00 call_started
    at 2026-03-02 16:10 go
      expect held push "m"
    at 2026-03-02 16:59:59.999
      expect nothing
    at 2026-03-02 17:00
      expect send push "m"
  `],
  ["a rule that makes the condition false releases what was held, in the same event", `
    event go
    event done
    profile { busy: boolean = true }
    channel push { when true  quiet when profile.busy }
    rule a { on go  send push "m" }
    rule b { on done  set profile.busy = false  emit "set" }
  `, `
    at 2026-03-02 12:00 go
    at 2026-03-02 13:00 done
      expect emit "set"
      expect send push "m"
      expect nothing else
  `],
  ["the event that ends the quiet is not what the run then waits for", `
    event go
    event done
    segment is_done when any(done)
    channel push { when true  quiet when not is_done }
    rule a { on go  send push "m"  wait for done up to 1 day { emit "again" } else { emit "not" } }
    rule b { on go  send push "n"  wait for enter is_done up to 1 day { emit "entered" } else { emit "not entered" } }
  `, `
    at 2026-03-02 12:00 go
    at 2026-03-02 13:00 done
      expect send push "m"
      expect send push "n"
      expect nothing else
    at 2026-03-03 13:00
      expect emit "not"
      expect emit "not entered"
  `],
  ["another zone ends the night, or makes it longer", `
    ${NIGHT}
    event go
    rule r { on go  send email "m" }
  `, `
    at 2026-03-02 22:00 go
    at 2026-03-02 23:00 profile_updated { timezone: "Asia/Tokyo" }
      expect send email "m"
    at 2026-03-03 22:00 go
      expect held email "m"
    at 2026-03-03 23:00 profile_updated { timezone: "UTC" }
      expect send email "m"
    at 2026-03-03 22:00 go
      expect held email "m"
    at 2026-03-04 07:00 profile_updated { timezone: "America/New_York" }
    at 2026-03-04 07:59:59.999
      expect nothing
    at 2026-03-04 08:00
      expect send email "m"
  `],
  ["quiet hours that the channel and its group have: it ends when both have ended", `
    event go
    profile { ok: boolean = true }
    channel email { when true  quiet 21:00 to 08:00 }
    channels all = email { quiet 07:00 to 10:00 }
    rule r { on go  send email "m" }
  `, `
    at 2026-03-02 22:00 go
    at 2026-03-03 09:59:59.999
      expect nothing
    at 2026-03-03 10:00
      expect send email "m"
  `],
  ["runs of one rule are released in the order of holding, too", `
    ${NIGHT}
    event go { k: string }
    event fresh
    rule r { on go  per event.k  repeat restart  send email "m" { k: event.k, nth: count(go) } }
  `, `
    at 2026-03-02 22:00 go { k: "a" }
    at 2026-03-02 22:10 go { k: "b" }
    at 2026-03-02 22:20 go { k: "a" }
      expect suppressed email by ended
    at 2026-03-03 08:00
      expect send email "m" { k: "b", nth: 2 }
      expect send email "m" { k: "a", nth: 3 }
      expect nothing else
  `],
]);

/** Who of several that begin at any moments may prepare a scope: never two at once, and always somebody in the end. */
import { expect, test } from "vitest";
import { reservation, type Reservation } from "../../engine/change/reservation.js";
import type { Environment } from "../../engine/environment.js";
import { StoreUnavailable } from "../../engine/ports.js";
import { randomOf } from "../retail/random.js";
import { cancel, next, schedule, scheduler, type Scheduler } from "../simulation/scheduler.js";
import { beat, storeServer, type StoreServer } from "../simulation/servers.js";

const SHARING = { beatMs: 1000, leaseMs: 5000 };
const SLOWEST_MS = 40;

interface Shop {
  readonly s: Scheduler;
  readonly store: StoreServer;
  readonly random: () => number;
  tokens: number;
}

function shop(seed: number): Shop {
  const random = randomOf(seed);
  return { s: scheduler(0, random), store: storeServer(1), random, tokens: 0 };
}

/** Whatever is due by then happens. */
async function run({ s }: Shop, until: number): Promise<void> {
  for (;;) {
    await new Promise(setImmediate); // whoever is woken says what comes next
    const task = next(s, () => false);
    if (task !== undefined && task.at <= until) {
      s.now = task.at;
      task.run();
      continue;
    }
    if (task !== undefined) s.tasks.push(task);
    s.now = until;
    return;
  }
}

const after = ({ s }: Shop, ms: number, signal?: AbortSignal): Promise<void> => new Promise((resolve) => {
  const task = schedule(s, null, "pause", ms, () => {
    signal?.removeEventListener("abort", early);
    resolve();
  });
  function early(): void {
    cancel(s, task);
    resolve();
  }
  signal?.addEventListener("abort", early, { once: true });
});

/** A request and its answer each take a while. */
function reserve(of: Shop, parts: { readonly isAway?: () => boolean; readonly isGone?: (id: string) => boolean; readonly signal?: AbortSignal } = {}): Reservation {
  const environment: Environment = {
    now: () => of.s.now, seconds: () => of.s.now / 1000, token: () => String(++of.tokens), pause: (ms, signal) => after(of, ms, signal), log: () => undefined,
  };
  const { isAway = () => false, isGone, signal = new AbortController().signal } = parts;
  return reservation({
    environment, sharing: SHARING, signal, ...(isGone === undefined ? {} : { identity: { name: "-", isGone } }),
    scope: {
      async beat(id, holds, leaseMs) {
        await after(of, of.random() * SLOWEST_MS);
        if (isAway()) throw new StoreUnavailable("away");
        const living = beat(of.store, id, holds, leaseMs, of.s.now);
        await after(of, of.random() * SLOWEST_MS);
        return living;
      },
    },
  });
}

const never = (): Promise<boolean> => Promise.resolve(false);

test("never two at once, and each in the end, whenever they begin", async () => {
  for (let seed = 1; seed <= 200; seed++) {
    const of = shop(seed);
    let [inside, most, done] = [0, 0, 0];
    const one = async (): Promise<void> => {
      await after(of, of.random() * 100);
      const own = reserve(of);
      await own.take(never);
      most = Math.max(most, ++inside);
      await after(of, of.random() * 200);
      inside--;
      await own.release();
      done++;
    };
    const all = [one(), one(), one()];
    await run(of, 60_000);
    expect({ seed, most, done }).toEqual({ seed, most: 1, done: 3 });
    await Promise.all(all);
    expect(of.store.members.size).toBe(0);
  }
});

/** Reserved for twenty seconds, when the store goes away from whoever reserved it; `back`: it answers again. */
async function cutOff(): Promise<{ readonly of: Shop; readonly first: Reservation; back(): void }> {
  const of = shop(1);
  let isAway = false;
  const first = reserve(of, { isAway: () => isAway });
  void first.take(never);
  await run(of, 20_000);
  isAway = true;
  return { of, first, back: () => { isAway = false; } };
}

test("it is kept for as long as it takes, also while the store does not answer for a while", async () => {
  const { of, first, back } = await cutOff();
  await run(of, 22_500);
  back();
  let outcome = "waits";
  reserve(of).take(never).then(() => { outcome = "took it"; }, (error: Error) => { outcome = error.name; });
  await run(of, 40_000);
  expect(outcome).toBe("FillBusy");
  void first.release();
  await run(of, 41_000);
  expect(of.store.members.size).toBe(0);
});

test("the store was away for longer than the lease: whoever has come meanwhile is seen, and left alone", async () => {
  const { of, first, back } = await cutOff();
  await run(of, 30_000);
  const outcomes: string[] = [];
  const note = (took: Promise<void>): void => void took.then(() => outcomes.push("took it"), (error: Error) => outcomes.push(error.name));
  note(reserve(of).take(never));
  await run(of, 31_000);
  back();
  note(first.take(never));
  await run(of, 60_000);
  expect(outcomes).toEqual(["took it", "FillBusy"]);
  expect(of.store.members.size).toBe(1);
});

test("somebody at work: it looks again while there is hope, and not at all where waiting is of no use, or when it is ended", async () => {
  const of = shop(2);
  beat(of.store, "engine", [0], 1_000_000, 0);
  const ended = new AbortController();
  const outcomes: string[] = [];
  const note = (name: string, took: Promise<void>): void => void took.then(() => outcomes.push(`${name} took it`), (error: Error) => outcomes.push(`${name} ${error.name} at ${Math.floor(of.s.now / 1000)}`));
  note("settled", reserve(of).take(() => Promise.resolve(true)));
  note("patient", reserve(of).take(never));
  note("ended", reserve(of, { signal: ended.signal }).take(never));
  await run(of, 2500);
  ended.abort();
  await run(of, 100_000);
  expect(outcomes).toEqual(["settled FillBusy at 0", "ended FillBusy at 2", "patient FillBusy at 6"]);
});

test("who was killed is waited for, until its lease has run out; not where its process is known to be gone", async () => {
  for (const [isKnown, seconds] of [[false, 5], [true, 0]] as const) {
    const of = shop(3);
    beat(of.store, "killed", [0], SHARING.leaseMs, 0);
    let at = Infinity;
    void reserve(of, isKnown ? { isGone: (id) => id === "killed" } : {}).take(never).then(() => { at = of.s.now; });
    await run(of, 20_000);
    expect([isKnown, Math.floor(at / 1000)]).toEqual([isKnown, seconds]);
  }
});

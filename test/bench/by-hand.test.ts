/** The hand-written program that the engine's core is measured against does the engine's job. */
import { expect, test } from "vitest";
import { sameJob } from "../../bench/by-hand.js";

test("the program written by hand sends the very messages that the rules send", () => {
  const kinds = new Set([...sameJob(6_000, 14, 800).keys(), ...sameJob(4_000, 80, 20).keys()]);
  // All ten segments turn both ways, and every rule but one acts: `phone_visit` asks for what its own event has just ended.
  expect([...kinds].filter((kind) => kind.startsWith("segments.")).length).toBe(20);
  expect([...kinds].filter((kind) => kind.startsWith("actions.")).sort()).toEqual([
    "badge", "concierge", "large_order", "points", "record", "tablet",
  ].map((name) => `actions.0.emit.${name}`).concat([
    "big_basket", "cart", "coffee_club", "coffee_refill", "come_back", "first_order", "regular_thanks", "review", "tea_refill", "vip_lost", "vip_welcome", "wake_up",
  ].map((name) => `actions.0.email.${name}`), ["cart_again", "cocoa", "looking"].map((name) => `actions.0.push.${name}`)).sort());
});

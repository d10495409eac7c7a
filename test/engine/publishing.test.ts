/** Publishing where the output stream holds what is not this partition's. */
import { expect, test } from "vitest";
import { bell } from "../../engine/environment.js";
import { OutputsMoved } from "../../engine/ownership.js";
import type { Output } from "../../engine/ports.js";
import { publishLoop, type Publishing } from "../../engine/publishing.js";
import { SIZES } from "../../engine/sizes.js";
import { engineStats } from "../../engine/stats.js";
import { newWorld, opened, simulatedEnvironment } from "./simulated-ports.js";

const output = (id: string): Output => ({ number: 1, subject: "actions.0.emit.x", id, cause: 1, body: '{"time":"2026-01-01T00:00:00Z"}' });

test("somebody else's message takes the number of an output whose commit is just being answered: it is not taken for published", async () => {
  const world = newWorld(1);
  world.outputs[0]?.push(output("a stranger's"));
  const { store, outputs } = opened(world, () => "none", () => 10);
  const { writer } = await store.claim(0, "me");
  const committed = { output: output("ours"), arrived: 0, isAction: false };
  const parts = {
    signal: new AbortController().signal, environment: simulatedEnvironment(world), stats: engineStats(), sizes: SIZES, store, writer, partition: { options: { index: 0 } },
    outputPlan: { identity: "simulated" },
    // The commit is answered while the stream is being read.
    outputs: { ...outputs, read: (...args: Parameters<typeof outputs.read>) => (s.outgoing.push(committed), outputs.read(...args)) },
  } as unknown as Publishing["parts"];
  const s: Publishing = {
    parts, outgoing: [], outgoingWeight: 0, publishedUpTo: 0, nextOutput: 2, sentUpTo: 0, withheld: [], endInDoubt: true, published: bell(), toPublish: bell(),
    stats: { lag: 0, outboxPending: 0, clock: 0, offset: 0, stopped: null, program: "" },
  };
  await expect(publishLoop(s, () => false)).rejects.toBeInstanceOf(OutputsMoved);
});

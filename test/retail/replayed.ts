/**
 * A history replayed in memory: what it says and where it leads. Beside the files of `eddy replay` it gives the messages of
 * each partition in their order, which an engine must publish one for one, however often it was stopped on the way.
 */
import type { Compiled } from "../../engine/compile/compiled.js";
import { createReplay } from "../../engine/replay.js";
import { encodeToken, partition } from "../../engine/subjects.js";
import type { Outcome } from "./canonical.js";

export interface Said {
  readonly subject: string;
  /** The CloudEvent, JSON. */
  readonly body: string;
}

export interface Replayed extends Outcome {
  /** In order; the subjects are those of partition 0. */
  readonly said: readonly Said[];
}

export function replayed(compiled: Compiled, lines: readonly string[], until: number): Replayed {
  const said: Said[] = [];
  const replay = createReplay(compiled, (output) => said.push(output));
  for (const line of lines) replay.line(line);
  replay.until(until);
  const kind = (prefix: string): string[] => said.filter(({ subject }) => subject.startsWith(prefix)).map(({ body }) => body);
  const actions = kind("actions.");
  const changes = kind("segments.");
  if (actions.length + changes.length !== said.length) throw new Error("the history has events that cannot be processed");
  return {
    said, actions, changes,
    members: replay.members().map((member) => JSON.stringify(member)),
    traits: replay.traits().map(({ customer, values }) => JSON.stringify({ customer, ...values })),
  };
}

/** What each partition's output stream must hold, in order. */
export function outputStreams(said: readonly Said[], partitions: number): Said[][] {
  const streams: Said[][] = Array.from({ length: partitions }, () => []);
  for (const { subject, body } of said) {
    const { subject: customer } = JSON.parse(body) as { readonly subject: string };
    const index = partition(encodeToken(customer), partitions);
    streams[index]?.push({ subject: subject.replace(".0.", `.${index}.`), body });
  }
  return streams;
}

// Channels and groups of channels: what they let through. Each has a policy of its own; a message must pass that of its
// channel and those of all groups that the channel is in.

import type * as ast from "../ast.js";
import { didYouMean } from "../diagnostics/suggest.js";
import type { Cap, Channel, Expr, Policy, Quiet } from "../program.js";
import { watchedCondition } from "./conditions.js";
import { byCodeUnits, whatItIs } from "./declared.js";
import { readCap } from "./caps.js";
import { type World, siteIn } from "./site.js";

export interface ReadChannels {
  /** By name. */
  readonly channels: readonly Channel[];
  /** By name. */
  readonly policies: readonly Policy[];
}

export function readChannels(world: World): ReadChannels {
  const { channels, groups, policyIndex } = world.declared;
  const place = (name: string): number => policyIndex.get(name) ?? 0;
  const groupsOf = membership(world);
  const consented = (name: string): boolean =>
    [channels.get(name), ...(groupsOf.get(name) ?? []).map((group) => groups.get(group))].some((each) => each?.policy.some(({ k }) => k === "when"));
  const names = [...channels.keys()].sort(byCodeUnits);
  for (const { name } of channels.values()) {
    if (!consented(name.text)) world.report("W0007", name.span, `"${name.text}" reaches everyone, with or without consent`, { label: "write `when CONDITION`, or `when true`" });
  }
  const written = [...channels.values(), ...groups.values()].sort((a, b) => place(a.name.text) - place(b.name.text));
  return {
    channels: names.map((name) => ({ name, policies: [name, ...(groupsOf.get(name) ?? [])].map(place) })),
    policies: written.map((each) => readPolicy(world, each)),
  };
}

const SHOWN = 8;

/** The nearest channel or, where none is near, those that there are. */
export function channelMeant(text: string, channels: Iterable<string>): string | undefined {
  const known = [...channels].sort(byCodeUnits);
  const near = didYouMean(text, known);
  if (known.length === 0) return `declare it: \`channel ${text} { when CONDITION }\``;
  if (near !== undefined || known.length > SHOWN) return near;
  return known.length === 1 ? `the only channel is "${known.join("")}"` : `there are ${known.map((name) => `"${name}"`).join(", ")}`;
}

/** The groups of each channel, by name. */
function membership({ declared, report }: World): ReadonlyMap<string, readonly string[]> {
  const groupsOf = new Map<string, string[]>();
  for (const { name: group, members } of [...declared.groups.values()].sort((a, b) => byCodeUnits(a.name.text, b.name.text))) {
    const known = new Set<string>();
    for (const { text, span } of members) {
      if (known.has(text)) report("E0101", span, `"${text}" stands twice in this group`);
      else if (declared.channels.has(text)) groupsOf.set(text, [...(groupsOf.get(text) ?? []), group.text]);
      else if (declared.names.get(text) !== "broken") {
        const kind = declared.names.get(text);
        report("E0105", span, `there is no channel "${text}"`, { label: kind === undefined ? channelMeant(text, declared.channels.keys()) : whatItIs(text, kind) });
      }
      known.add(text);
    }
  }
  return groupsOf;
}

/** What is wrong in it is left out; such a program is never run. */
function readPolicy(world: World, { name, policy }: ast.ChannelDeclaration | ast.ChannelsDeclaration): Policy {
  const when: Expr[] = [];
  const quiet: Quiet[] = [];
  const caps: Cap[] = [];
  for (const line of policy) {
    switch (line.k) {
      case "when": {
        // `when true` is how one says that everyone may be reached.
        const condition = watchedCondition(siteIn(world), line.if, line.if.k !== "true");
        if (condition !== null) when.push(condition);
        break;
      }
      case "quiet": {
        const hours = readHours(world, line);
        if (hours !== null) quiet.push(hours);
        break;
      }
      case "quietif": {
        const condition = watchedCondition(siteIn(world), line.if);
        if (condition !== null) quiet.push({ k: "condition", if: condition });
        break;
      }
      case "cap": {
        const cap = readCap(world, line);
        if (cap !== null) caps.push(cap);
        break;
      }
    }
  }
  return { name: name.text, when, quiet, caps };
}

function readHours({ report }: World, { from, to, span }: ast.QuietPolicy): Quiet | null {
  if (from.ms !== to.ms) return { k: "hours", from: from.ms, to: to.ms };
  return report("E0310", span, `quiet from ${from.value} to ${to.value} is no time at all`, { label: "give two times that differ" });
}

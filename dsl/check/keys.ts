// Keys: by which state finds its way from one program to the next.
//
// A key is the 64-bit hash of a tree's JSON, so it stays the same exactly as long as the meaning does. What is no
// meaning does not enter it: spans, labels, whether a value may be missing, the fields that a record has besides those
// that are read, and the places (indexes) of aggregates, traits, segments and so on, which stand there by their own
// keys. Points and experiments stand there by their names: under these is kept what was earned and who is in which arm.

import stringify from "fast-json-stable-stringify";
import type { Aggregate, Expr, Held, Type } from "../program.js";
import { children } from "../walk.js";

/** The kind of a type; what a union or record consists of can grow without anything meaning something else. */
const kind = (type: Type): string => (type.k === "list" ? `list of ${type.of.k}` : type.k);

/** What the references of a tree mean. All of these stand in trees by their index. */
export interface Meanings {
  readonly aggregate: (index: number) => string;
  readonly trait: (index: number) => string;
  readonly segment: (index: number) => string;
  readonly points: (index: number) => string;
  readonly tier: (index: number) => string;
  readonly experiment: (index: number) => string;
  readonly ranking: (index: number) => string;
  readonly population: (index: number) => string;
}

/** A tree as it enters a key. */
export function meaning(of: Expr, meanings: Meanings): unknown {
  const form = own(of, meanings);
  return [form, kind(of.type), ...children(of).map((child) => meaning(child, meanings))];
}

function own(of: Expr, meanings: Meanings): unknown {
  switch (of.k) {
    case "const": return ["const", of.value];
    case "record": return ["record", of.entries.map(({ name }) => name)];
    case "input": case "timeOf": return [of.k, of.of];
    case "captured": case "timeOfCaptured": return [of.k, of.name];
    case "local": return [of.k, of.date, of.ms];
    case "field": case "pluck": return [of.k, of.name];
    case "addMonths": return [of.k, of.months];
    case "compare": case "arithmetic": return [of.k, of.op];
    case "dateShift": return [of.k, of.sign];
    case "like": return [of.k, of.pattern];
    case "call": return [of.k, of.fn];
    case "fold": return [of.k, of.fn, of.where !== null, of.value !== null];
    case "aggregate": return [of.k, meanings.aggregate(of.index)];
    case "trait": return [of.k, meanings.trait(of.index)];
    case "segment": return [of.k, meanings.segment(of.index)];
    case "points": return [of.k, of.fn, meanings.points(of.index), of.fn === "expiring" ? of.within : null];
    case "tier": return [of.k, of.fn, meanings.tier(of.index)];
    case "variant": return [of.k, meanings.experiment(of.index)];
    case "figure": return [of.k, of.fn, meanings.experiment(of.index), of.variant];
    case "percentile": return [of.k, meanings.ranking(of.index)];
    case "population": return [of.k, meanings.population(of.index)];
    case "list": case "now": case "index": case "not": case "negate": case "and": case "or": case "dateDifference": case "concat":
    case "in": case "contains": case "without": case "coalesce": case "if":
      return of.k;
  }
}

const nothing = (): string => "";
/** For trees that cannot contain references: those inside aggregates. */
const PLAIN: Meanings = {
  aggregate: nothing, trait: nothing, segment: nothing, points: nothing, tier: nothing, experiment: nothing, ranking: nothing, population: nothing,
};

export function aggregateKey({ fn, event, items, where, value, window, by, limit }: Omit<Aggregate, "key" | "type" | "maybe">): string {
  const tree = (of: Expr | null): unknown => (of === null ? null : meaning(of, PLAIN));
  return keyOf({ fn, event, items, where: tree(where), value: tree(value), window, limit, ...(by === null ? {} : { by: tree(by) }) });
}

export const heldMeaning = (held: Held | null, meanings: Meanings): unknown =>
  held === null ? null : { if: meaning(held.if, meanings), ms: held.forMs, months: held.forMonths };

/** 16 hexadecimal digits for any plain data, the same for the same data in whatever order its fields come. */
export const keyOf = (data: unknown): string => fnv1a64(stringify(data));

/**
 * FNV-1a with 64 bits over the UTF-16 units, low byte first, in four limbs of 16 bits. For identity among the
 * expressions of a program, not against an adversary.
 */
export function fnv1a64(text: string): string {
  let [a, b, c, d] = [0x2325, 0x8422, 0x9ce4, 0xcbf2]; // offset basis cbf29ce484222325, lowest limb first
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    for (let byte = 0; byte < 2; byte++) {
      a ^= byte === 0 ? unit & 0xff : unit >>> 8;
      // times 0x100000001b3, which is 2^40 + 0x1b3
      const low = a * 0x1b3;
      const second = b * 0x1b3 + (low >>> 16);
      const third = c * 0x1b3 + (second >>> 16) + ((a << 8) & 0xffff);
      const fourth = d * 0x1b3 + (third >>> 16) + (((b << 8) | (a >>> 8)) & 0xffff);
      a = low & 0xffff;
      b = second & 0xffff;
      c = third & 0xffff;
      d = fourth & 0xffff;
    }
  }
  return [d, c, b, a].map((limb) => limb.toString(16).padStart(4, "0")).join("");
}

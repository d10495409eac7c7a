/**
 * Two engines over the same log, the one that works and one of another program beside it: what they say is compared record by
 * record, as far as both have committed.
 *
 * Each tells what its evaluation says (`watch`) and what it has committed (`hear`). A partition is compared from a place on that
 * both have passed and behind which nothing was missed: then who is a member under the one program alone is counted once in
 * the stores, and followed from there by what turns. A side that falls too far behind, or a partition that somebody else had
 * meanwhile, is counted anew.
 *
 * It changes nothing in either engine, and holds at most QUEUE records of a partition on which something was said.
 */
import type { Compiled } from "../compile/compiled.js";
import type { Sink } from "../evaluate.js";
import { readMeta } from "../meta.js";
import type { Opened } from "../open-partition.js";
import type { StateStore } from "../ports.js";
import { difference, type Side, type Told } from "./difference.js";
import { recorder, saidNothing, type Said, type Turned } from "./said.js";

export const SIDES = ["old", "new"] as const satisfies readonly Side[];
const QUEUE = 50_000;

interface Entry {
  /** Of the record that both take. */
  readonly sequence: number;
  readonly said: Said;
}

/** What one engine says of one partition. */
interface Heard {
  compiled: Compiled | null;
  queue: Entry[];
  /** The position of the last commit; -1: never opened. */
  committed: number;
  /** What records up to this one have caused is not in the queue. */
  missed: number;
}

interface Compared {
  readonly sides: Record<Side, Heard>;
  phase: "apart" | "counting" | "comparing";
  /** Compared up to this record, or passed over. */
  through: number;
  /** By segment: members under one program alone. */
  differing: Map<string, Map<string, Side>>;
}

export interface Comparison {
  /** For EngineOptions.watch of that side's engine. */
  watch(side: Side): (opened: Opened) => Sink;
  /** The store of that side's engine, listened to. */
  hear(side: Side, store: StateStore): StateStore;
  /** Begins to compare a partition where that is possible; whether it is being compared now. */
  begin(partition: number): Promise<boolean>;
  /** Partitions that are being compared. */
  readonly comparing: number;
  /** Records that both have taken since each partition began to be compared. */
  readonly records: number;
  /** The program of a side, as its partitions were opened last; null: none was. */
  compiled(side: Side): Compiled | null;
  /** By segment: who is a member under one program alone, in the partitions that are compared. */
  differing(): ReadonlyMap<string, readonly ReadonlyMap<string, Side>[]>;
  rules: ReturnType<typeof difference>["rules"];
  turns: ReturnType<typeof difference>["turns"];
}

/** `stores`: of both engines, to count members in. */
export function compareEngines(stores: Readonly<Record<Side, Pick<StateStore, "members">>>, told: Told = {}): Comparison {
  const partitions = new Map<number, Compared>();
  const programs: Record<Side, Compiled | null> = { old: null, new: null };
  let records = 0;
  let current: Compared | null = null;
  const found = difference({
    ...told,
    turn(side, turned) {
      told.turn?.(side, turned);
      if (current !== null) toggle(current, side, turned);
    },
  });

  function of(index: number): Compared {
    let compared = partitions.get(index);
    if (compared === undefined) {
      const heard = (): Heard => ({ compiled: null, queue: [], committed: -1, missed: -1 });
      partitions.set(index, (compared = { sides: { old: heard(), new: heard() }, phase: "apart", through: -1, differing: new Map() }));
    }
    return compared;
  }

  function apart(p: Compared): void {
    p.phase = "apart";
    p.differing = new Map();
  }

  function into(p: Compared, side: Side, sequence: number): Said {
    const heard = p.sides[side];
    // Evaluated once more, since the store went back behind what is compared already.
    if (sequence <= p.through) return saidNothing();
    const last = heard.queue.at(-1);
    if (last?.sequence === sequence) return last.said;
    if (heard.queue.length >= QUEUE) {
      heard.missed = heard.queue[QUEUE / 2 - 1]?.sequence ?? heard.missed;
      heard.queue = heard.queue.slice(QUEUE / 2);
      apart(p);
    }
    const said = saidNothing();
    heard.queue.push({ sequence, said });
    return said;
  }

  function opened(p: Compared, side: Side, compiled: Compiled, offset: number): void {
    const heard = p.sides[side];
    if (offset > heard.committed || (heard.compiled !== null && heard.compiled.program.hash !== compiled.program.hash)) {
      heard.queue = [];
      heard.missed = offset;
      apart(p);
    } else heard.queue = heard.queue.filter(({ sequence }) => sequence <= offset);
    heard.committed = offset;
    heard.compiled = compiled;
    programs[side] = compiled;
  }

  function advance(p: Compared): void {
    if (p.phase !== "comparing") return;
    const { old, new: now } = p.sides;
    const upTo = Math.min(old.committed, now.committed);
    if (upTo <= p.through) return;
    const [a, b] = [takeUpTo(old, upTo), takeUpTo(now, upTo)];
    current = p;
    for (let i = 0, j = 0; i < a.length || j < b.length;) {
      const sequence = Math.min(a[i]?.sequence ?? Infinity, b[j]?.sequence ?? Infinity);
      const before = a[i]?.sequence === sequence ? (a[i++] as Entry).said : NOTHING;
      const after = b[j]?.sequence === sequence ? (b[j++] as Entry).said : NOTHING;
      found.compare(before, after);
    }
    current = null;
    records += upTo - p.through;
    p.through = upTo;
  }

  async function count(index: number, p: Compared): Promise<void> {
    const [old, now] = [p.sides.old.compiled?.program, p.sides.new.compiled?.program];
    if (old === undefined || now === undefined) return apart(p);
    const both = new Set(now.segments.map(({ name }) => name));
    const differing: Compared["differing"] = new Map();
    for (const { name } of old.segments) {
      if (!both.has(name)) continue;
      const members: Record<Side, Set<string>> = { old: new Set(), new: new Set() };
      for (const side of SIDES) {
        for (let cursor: string | null = null; ;) {
          const page = await stores[side].members(index, name, cursor);
          for (const customer of page.customers) members[side].add(customer);
          if ((cursor = page.cursor) === null) break;
        }
      }
      if (p.phase !== "counting") return;
      // The store is ahead of what is compared: who has turned since was the opposite before.
      for (const side of SIDES) for (const [customer, entered] of firstTurns(p.sides[side], name)) members[side][entered ? "delete" : "add"](customer);
      const alone = new Map<string, Side>();
      for (const customer of members.old) if (!members.new.has(customer)) alone.set(customer, "old");
      for (const customer of members.new) if (!members.old.has(customer)) alone.set(customer, "new");
      differing.set(name, alone);
    }
    p.differing = differing;
    p.phase = "comparing";
  }

  return {
    watch: (side) => ({ index, compiled, offset, sequence }) => {
      const p = of(index);
      opened(p, side, compiled, offset);
      return recorder(compiled, () => into(p, side, sequence()));
    },
    hear: (side, store) => ({
      ...store,
      async commit(commit) {
        const answer = await store.commit(commit);
        if (answer === "done" || answer === "already") {
          const p = of(commit.partition);
          p.sides[side].committed = Math.max(p.sides[side].committed, readMeta(commit.meta).offset);
          advance(p);
        }
        return answer;
      },
    }),
    async begin(index) {
      const p = of(index);
      if (p.phase !== "apart") return p.phase === "comparing";
      const { old, new: now } = p.sides;
      const through = Math.min(old.committed, now.committed);
      if (through < 0 || through < Math.max(old.missed, now.missed)) return false;
      p.through = through;
      for (const side of SIDES) takeUpTo(p.sides[side], through);
      p.phase = "counting";
      try {
        await count(index, p);
      } catch (error) {
        apart(p);
        throw error;
      }
      advance(p);
      return true;
    },
    get comparing() { return [...partitions.values()].filter(({ phase }) => phase === "comparing").length; },
    get records() { return records; },
    compiled: (side) => programs[side],
    differing() {
      const segments = new Map<string, Map<string, Side>[]>();
      for (const { differing } of partitions.values()) for (const [segment, customers] of differing) segments.set(segment, [...(segments.get(segment) ?? []), customers]);
      return segments;
    },
    rules: found.rules, turns: found.turns,
  };
}

const NOTHING = saidNothing();

/** Out of the queue: what records up to this one have caused. */
function takeUpTo(heard: Heard, sequence: number): Entry[] {
  const behind = heard.queue.findIndex((entry) => entry.sequence > sequence);
  const taken = behind < 0 ? heard.queue : heard.queue.slice(0, behind);
  heard.queue = behind < 0 ? [] : heard.queue.slice(behind);
  return taken;
}

/** By customer: whether they entered or left at the first of their turns in the queue. */
function firstTurns({ queue }: Heard, segment: string): Map<string, boolean> {
  const first = new Map<string, boolean>();
  for (const { said } of queue) for (const turned of said.turns) if (turned.segment === segment && !first.has(turned.customer)) first.set(turned.customer, turned.entered);
  return first;
}

/** A turn under one program alone changes whether they agree about a customer. */
function toggle({ differing }: Compared, side: Side, { segment, customer, entered }: Turned): void {
  const customers = differing.get(segment);
  if (customers === undefined) return; // of one program alone
  if (!customers.delete(customer)) customers.set(customer, entered ? side : side === "old" ? "new" : "old");
}

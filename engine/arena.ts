/**
 * Bytes of very many customers, without an object for each: they are put one behind the other into slabs. A place that is
 * given up leaves a hole; when holes take too large a share, the slab with the fewest living bytes is emptied: whoever
 * lives there is put behind the others, and the slab is free (Rosenblum and Ousterhout, "The Design and Implementation of a
 * Log-Structured File System", 1992, with the greedy choice of what to clean). So the cost is spread, a slab at a time.
 *
 * Nothing that was given up is written over before `reuse`: until then readers may hold it.
 */
import { writeBytes } from "./codec.js";

/** Who has bytes here. The arena sets the place; only its owner reads it. */
export interface Resident {
  /** Null: nowhere. */
  slab: Slab | null;
  from: number;
  length: number;
}

export interface Slab {
  readonly bytes: Buffer;
  used: number;
  living: number;
  /** Whoever was put here; those who have gone on since, or came twice, too. */
  readonly residents: Resident[];
}

export interface Arena {
  /** Puts a copy of bytes; what the resident had is given up. */
  put(resident: Resident, source: Buffer, from: number, to: number): void;
  /** The resident has nothing any more. */
  giveUp(resident: Resident): void;
  /** Nobody reads what was given up any longer: it may be used again, and holes are closed. */
  reuse(): void;
  /** Bytes of residents, and of all slabs. */
  readonly living: number;
  readonly held: number;
}

const SLAB_BYTES = 256 * 1024;
/** Share of the slabs' bytes that must live. */
const LIVING_SHARE = 0.75;
/** Emptied at most so many at once. */
const MOST_EMPTIED = 4;
/** Free slabs that are kept. */
const MOST_FREE = 16;

export function arena(slabBytes = SLAB_BYTES): Arena {
  const slabs = new Set<Slab>();
  const free: Slab[] = [];
  const emptied: Slab[] = [];
  let living = 0;
  let held = 0;
  let open = newSlab(slabBytes);

  function newSlab(bytes: number): Slab {
    const slab = bytes === slabBytes ? free.pop() ?? { bytes: Buffer.allocUnsafeSlow(bytes), used: 0, living: 0, residents: [] }
      : { bytes: Buffer.allocUnsafeSlow(bytes), used: 0, living: 0, residents: [] };
    slabs.add(slab);
    held += slab.bytes.length;
    return slab;
  }

  function giveUp(resident: Resident): void {
    const { slab, length } = resident;
    if (slab === null) return;
    slab.living -= length;
    living -= length;
    resident.slab = null;
    if (slab.living === 0 && slab !== open) empty(slab);
  }

  function empty(slab: Slab): void {
    slabs.delete(slab);
    held -= slab.bytes.length;
    if (slab.bytes.length === slabBytes) emptied.push(slab);
  }

  function put(resident: Resident, source: Buffer, from: number, to: number): void {
    const length = to - from;
    giveUp(resident);
    if (open.used + length > open.bytes.length) {
      const before = open;
      // What is larger than a slab has one of its own.
      open = newSlab(Math.max(slabBytes, length));
      if (before.living === 0) empty(before);
    }
    const place = { bytes: open.bytes, at: open.used };
    writeBytes(place, source, from, to);
    resident.slab = open;
    resident.from = open.used;
    resident.length = length;
    open.used = place.at;
    open.living += length;
    living += length;
    open.residents.push(resident);
  }

  function emptiest(): Slab | null {
    let found: Slab | null = null;
    for (const slab of slabs) if (slab !== open && (found === null || slab.living / slab.bytes.length < found.living / found.bytes.length)) found = slab;
    return found;
  }

  return {
    put, giveUp,
    reuse() {
      for (const slab of emptied) {
        slab.used = slab.living = slab.residents.length = 0;
        free.push(slab);
      }
      emptied.length = 0;
      for (let n = 0; n < MOST_EMPTIED && living < LIVING_SHARE * (held - open.bytes.length); n++) {
        const slab = emptiest();
        if (slab === null || slab.living === slab.used) return;
        for (const resident of [...slab.residents]) {
          if (resident.slab === slab) put(resident, slab.bytes, resident.from, resident.from + resident.length);
        }
      }
      if (free.length > MOST_FREE) free.length = MOST_FREE;
    },
    get living() { return living; },
    get held() { return held; },
  };
}

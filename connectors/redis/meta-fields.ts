/**
 * How a partition's meta hash is laid out. The store's own fields begin with `@`; the engine's fields stand under
 * their own names, and one that begins with `@` itself gets a second `@` in front, so the two can never meet.
 *
 * Own fields: `@epoch` and `@writer` (who may commit), `@n` (number of the last commit), `@lowest` and `@newest` (the
 * least number that may still be in the outbox, and the greatest ever put there).
 */
import type { Claim, MetaFields, Writer } from "../../engine/ports.js";
import { StoreRefused } from "../../engine/ports.js";

export const EPOCH_FIELD = "@epoch";
export const WRITER_FIELD = "@writer";
export const NUMBER_FIELD = "@n";

export function fieldOfName(name: string): string {
  return name.startsWith("@") ? `@${name}` : name;
}

/** The engine's name for a field, or null for a field of the store's own. */
function nameOfField(field: string): string | null {
  if (!field.startsWith("@")) return field;
  return field.startsWith("@@") ? field.slice(1) : null;
}

export interface StoredMeta {
  /** 0 before the first commit. */
  readonly number: number;
  /** Null before the first claim. */
  readonly writer: Writer | null;
  readonly meta: MetaFields;
}

/** Reads the reply of HGETALL: field, value, field, value. */
export function readMeta(reply: readonly string[]): StoredMeta {
  const own = new Map<string, string>();
  const meta: Record<string, string> = Object.create(null) as Record<string, string>;
  for (let i = 0; i + 1 < reply.length; i += 2) {
    const field = reply[i] ?? "";
    const value = reply[i + 1] ?? "";
    const name = nameOfField(field);
    if (name === null) own.set(field, value);
    else meta[name] = value;
  }
  const token = own.get(WRITER_FIELD);
  return {
    number: Number(own.get(NUMBER_FIELD) ?? "0"),
    writer: token === undefined ? null : { epoch: Number(own.get(EPOCH_FIELD)), token },
    meta,
  };
}

export function readClaim(reply: readonly string[], token: string): Claim {
  const { number, writer, meta } = readMeta(reply);
  if (writer === null || writer.token !== token) {
    throw new StoreRefused("Redis answered a claim with the meta of another writer");
  }
  return { writer, number, meta };
}

/**
 * A program as the store keeps it: the text of its source files, and which rules of older programs are finished in it. Every
 * process can compile it, whatever rules lie in its own folder.
 *
 * Where it is kept: a field that all partitions share (`StateStore.shared`), by the program's hash. `current` is the hash of
 * the program in force.
 */
import type { SourceFile } from "../../dsl/compile.js";
import type { StateStore } from "../ports.js";

/** A rule of an older program whose runs go on under the steps that they began with. */
export interface Finishing {
  readonly rule: string;
  /** Hash of that program. */
  readonly from: string;
}

export interface Bundle {
  readonly version: 1;
  readonly files: readonly { readonly path: string; readonly text: string }[];
  readonly finishing: readonly Finishing[];
}

export const CURRENT_FIELD = "current";
export const programField = (hash: string): string => `program:${hash}`;

const VERSION = 1;

/** What the store says of a program is not what Eddy wrote, or what a newer one did. */
export class BundleUnreadable extends Error { override readonly name = "BundleUnreadable"; }

export function bundleOf(files: readonly SourceFile[], finishing: readonly Finishing[] = []): Bundle {
  return { version: VERSION, files: files.map(({ file, text }) => ({ path: file, text })), finishing };
}

export const sourcesOf = ({ files }: Bundle): SourceFile[] => files.map(({ path, text }) => ({ file: path, text }));

export function writeBundle(bundle: Bundle): string {
  return JSON.stringify(bundle);
}

/** Throws BundleUnreadable. */
export function readBundle(hash: string, text: string): Bundle {
  const refuse = (reason: string): never => {
    throw new BundleUnreadable(`the program ${hash} in the store cannot be read (${reason}): put the rules in force with "eddy apply" of the version of Eddy that wrote it`);
  };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse("it is no JSON");
  }
  if (!isRecord(value)) return refuse("it is no bundle of rules");
  const { version, files, finishing } = value;
  if (version !== VERSION) return refuse(`its version is ${String(version)}, this Eddy reads ${VERSION}`);
  const isList = <T>(list: unknown, fields: readonly string[]): list is T[] =>
    Array.isArray(list) && list.every((one: unknown) => isRecord(one) && fields.every((field) => typeof one[field] === "string"));
  if (!isList<Bundle["files"][number]>(files, ["path", "text"])) return refuse("its files are damaged");
  if (!isList<Finishing>(finishing, ["rule", "from"])) return refuse("its list of rules to be finished is damaged");
  return { version, files, finishing };
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

/** Null: the store has none of that hash. Throws BundleUnreadable. */
export async function storedBundle(store: Pick<StateStore, "shared">, hash: string): Promise<Bundle | null> {
  const [text] = await store.shared([programField(hash)]);
  return text === null || text === undefined ? null : readBundle(hash, text);
}

/** Hash of the program in force; null: none was ever put in force (or by a version of Eddy that did not say). */
export async function currentProgram(store: Pick<StateStore, "shared">): Promise<string | null> {
  return (await store.shared([CURRENT_FIELD]))[0] ?? null;
}

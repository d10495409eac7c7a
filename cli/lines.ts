/**
 * Files of one record a line, in and out: `-` is standard input or output, a name that ends in `.gz` means gzip, a relative
 * one starts at the command's folder.
 *
 * Reading gives the lines of a chunk at a time with their numbers; a line longer than the bound is given without its
 * bytes, so that one bad line neither fills the memory nor ends the work. Empty lines are passed over.
 */
import { createReadStream, createWriteStream } from "node:fs";
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { Readable, Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";

import { UsageError } from "./exit.js";
import type { Io } from "./io.js";

export interface Line {
  /** From 1. */
  readonly number: number;
  /** Without the line break; null: longer than the bound. */
  readonly bytes: Buffer | null;
}

export interface LineSource {
  readonly batches: AsyncIterable<readonly Line[]>;
  /** How much of the file was read, from 0 to 1; null where its length is not known. */
  progress(): number | null;
}

/** A file cannot be read to its end: it is damaged, or not what its name says. */
export class BadFile extends UsageError { override readonly name = "BadFile"; }

export const LONGEST_LINE_BYTES = 16 * 1024 * 1024;
const CHUNK_BYTES = 256 * 1024;

/** Throws the system's error where the file cannot be opened. */
export async function readLines(place: string, io: Pick<Io, "stdin" | "folder">, longest = LONGEST_LINE_BYTES): Promise<LineSource> {
  if (place === "-") return { batches: linesOf(io.stdin, "standard input", longest), progress: () => null };
  const path = resolve(io.folder, place);
  const { size } = await stat(path).catch((error: Error) => {
    throw Object.assign(error, { path: place }); // as it was typed
  });
  const file = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  const content = place.endsWith(".gz") ? unzip(file) : file;
  return { batches: linesOf(content, place, longest), progress: () => (size === 0 ? 1 : file.bytesRead / size) };
}

/** A failure of the file must reach whoever reads what was unzipped. */
function unzip(file: Readable): Readable {
  const unzipped = createGunzip({ chunkSize: CHUNK_BYTES });
  file.on("error", (error) => unzipped.destroy(error));
  // It may fail before anybody reads from it; whoever reads is told all the same.
  unzipped.on("error", () => undefined);
  return file.pipe(unzipped);
}

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const BYTE_ORDER_MARK = Buffer.from("\ufeff");

async function* linesOf(stream: Readable, name: string, longest: number): AsyncGenerator<readonly Line[]> {
  let number = 0;
  let rest: Buffer[] = [];
  let restLength = 0;
  let batch: Line[] = [];
  const take = (bytes: Buffer): void => {
    if (restLength <= longest) rest.push(bytes);
    restLength += bytes.length;
  };
  const end = (): void => {
    number++;
    if (restLength > longest) batch.push({ number, bytes: null });
    else {
      const line = trimmed(rest.length === 1 && rest[0] !== undefined ? rest[0] : Buffer.concat(rest), number);
      if (line.length > 0) batch.push({ number, bytes: line });
    }
    rest = [];
    restLength = 0;
  };
  try {
    for await (const chunk of stream) {
      const bytes = typeof chunk === "string" ? Buffer.from(chunk) : (chunk as Buffer);
      let from = 0;
      for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, from)) {
        take(bytes.subarray(from, at));
        end();
        from = at + 1;
      }
      take(bytes.subarray(from));
      if (batch.length > 0) yield batch;
      batch = [];
    }
  } catch (error) {
    throw isZipError(error) ? new BadFile(`${name}: it is damaged, or not gzip although its name ends in .gz (${error.message})`) : error;
  }
  if (restLength > 0) end();
  if (batch.length > 0) yield batch;
}

function trimmed(line: Buffer, number: number): Buffer {
  const start = number === 1 && line.subarray(0, 3).equals(BYTE_ORDER_MARK) ? 3 : 0;
  return line.subarray(start, line.at(-1) === CARRIAGE_RETURN ? line.length - 1 : line.length);
}

function isZipError(error: unknown): error is Error {
  return error instanceof Error && String((error as NodeJS.ErrnoException).code).startsWith("Z_");
}

// ---------------------------------------------------------------------------------------------------- writing

export interface LineSink {
  /** Adds a line. What it answers, if anything, must be awaited before the next one: the reader is slower than we. */
  write(line: string): Promise<void> | undefined;
  /** All lines are with the system when it resolves. Standard output stays open. */
  close(): Promise<void>;
}

const FLUSH_LENGTH = 64 * 1024;

export function writeLines(place: string, io: Pick<Io, "stdout" | "folder">): LineSink {
  const target = place === "-" ? io.stdout : createWriteStream(resolve(io.folder, place));
  const zipped = place.endsWith(".gz") ? createGzip() : null;
  if (zipped !== null) zipped.pipe(target);
  const into: Writable = zipped ?? target;
  let failure: Error | null = null;
  for (const stream of new Set([into, target])) stream.once("error", (error: Error) => (failure = error));
  let waiting = "";
  const flush = async (): Promise<void> => {
    const text = waiting;
    waiting = "";
    if (failure !== null) throw failure;
    if (!into.write(text)) await drained(into);
    if (failure !== null) throw failure;
  };
  // Who cannot await at once (a burst of lines in one go) gets the same promise again; the lines wait here.
  let flushing: Promise<void> | undefined;
  return {
    write(line) {
      waiting += `${line}\n`;
      if (flushing === undefined && waiting.length >= FLUSH_LENGTH) {
        flushing = flush().finally(() => { flushing = undefined; });
      }
      return flushing;
    },
    async close() {
      await flushing;
      await flush();
      if (place === "-") return;
      into.end();
      await finished(target);
    },
  };
}

function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off("drain", done).off("error", done).off("close", done);
      resolve();
    };
    stream.on("drain", done).on("error", done).on("close", done);
  });
}

/** Two outputs cannot share standard output: their lines would be one heap. */
export function refuseSharedOutput(places: ReadonlyMap<string, string | undefined>): void {
  const shared = [...places].filter(([, place]) => place === "-").map(([name]) => `--${name}`);
  if (shared.length > 1) throw new UsageError(`${shared.join(" and ")} cannot both write to standard output: give all but one of them a file`);
}

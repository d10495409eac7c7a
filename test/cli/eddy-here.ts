/**
 * A command of the program inside the test's own process: what it says and its exit code, without the second of a processor
 * that a process of its own costs. For commands that end by themselves and whose process is not what the test is about;
 * not for the embedded store while the test has it open, since LMDB wants a file open once in a process.
 *
 * The process stays where it is: a path that the command looks for anywhere but in its own folder is a defect that shows.
 */
import { PassThrough, Readable } from "node:stream";
import { main } from "../../cli/main.js";
import type { Ran, RunOptions } from "./eddy.js";

export async function eddyHere(args: readonly string[], { folder, input = "", environment = {} }: RunOptions): Promise<Ran> {
  const [out, err] = [heard(), heard()];
  const code = await main(args, {
    stdin: Readable.from(input === "" ? [] : [Buffer.from(input)]), stdout: out.stream, stderr: err.stream, environment, folder, terminal: false,
    now: Date.now, interrupted: () => new Promise(() => undefined),
  });
  return { code, stdout: out.text(), stderr: err.text() };
}

function heard(): { readonly stream: PassThrough; text(): string } {
  const stream = new PassThrough();
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  return {
    stream,
    text() {
      for (let rest = stream.read() as Buffer | null; rest !== null; rest = stream.read() as Buffer | null) chunks.push(rest);
      return Buffer.concat(chunks).toString("utf8");
    },
  };
}

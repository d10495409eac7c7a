/** The process that runs the program, as commands see it. The only place of the command line that reads the environment. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

import type { Beside, Io } from "./io.js";

const ENDING = ["SIGINT", "SIGTERM"] as const;
/** What a shell reports for a program that a signal ended. */
const EXIT_OF = { SIGINT: 130, SIGTERM: 143 } as const;

export function processIo(): Io {
  let first: Promise<NodeJS.Signals> | null = null;
  // Whoever reads our output may stop early (head, less); there is nobody left to tell.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit(process.exitCode ?? 0);
      throw error;
    });
  }
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    environment: process.env,
    folder: process.cwd(),
    terminal: process.stderr.isTTY === true,
    now: Date.now,
    interrupted: () => (first ??= firstSignal()),
    again,
    onHangUp: (listener) => void process.on("SIGHUP", listener),
    onReport: (listener) => void process.on("SIGUSR2", listener),
  };
}

function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let seen = false;
    for (const signal of ENDING) {
      process.on(signal, () => {
        if (seen) process.exit(EXIT_OF[signal]);
        seen = true;
        resolve(signal);
      });
    }
  });
}

/** Its standard input ends when this process does. */
function again(arguments_: readonly string[], environment: Readonly<Record<string, string>>, told: (line: string) => void): Beside {
  const child = spawn(process.execPath, [fileURLToPath(new URL("./again.js", import.meta.url)), ...arguments_], { cwd: process.cwd(), env: { ...environment }, stdio: ["pipe", "ignore", "pipe"] });
  let rest = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    lines.filter((line) => line !== "").forEach(told);
  });
  child.stdin.on("error", () => undefined);
  const ended = new Promise<number | null>((resolve) => {
    child.once("error", (error) => {
      told(error.message);
      resolve(null);
    });
    child.once("close", (code) => {
      if (rest !== "") told(rest);
      resolve(code);
    });
  });
  return { ended, stop: () => void child.kill("SIGTERM") };
}

/** The process that runs the program, as commands see it. The only place of the command line that reads the environment. */
import type { Io } from "./io.js";

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

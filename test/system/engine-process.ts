/**
 * The real program, `bin/eddy run`, as a process of its own that a test can watch and end.
 *
 * What it logs is kept as parsed lines; `said` waits for one. `kill` is kill -9. A process that a test forgot ends with
 * the tests.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { PROJECT } from "../cli/eddy.js";

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

export interface EngineProcess {
  /** Everything logged so far; what is no JSON stands as a message of level "". */
  readonly log: readonly LogLine[];
  /** The first line whose message contains the text, from the one with that index on; rejects when the process ends, or in time. */
  said(text: string | RegExp, from?: number): Promise<LogLine>;
  /** Address of its HTTP port. */
  http(): Promise<string>;
  /** The exit code, or null after a signal. */
  readonly exited: Promise<number | null>;
  readonly running: boolean;
  readonly pid: number;
  /** kill -9. */
  kill(): Promise<void>;
  /** SIGTERM; answers with the exit code and how long it took. */
  terminate(): Promise<{ readonly code: number | null; readonly ms: number }>;
  pause(): void;
  resume(): void;
}

export interface StartOptions {
  readonly rules: string;
  /** `--nats … --redis …` or `--embedded …`. */
  readonly place: readonly string[];
  readonly folder: string;
  readonly more?: readonly string[];
  /** `run` unless given: another command that goes on for a while. */
  readonly command?: "run" | "apply";
  /** Only so many of the last lines are kept; all unless given. `said` finds none that went before. */
  readonly keepLines?: number;
  /** Told of each line as it comes. */
  readonly onLine?: (line: LogLine) => void;
  /** Told of what it writes to standard output, as it comes. */
  readonly onOutput?: (text: string) => void;
  /** The program that runs it with these arguments before its own; Node unless given. */
  readonly under?: readonly [program: string, ...args: string[]];
}

const PROGRAM = join(PROJECT, "bin/eddy");
/** Longer than anything takes, also where the machine has much else to do. */
const SAID_WITHIN_MS = 60_000;

export function startEngineProcess({ rules, place, folder, more = [], keepLines = Infinity, onLine, onOutput, under, command = "run" }: StartOptions): EngineProcess {
  const [program, ...before] = under ?? [process.execPath];
  const node = under === undefined ? [] : [process.execPath];
  const child = spawn(program, [...before, ...node, PROGRAM, command, rules, ...place, ...(command === "run" ? ["--http", "127.0.0.1:0"] : []), ...more], {
    cwd: folder, stdio: ["ignore", onOutput === undefined ? "ignore" : "pipe", "pipe"], env: neutral(),
  });
  if (onOutput !== undefined) child.stdout?.setEncoding("utf8").on("data", onOutput);
  const log: LogLine[] = [];
  const listeners = new Set<() => void>();
  let rest = "";
  let running = true;
  const keep = (line: LogLine): void => {
    log.push(line);
    if (log.length > 2 * keepLines) log.splice(0, log.length - keepLines);
    onLine?.(line);
  };
  const tell = (): void => [...listeners].forEach((listener) => listener());
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) keep(parsed(line));
    tell();
  });
  const endWithProcess = (): void => void child.kill("SIGKILL");
  process.once("exit", endWithProcess);
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      running = false;
      process.off("exit", endWithProcess);
      if (rest !== "") keep(parsed(rest));
      tell();
      resolve(code);
    });
  });

  const said = (text: string | RegExp, from = 0): Promise<LogLine> => new Promise((resolve, reject) => {
    let next = from;
    const give = (settle: () => void): void => {
      clearTimeout(timer);
      listeners.delete(look);
      settle();
    };
    const look = (): void => {
      for (; next < log.length; next++) {
        const line = log[next] as LogLine;
        if (typeof text === "string" ? line.message.includes(text) : text.test(line.message)) return give(() => resolve(line));
      }
      if (!running) give(() => reject(new Error(`the engine ended before it said ${String(text)}:\n${shown(log)}`)));
    };
    const timer = setTimeout(() => give(() => reject(new Error(`the engine did not say ${String(text)} in time:\n${shown(log)}`))), SAID_WITHIN_MS);
    listeners.add(look);
    look();
  });

  return {
    log,
    said,
    http: async () => String((await said("metrics, health and POST /events"))["url"]),
    exited,
    get running() { return running; },
    pid: child.pid ?? 0,
    async kill() {
      child.kill("SIGKILL");
      await exited;
    },
    async terminate() {
      const since = performance.now();
      child.kill("SIGTERM");
      const code = await exited;
      return { code, ms: performance.now() - since };
    },
    pause: () => void child.kill("SIGSTOP"),
    resume: () => void child.kill("SIGCONT"),
  };
}

export const shown = (log: readonly LogLine[]): string => log.slice(-30).map((line) => JSON.stringify(line)).join("\n");

function parsed(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return { level: "", message: text };
  }
}

/** Without the settings of whoever runs the tests. */
function neutral(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(EDDY_|NATS_URL$|REDIS_URL$|FORCE_COLOR$)/.test(name)));
}

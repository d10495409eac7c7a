/** One line on the terminal that is written over as work goes on; nothing where stderr is no terminal. */
import type { Io } from "./io.js";

export interface Progress {
  /** Removes the line, so that what is said next stands alone. */
  end(): void;
}

const EVERY_MS = 200;
const CLEAR = "\r\u001b[K";

export function showProgress(io: Io, line: () => string): Progress {
  if (!io.terminal) return { end: () => undefined };
  const timer = setInterval(() => io.stderr.write(`${CLEAR}${line()}`), EVERY_MS);
  return {
    end() {
      clearInterval(timer);
      io.stderr.write(CLEAR);
    },
  };
}

/** 1234567 as "1,234,567". */
export function whole(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ",");
}

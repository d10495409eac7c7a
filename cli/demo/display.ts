/**
 * Shows a demonstration while it runs: drawn in place on a terminal that can, one line after another everywhere else.
 * However the program ends, the terminal is left as it was found.
 */
import type { Writable } from "node:stream";

import type { Io } from "../io.js";
import { CLOSE_SCREEN, drawScreen, OPEN_SCREEN } from "./screen.js";
import { renderIntroduction, renderLine, renderView, type DemoModel } from "./view.js";

export interface Display {
  /** Draws for the last time and gives the terminal back. */
  end(): void;
}

/** A terminal, as Node has it. */
export interface Terminal extends Writable {
  readonly columns: number;
  readonly rows: number;
}

const FRAME_MS = 200;
const LINE_MS = 1_000;

/** The terminal to draw on, or null where plain lines are better. */
export function drawable(stdout: Terminal & { readonly isTTY?: boolean }, environment: Io["environment"], lines: boolean): Terminal | null {
  const canDraw = stdout.isTTY === true && (environment["TERM"] ?? "dumb") !== "dumb";
  return canDraw && !lines ? stdout : null;
}

/** https://no-color.org: set and not empty means no colours. */
export const wantsColour = (environment: Io["environment"]): boolean => (environment["NO_COLOR"] ?? "") === "";

export function showLines(to: Writable, model: () => DemoModel): Display {
  to.write(`${renderIntroduction(model())}\n`);
  const timer = setInterval(() => to.write(`${renderLine(model())}\n`), LINE_MS);
  return { end: () => clearInterval(timer) };
}

// What a terminal says of its size before it knows it is 0.
const USUAL_COLUMNS = 80;
const USUAL_ROWS = 24;

export function showScreen(terminal: Terminal, colour: boolean, model: () => DemoModel): Display {
  let open = false;

  const draw = (): void => {
    // A terminal that is still busy with the last picture can do without this one.
    if (!open || terminal.writableNeedDrain) return;
    const size = { columns: terminal.columns || USUAL_COLUMNS, rows: terminal.rows || USUAL_ROWS, colour };
    terminal.write(drawScreen(renderView(model(), size)));
  };
  const begin = (): void => {
    if (!open) terminal.write(OPEN_SCREEN);
    open = true;
    draw();
  };
  const leave = (): void => {
    if (open) terminal.write(CLOSE_SCREEN);
    open = false;
  };
  const suspend = (): void => {
    leave();
    process.kill(process.pid, "SIGSTOP");
  };

  begin();
  const timer = setInterval(draw, FRAME_MS);
  terminal.on("resize", draw);
  // Ctrl-Z and fg.
  process.on("SIGTSTP", suspend);
  process.on("SIGCONT", begin);
  // Writing to a terminal is done when the call returns, so this works even when the process is on its way out.
  process.on("exit", leave);

  return {
    end() {
      clearInterval(timer);
      draw();
      leave();
      terminal.off("resize", draw);
      process.off("SIGTSTP", suspend);
      process.off("SIGCONT", begin);
      process.off("exit", leave);
    },
  };
}

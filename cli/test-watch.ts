/**
 * Does something again whenever a rule file has changed, been added or gone, until Ctrl-C. Sizes and times of the files
 * are looked at a few times a second: notices from the file system get lost on network drives, in containers and where
 * editors put a new file in the place of the old one.
 */
import { EXIT, UsageError, explain, type ExitCode } from "./exit.js";
import { say, type Io } from "./io.js";
import { rulesStamp } from "./rules.js";

const EVERY_MS = 250;
/** The whole screen, what has scrolled away, and the cursor back to the first place. */
const CLEAR_SCREEN = "\u001b[2J\u001b[3J\u001b[H";

/** `once` may fail in any way a person can mend: that is told, and what mends it is waited for. */
export async function rerunning(io: Io, place: string | undefined, once: () => Promise<ExitCode>): Promise<ExitCode> {
  if (place === "-") throw new UsageError("--watch needs a file or a folder: standard input is read only once");
  let ended = false;
  let wake: () => void = () => undefined;
  void io.interrupted().then(() => {
    ended = true;
    wake();
  });
  while (!ended) {
    // Taken before the files are read: what changes in between is seen the next time.
    const stamp = await stampOf(place, io);
    if (io.terminal) io.stderr.write(CLEAR_SCREEN);
    await once().catch((error: unknown) => say(io, `eddy: ${told(error)}`));
    say(io, "eddy: waiting for a rule file to change (Ctrl-C ends)");
    while (!ended && (await stampOf(place, io)) === stamp) {
      await new Promise<void>((resolve) => {
        wake = resolve;
        setTimeout(resolve, EVERY_MS);
      });
    }
  }
  return EXIT.ok;
}

/** Where the files cannot be looked at (they are gone, or just going): how that is told. */
const stampOf = (place: string | undefined, io: Io): Promise<string> => rulesStamp(place, io).catch(told);

/** Throws what nobody can mend. */
function told(error: unknown): string {
  const message = explain(error);
  if (message === null) throw error;
  return message;
}

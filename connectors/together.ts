/**
 * Nagle's algorithm (RFC 896) for requests: while several are unanswered, new ones wait and go out together; else one goes at
 * the end of this turn of the event loop, with all that the turn still brings. Few requests wait for nothing; of many, each
 * group costs one call into the kernel here, and one there, instead of one a request.
 *
 * Nothing waits longer than a millisecond or two for the answers of others, and what is large goes at once.
 */

export interface Together {
  /** Begins `work` when its turn comes; `bytes`: about how much it sends. */
  run<T>(bytes: number, work: () => Promise<T>): Promise<T>;
}

const LONGEST_WAIT_MS = 1;
/** With fewer unanswered, the machine has time for a call of its own. */
const SEVERAL = 3;
/** So much is worth a call of its own. */
const LARGE_BYTES = 16 * 1024;

/** What `work` throws at once must not keep those behind it from beginning. */
function begun<T>(work: () => Promise<T>): Promise<T> {
  try {
    return work();
  } catch (error) {
    return Promise.reject(error as Error);
  }
}

interface Waiting {
  readonly begin: () => void;
  /** For what cannot begin. */
  readonly refuse: (error: unknown) => void;
}

/** `send` calls what it is given: all that it begins goes out at once. Where `send` throws, those that have not begun fail with that. */
export function together(send: (begin: () => void) => void): Together {
  let waiting: Waiting[] = [];
  let waitingBytes = 0;
  let unanswered = 0;
  let atEndOfTurn = false;
  let late: NodeJS.Timeout | null = null;

  function go(): void {
    atEndOfTurn = false;
    if (late !== null) clearTimeout(late);
    late = null;
    const group = waiting;
    if (group.length === 0) return;
    waiting = [];
    waitingBytes = 0;
    let begunOf = 0;
    const beginAll = (): void => {
      while (begunOf < group.length) group[begunOf++]?.begin();
    };
    try {
      send(beginAll);
    } catch (error) {
      for (const { refuse } of group.splice(begunOf)) refuse(error);
    }
  }

  function schedule(): void {
    if (waitingBytes >= LARGE_BYTES) go();
    else if (unanswered >= SEVERAL) late ??= setTimeout(go, LONGEST_WAIT_MS);
    else if (!atEndOfTurn) {
      atEndOfTurn = true;
      setImmediate(go);
    }
  }

  function answered(): void {
    unanswered--;
    if (unanswered < SEVERAL && waiting.length > 0) schedule();
  }

  return {
    run: (bytes, work) => new Promise((resolve, reject) => {
      waiting.push({
        begin() {
          unanswered++;
          begun(work).finally(answered).then(resolve, reject);
        },
        refuse: reject,
      });
      waitingBytes += bytes;
      schedule();
    }),
  };
}

/**
 * Simulated time: what is to happen, when, and in which order where it is at the same time. Nothing happens but through
 * here, one thing after the other, so a run is decided by its seed alone.
 */
export interface Task {
  /** Null: the world's own, which no process's death takes away. */
  readonly owner: object | null;
  readonly what: string;
  readonly run: () => void;
  /** Somebody merely lets time pass: there is no news in it. */
  readonly isNap: boolean;
  /** A member says that it lives: no news either, unless something follows from it. */
  readonly isBeat: boolean;
  at: number;
  /** Among those of one instant. */
  readonly order: number;
}

export interface Scheduler {
  now: number;
  tasks: Task[];
  /** The last steps, for whoever looks into a failure. */
  readonly trace: { readonly at: number; readonly what: string }[];
  steps: number;
  readonly random: () => number;
}

const TRACED = 120;

export function scheduler(now: number, random: () => number): Scheduler {
  return { now, tasks: [], trace: [], steps: 0, random };
}

export function schedule(s: Scheduler, owner: object | null, what: string, afterMs: number, run: () => void, isNap = false, isBeat = false): Task {
  const task: Task = { owner, what, run, isNap, isBeat, at: s.now + afterMs, order: s.random() };
  s.tasks.push(task);
  return task;
}

export function cancel(s: Scheduler, task: Task): void {
  const i = s.tasks.indexOf(task);
  if (i >= 0) removeAt(s, i);
}

function removeAt({ tasks }: Scheduler, i: number): void {
  const last = tasks.pop() as Task;
  if (i < tasks.length) tasks[i] = last;
}

/** Takes out what comes next. `isPaused`: those of the owner wait. */
export function next(s: Scheduler, isPaused: (owner: object) => boolean): Task | undefined {
  let found = -1;
  for (let i = 0; i < s.tasks.length; i++) {
    const task = s.tasks[i] as Task;
    if (task.owner !== null && isPaused(task.owner)) continue;
    const best = s.tasks[found];
    if (best === undefined || task.at < best.at || (task.at === best.at && task.order < best.order)) found = i;
  }
  const task = s.tasks[found];
  if (task === undefined) return undefined;
  removeAt(s, found);
  return task;
}

export function note(s: Scheduler, what: string): void {
  s.trace.push({ at: s.now, what });
  if (s.trace.length > 2 * TRACED) s.trace.splice(0, TRACED);
}

export const lastSteps = ({ trace }: Scheduler): string => trace.slice(-TRACED).map(({ at, what }) => `${new Date(at).toISOString().slice(5, 23)} ${what}`).join("\n");

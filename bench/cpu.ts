/** The process's own time on the processor: what others do on the machine lengthens it less than the time on the wall. */

/** Since the process began, ms. Steps of a microsecond. */
export function cpuNow(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Microseconds that the work took. */
export function cpuMicros(work: () => void): number {
  const from = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(from);
  return user + system;
}

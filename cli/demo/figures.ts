/** How the demonstration writes numbers, spans of time and instants. The same everywhere: no locale, times in UTC. */

/** 1234567 as 1,234,567. */
export function count(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A latency: 0.42 ms, 3.1 ms, 27 ms, 1.5 s. */
export function latency(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms >= 10) return `${Math.round(ms)} ms`;
  return `${ms.toFixed(ms < 1 ? 2 : 1)} ms`;
}

/** Time that has gone by: 0:42, 12:05, 1:02:05. */
export function elapsed(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (value: number): string => String(value).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  const minutesAndSeconds = `${hours > 0 ? two(minutes) : minutes}:${two(seconds % 60)}`;
  return hours > 0 ? `${hours}:${minutesAndSeconds}` : minutesAndSeconds;
}

const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** 14:05 */
export const clock = (ms: number): string => new Date(ms).toISOString().slice(11, 16);

/** 2 Apr */
export function dayAndMonth(ms: number): string {
  const date = new Date(ms);
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()] ?? ""}`;
}

/** Tue 2 Apr 2019 14:05 */
export function instant(ms: number): string {
  const date = new Date(ms);
  return `${WEEKDAYS[date.getUTCDay()] ?? ""} ${dayAndMonth(ms)} ${date.getUTCFullYear()} ${clock(ms)}`;
}

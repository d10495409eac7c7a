/** What `eddy run` and its worker threads say to each other. */
import type { Program } from "../dsl/program.js";
import type { EngineStats } from "../engine/stats.js";
import type { Place } from "./place.js";
import type { Fields } from "./logging.js";

/** With what a thread begins. */
export interface Assignment {
  readonly program: Program;
  readonly place: Extract<Place, { k: "servers" }>;
  readonly cacheCustomers: number;
}

export type Order = { readonly k: "stop" } | { readonly k: "count"; readonly request: number };

export type Report =
  | { readonly k: "log"; readonly level: "debug" | "info" | "warn" | "error"; readonly message: string; readonly fields: Fields }
  /** What is missing before it is ready; said when it changes. */
  | { readonly k: "missing"; readonly missing: readonly string[] }
  | { readonly k: "counted"; readonly request: number; readonly stats: EngineStats }
  | { readonly k: "ended" }
  /** `reason`: for a person; null: a bug, with its stack. */
  | { readonly k: "failed"; readonly reason: string | null; readonly stack: string };

// Every finding that Eddy can report, in one table.
//
// A code is never reused and never changes its meaning: people look codes up, silence lints by them and link to
// them. A finding that is no longer made keeps its line here, marked `retired`. Whoever finds something gives
// data (code, message, span, label, notes); render.ts alone makes text of it.
//
//   E00xx syntax   E01xx names   E02xx types and values   E03xx structure   W0xxx lints

import type { Span } from "../ast.js";

export type Severity = "error" | "warning";

interface CodeInfo {
  /** A few words for a list of codes. */
  readonly title: string;
  /** What it means and what to do, for someone who looks the code up. */
  readonly explanation: string;
  readonly retired?: true;
}

const table = {
  // ---- E00xx: syntax ----
  E0001: {
    title: "a character that means nothing",
    explanation: "The text contains a character that no form of the language uses, such as a typographic quote, a letter with an accent outside a string, or a semicolon. Names are made of a-z, 0-9 and _; strings stand in straight double quotes.",
  },
  E0002: {
    title: "a string that does not end",
    explanation: "A string ends with a double quote in the line in which it begins. Write \\n where a line break is wanted, and \\\" for a quote inside a string.",
  },
  E0003: {
    title: "a string with something in it that JSON does not allow",
    explanation: "Strings are JSON's. After a backslash only \" \\ / b f n r t or u with four hexadecimal digits may stand, and control characters must be written with a backslash (\\t for a tab).",
  },
  E0004: {
    title: "a number that is too large",
    explanation: "Numbers are IEEE doubles: whole numbers are exact up to 9007199254740991. A larger one would silently become another number.",
  },
  E0005: {
    title: "a date that does not exist",
    explanation: "Dates are written year-month-day, and the day must be in the calendar: 2026-02-29 is not.",
  },
  E0006: {
    title: "a time of day that does not exist",
    explanation: "Times of day go from 00:00 to 23:59:59.999. Midnight at the end of a day is 00:00 of the next.",
  },
  E0007: {
    title: "something else was expected",
    explanation: "The declaration is right up to the marked word, and cannot go on with it. The message lists what could stand there.",
  },
  E0008: {
    title: "the declaration ends too early",
    explanation: "The file, or the next declaration, begins before this one is complete. Most often a closing bracket is missing.",
  },
  E0009: {
    title: "a keyword where a name is needed",
    explanation: "Words that the language itself uses cannot be names of declarations. Fields may be called by them.",
  },
  E0010: {
    title: "no declaration begins like this",
    explanation: "At the top of a file only declarations stand: event, profile, trait, segment, channel, channels, points, tier, experiment, metric, rule and test.",
  },
  E0011: {
    title: "nested too deeply",
    explanation: "Brackets, blocks and conditions may be nested 200 deep, and an expression may join 1,000 parts. Move a part into a trait of its own.",
  },
  E0012: {
    title: "a declaration that is too long",
    explanation: "One declaration may have 50,000 words, numbers, strings and marks. Split it into several.",
  },
  E0013: {
    title: "a bracket without its partner",
    explanation: "A closing bracket has no opening one before it, or closes one of another kind.",
  },
} as const satisfies Record<string, CodeInfo>;

export type DiagnosticCode = keyof typeof table;

/** All codes with their meaning, by code. */
export const codes: Readonly<Record<DiagnosticCode, CodeInfo>> = table;

/** One finding. `code` decides the severity: `E…` are errors, `W…` warnings. */
export interface Diagnostic {
  readonly code: DiagnosticCode;
  readonly severity: Severity;
  /** One sentence in the author's words, without a full stop: `there is no event "order_place"`. */
  readonly message: string;
  readonly span: Span;
  /** Stands behind the carets: `did you mean "order_placed"?`. */
  readonly label?: string;
  /** Whole sentences below the source line. */
  readonly notes?: readonly string[];
}

export const severityOf = (code: DiagnosticCode): Severity => (code.startsWith("W") ? "warning" : "error");

/** Makes a finding; label and notes only where there are any. */
export function diagnostic(
  code: DiagnosticCode,
  span: Span,
  message: string,
  more: { readonly label?: string | undefined; readonly notes?: readonly string[] | undefined } = {},
): Diagnostic {
  return {
    code,
    severity: severityOf(code),
    message,
    span,
    ...(more.label === undefined ? {} : { label: more.label }),
    ...(more.notes === undefined || more.notes.length === 0 ? {} : { notes: more.notes }),
  };
}

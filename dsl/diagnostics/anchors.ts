// Where a code stands in docs/diagnostics.md: an anchor of its own, so that a better title breaks no link.

import type { DiagnosticCode } from "./codes.js";

export const anchorOf = (code: DiagnosticCode): string => code.toLowerCase();

// Rules of an older program that go on in a newer one until their runs have ended: the rule as it was written then, checked against
// the declarations of now. Its steps keep the keys that they had, by which runs that stand at them are found.

import type * as ast from "./ast.js";
import type { Step } from "./program.js";

export interface RetiredRule {
  readonly rule: string;
  /** Hash of the program that it was written for. */
  readonly from: string;
  readonly declaration: ast.RuleDeclaration;
  /** As that program had them. */
  readonly steps: readonly Step[];
}

/** What a retired rule is called in the program in which it goes on; no author can write such a name. */
export const retiredName = ({ rule, from }: Pick<RetiredRule, "rule" | "from">): string => `${rule}@${from.slice(0, 8)}`;

/** In findings: no file of the newer program. */
export const retiredFile = (file: string, from: string): string => `${file}@${from.slice(0, 8)}`;

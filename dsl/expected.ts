// What could stand where parsing stopped, in words: out of the last column of the parser's table.
//
// A column holds, for each production that is under way, how far it has come. Productions that were begun before
// this place say what is wanted here; what they want is named as a whole (`duration`) and not by all the words it
// could begin with. So the grammar's names are the vocabulary, and PHRASES says how to read them.

/** The part of nearley's table that is read here. */
export interface Column {
  readonly states: readonly State[];
}
export interface State {
  /** `id` grows in the order of the grammar. */
  readonly rule: { readonly id: number; readonly name: string; readonly symbols: readonly GrammarSymbol[] };
  /** How many symbols of the rule have been matched. */
  readonly dot: number;
  /** The column in which the rule began. */
  readonly reference: number;
  readonly isComplete: boolean;
  readonly data: unknown;
}
type GrammarSymbol = string | { readonly literal?: string; readonly type?: string };

export interface Expected {
  /** For a sentence: "a step, such as `wait 1 hour`, or `}`". */
  readonly phrase: string;
  /** Every word and mark that could stand here, for suggestions. */
  readonly literals: readonly string[];
  /** A plain name and nothing else could stand here. */
  readonly nameOnly: boolean;
  /** The one type of token that could stand here, and no word or mark; null: several things could. */
  readonly only: string | null;
}

const VALUE = "a value";
const OPERATOR = "an operator";
const UNIT = "a unit of time, such as `days`";

const PHRASES: Readonly<Record<string, string>> = {
  expr: VALUE, or: VALUE, and: VALUE, not: VALUE, compare: VALUE, coalesce: VALUE, sum: VALUE, product: VALUE,
  minus: VALUE, postfix: VALUE, primary: VALUE, exprs: VALUE, arguments: VALUE, argument: VALUE, held: "a condition",
  comparator: OPERATOR, plus: OPERATOR, times: OPERATOR,
  duration: "a duration, such as `7 days`", unit: UNIT, span: "`day`, `week`, `month`, `year` or a duration, such as `7 days`",
  instant: "a date and a time of day, such as `2026-03-02 10:00`",
  type: "a type, such as `string`", union: "a string in quotes", member: "a field", property: "a field", field: "a field",
  entries: "a field", entry: "a field", names: "a name", label: "a name", bare: "a name", path: "a name",
  level: "a level, such as `gold at 500`", arm: "a variant with its share, such as `discount 45%`, or `goal`",
  branch: "a variant with its steps in brackets", event: "an event", events: "an event",
  moment: "an event, `enter`, `leave` or `change`", until: "a condition or an event", schedule: "`every`",
  weekday: "a weekday", period: "`day`, `week`, `month`, `year` or `run`",
  clause: "a clause, such as `at most 1 per day`", step: "a step, such as `wait 1 hour`",
  if: "`if`", line: "a line of the test, such as `after 1 hour`", expected: "an expectation, such as `nothing`",
  happening: "an event",
};

const TYPES: Readonly<Record<string, string>> = {
  name: "a name", soft: "a name", hard: "a name", number: "a number", string: "a string in quotes",
  date: "a date, such as `2026-03-02`", clock: "a time of day, such as `09:00`",
};

// After these words a value is a condition.
const CONDITIONAL: ReadonlySet<string> = new Set(["when", "where", "if", "until", "and", "or", "not", "among"]);
// After their first symbol, these rules go on with an operator.
const OPERATIONS: ReadonlySet<string> = new Set(["or", "and", "compare", "coalesce", "sum", "product", "postfix", "primary"]);

/** The productions of the grammar by name, to look into those that PHRASES does not know. */
export type Productions = ReadonlyMap<string, readonly (readonly GrammarSymbol[])[]>;

export function expectedIn(column: Column, productions: Productions): Expected {
  const phrases = new Set<string>();
  const literals = new Set<string>();
  const types = new Set<string>();
  const states = [...column.states].sort((a, b) => a.rule.id - b.rule.id);
  for (const state of states) {
    const symbol = state.rule.symbols[state.dot];
    if (symbol === undefined) continue;
    if (typeof symbol !== "string") {
      if (symbol.literal !== undefined) literals.add(symbol.literal);
      if (symbol.type !== undefined) types.add(symbol.type);
    }
    if (state.dot > 0) name(symbol, state, productions, phrases);
  }
  return {
    phrase: sentence([...phrases]),
    literals: [...literals],
    nameOnly: literals.size === 0 && types.size === 1 && types.has("name"),
    only: literals.size === 0 && types.size === 1 ? ([...types][0] ?? null) : null,
  };
}

function name(symbol: GrammarSymbol, state: State, productions: Productions, into: Set<string>): void {
  const { rule, dot } = state;
  if (dot === 1 && OPERATIONS.has(rule.name)) into.add(rule.symbols[0] === "(" ? VALUE : operationPhrase(rule.symbols));
  else walk(symbol, rule.symbols[dot - 1], productions, into, new Set());
}

// `(` and `no` begin a value as well: what follows them is no operator.
function operationPhrase(symbols: readonly GrammarSymbol[]): string {
  const [begin] = symbols;
  if (typeof begin === "string") return OPERATOR;
  return begin?.literal === "no" ? "an event" : begin?.literal === "(" ? VALUE : OPERATOR;
}

function walk(symbol: GrammarSymbol, before: GrammarSymbol | undefined, productions: Productions, into: Set<string>, seen: Set<string>): void {
  if (typeof symbol !== "string") {
    into.add(symbol.literal !== undefined ? `\`${symbol.literal}\`` : (TYPES[symbol.type ?? ""] ?? "something else"));
    return;
  }
  const known = PHRASES[symbol];
  if (known !== undefined) {
    const condition = known === VALUE && typeof before === "object" && CONDITIONAL.has(before.literal ?? "");
    into.add(condition ? "a condition" : known);
    return;
  }
  if (seen.has(symbol)) return;
  seen.add(symbol);
  for (const symbols of productions.get(symbol) ?? []) {
    const [next] = symbols;
    if (next !== undefined) walk(next, before, productions, into, seen);
  }
}

// What a place is for comes first, then words and marks, and last what is almost always possible.
function rank(phrase: string): number {
  if (phrase === OPERATOR) return 4;
  if (phrase === UNIT) return 3;
  if (!phrase.startsWith("`")) return 0;
  return /^`[a-z]/.test(phrase) ? 1 : 2;
}

function sentence(phrases: readonly string[]): string {
  const sorted = [...phrases].sort((a, b) => rank(a) - rank(b));
  const last = sorted.pop();
  if (last === undefined) return "nothing more";
  // Phrases with commas of their own need one before "or" too.
  return sorted.length === 0 ? last : `${sorted.join(", ")}${sorted.some((phrase) => phrase.includes(", ")) ? "," : ""} or ${last}`;
}

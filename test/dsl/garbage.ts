// Programs that nobody would write, and what must hold of them all the same: everything ends in findings that can be
// shown, or in a program; never in a throw, and soon.
//
// The same seed makes the same garbage of the same sources. Files are handed in: the bounded test and the open-ended
// bench read them from different places.

import { compileProgram, compileTests, type SourceFile } from "../../dsl/compile.js";
import type { Diagnostic } from "../../dsl/diagnostics/codes.js";
import { renderAll } from "../../dsl/diagnostics/render.js";
import { formatText } from "../../dsl/format.js";
import { HARD, lex, SOFT } from "../../dsl/lexer.js";
import { seeded, sentences } from "./sentences.js";

/** Files that make one program; the first of them declares what the others lean on. */
export type Project = readonly SourceFile[];

export interface Garbage {
  /** The last is the one that was spoilt. */
  readonly files: readonly SourceFile[];
  readonly kind: string;
}

type Random = () => number;
const below = (random: Random, limit: number): number => Math.floor(random() * limit);
const pick = <Item>(random: Random, list: readonly Item[], otherwise: Item): Item => list[below(random, list.length)] ?? otherwise;

const SPOILT = "spoilt.eddy";
const MARKS = ["(", ")", "[", "]", "{", "}", ".", ",", ":", "?", "|", "=", "==", "!=", "<", ">=", "??", "+", "-", "*", "/", "%"];
const LITERALS = ["0", "1", "3", "365", "9007199254740993", "0.1", '""', '"s"', '"\\u0000"', '"\\ud800"', "2026-02-29", "2026-03-02", "24:00", "10:00", "10:00:00.001", "# x\n"];
const FUNCTIONS = "count sum avg min max first last any distinct top gap recent percentile quintile customers total mean lower upper trim length round floor ceil abs date hour weekday age since now weekend variant exposed value nonsense".split(" ");
const WORDS = [...SOFT, ...HARD, ...MARKS, ...LITERALS, ...FUNCTIONS];

export function garbage(seed: number, projects: readonly Project[]): Garbage {
  const random = seeded(seed);
  const project = pick(random, projects, []);
  const [base] = project;
  const victim = pick(random, project, { file: SPOILT, text: "" });
  const names = namesIn(project);
  const [kind, make] = pick(random, KINDS, ["noise", noise]);
  const spoilt: SourceFile = { file: SPOILT, text: make(random, victim.text, names) };
  // Mostly without the rest of the project: it takes long and says little.
  const others = random() < 0.1 ? project.filter((one) => one !== victim) : base === undefined || base === victim ? [] : [base];
  return { files: [...others, spoilt], kind };
}

const known = new WeakMap<Project, readonly string[]>();
function namesIn(project: Project): readonly string[] {
  const found = known.get(project) ?? [...new Set(project.flatMap(({ file, text }) => lex(file, text).tokens.filter(({ type }) => type === "name").map((token) => token.text)))];
  known.set(project, found);
  return found;
}

// ---- ways to spoil ----

type Spoil = (random: Random, text: string, names: readonly string[]) => string;

const KINDS: readonly (readonly [string, Spoil])[] = [
  ["words", words], ["words", words], ["words", words], ["names", renamed], ["names", renamed],
  ["sentences", sentencesOf], ["sentences", sentencesOf], ["characters", characters], ["lines", lines], ["nested", nested], ["noise", noise],
];

/** A few words swapped, left out, doubled, replaced or put in. */
function words(random: Random, text: string, names: readonly string[]): string {
  const all = lex(SPOILT, text).tokens.map((token) => token.text);
  for (let changes = 1 + below(random, 6); changes > 0; changes--) {
    const at = below(random, all.length);
    const some = 1 + below(random, random() < 0.1 ? 40 : 3);
    const turn = random();
    if (turn < 0.2) all.splice(at, some);
    else if (turn < 0.4) all.splice(at, 0, ...all.slice(at, at + some));
    else if (turn < 0.55) all.splice(below(random, all.length), 0, ...all.splice(at, some));
    else if (turn < 0.8) all.splice(at, 1, word(random, names));
    else all.splice(at, 0, word(random, names));
  }
  return all.reduce((made, one) => `${made}${random() < 0.15 ? "\n" : " "}${one}`, "");
}

const word = (random: Random, names: readonly string[]): string => (random() < 0.4 ? pick(random, names, "x") : pick(random, WORDS, "x"));

/** The grammar is kept, names and literals are exchanged: what reaches the checker. */
function renamed(random: Random, text: string, names: readonly string[]): string {
  const share = 0.02 + random() * 0.1;
  return lex(SPOILT, text).tokens.map(({ type, text: one }) => {
    const other = random() < share ? exchanged(random, type, names) : one;
    return `${other}${random() < 0.1 ? "\n" : " "}`;
  }).join("");
}

function exchanged(random: Random, type: string, names: readonly string[]): string {
  switch (type) {
    case "name": return random() < 0.8 ? pick(random, names, "x") : pick(random, FUNCTIONS, "x");
    case "number": return pick(random, ["0", "1", "2", "31", "99", "256", "1000000", "0.5"], "1");
    case "string": return pick(random, ['""', '"gold"', '"*"', '"holdout"', '"2026-03-02"'], '""');
    case "date": return pick(random, ["2026-02-28", "2024-02-29", "0001-01-01", "9999-12-31"], "2026-02-28");
    case "clock": return pick(random, ["00:00", "23:59:59.999", "02:30"], "00:00");
    default: return pick(random, MARKS, "+");
  }
}

/** What the grammar allows, with the names of the project. */
function sentencesOf(random: Random, _: string, names: readonly string[]): string {
  const own = [pick(random, names, "x"), pick(random, names, "y"), pick(random, names, "z"), ...FUNCTIONS.slice(0, 20)];
  return [...sentences(below(random, 2 ** 30), 1 + below(random, 6))]
    .map((sentence) => sentence.map((one) => (/^(x|y|vip)$/.test(one) ? pick(random, own, one) : one)).join(" ")).join("\n");
}

function characters(random: Random, text: string): string {
  const all = [...text.slice(0, 20_000)];
  for (let changes = 1 + below(random, 20); changes > 0; changes--) {
    const at = below(random, all.length + 1);
    const turn = random();
    if (turn < 0.3) all.splice(at, 1 + below(random, 5));
    else if (turn < 0.6) all.splice(at, 1, character(random));
    else if (turn < 0.9) all.splice(at, 0, character(random));
    else all.length = Math.min(all.length, at);
  }
  return all.join("");
}

function character(random: Random): string {
  const turn = random();
  if (turn < 0.4) return String.fromCharCode(below(random, 128));
  if (turn < 0.6) return pick(random, ["\u0000", "\uFEFF", "\u2028", "\u00a0", "\ud83d", "\udca9", "\u202e", "\\", '"', "#"], "x");
  return String.fromCodePoint(below(random, 0x11_0000));
}

function lines(random: Random, text: string): string {
  const all = text.split("\n");
  for (let changes = 1 + below(random, 5); changes > 0; changes--) {
    const at = below(random, all.length);
    const turn = random();
    if (turn < 0.4) all.splice(at, 1 + below(random, 3));
    else if (turn < 0.7) all.splice(at, 0, ...all.slice(below(random, all.length)).slice(0, 3));
    else all.splice(below(random, all.length), 0, ...all.splice(at, 1));
  }
  return all.join("\n");
}

const NESTS: readonly (readonly [string, string])[] = [
  ["(", ")"], ["not ", ""], ["- ", ""], ["if a then b else ", ""], ["count(", ")"], ["[", "]"], ["{ a: ", " }"], ["a + ", ""], ["a and ", ""], ["x[", "]"],
  ["sum(", " of e)"], ["no e where ", " for 1 day"], ["", ".a"], ["", " over 1 day"], ["a ?? ", ""], ["quintile(", " among a)"],
];

/** Something within itself, often, in the place of a value. */
function nested(random: Random, text: string, names: readonly string[]): string {
  const all = lex(SPOILT, text).tokens.map((token) => token.text);
  const places = all.flatMap((one, i) => (/^(=|when|where|and|or|wait|:)$/.test(one) ? [i + 1] : []));
  const times = pick(random, [3, 50, 190, 250, 5_000], 3);
  const [open, close] = pick(random, NESTS, ["(", ")"]);
  const inner = word(random, names);
  all.splice(pick(random, places, 0), random() < 0.5 ? 1 : 0, `${open.repeat(times)}${inner}${close.repeat(times)}`);
  return all.join(" ");
}

function noise(random: Random): string {
  const length = below(random, 3_000);
  return Array.from({ length }, () => (random() < 0.3 ? ` ${pick(random, WORDS, "x")} ` : character(random))).join("");
}

// ---- what must hold ----

/** What is wrong with the way in which these files are taken; null if nothing is. */
export function troubleWith(files: readonly SourceFile[]): string | null {
  try {
    const { program, diagnostics } = compileProgram(files);
    return mismatch(program === null, diagnostics) ?? troubleOnce(files);
  } catch (error) {
    return error instanceof Error ? `${error.stack ?? error.message}` : String(error);
  }
}

/** The same without what takes twice as long and hardly says more: for texts of a megabyte. */
export function troubleOnce(files: readonly SourceFile[]): string | null {
  try {
    const { suite, diagnostics } = compileTests(files);
    return wrongFindings(diagnostics, files) ?? mismatch(suite === null, diagnostics) ?? files.slice(-1).map(wrongLayout).find((one) => one !== null) ?? null;
  } catch (error) {
    return error instanceof Error ? `${error.stack ?? error.message}` : String(error);
  }
}

function wrongFindings(diagnostics: readonly Diagnostic[], files: readonly SourceFile[]): string | null {
  const sources = new Map(files.map(({ file, text }) => [file, text]));
  for (const { code, message, span } of diagnostics) {
    const text = sources.get(span.file);
    if (text === undefined || span.start < 0 || span.start > span.end || span.end > text.length) return `${code} (${message}) points nowhere: ${JSON.stringify(span)}`;
    if (/\bundefined\b|\bNaN\b|\[object/.test(message) && !/undefined|NaN|\[object/.test(text)) return `${code} says ${message}`;
  }
  renderAll(diagnostics, sources);
  return null;
}

function mismatch(refused: boolean, diagnostics: readonly Diagnostic[]): string | null {
  const wrong = diagnostics.some(({ severity }) => severity === "error");
  return refused === wrong ? null : refused ? "there is no program, and nothing says why" : "there is a program, in spite of errors";
}

function wrongLayout({ file, text }: SourceFile): string | null {
  const once = formatText(file, text);
  if (once.diagnostics.length > 0) return once.text === text ? null : "a file with mistakes was formatted";
  return formatText(file, once.text).text === once.text ? null : "formatting what was formatted changes it";
}

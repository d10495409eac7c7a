/**
 * The rule library as one program in which a customer meets only the rules that their test is about.
 *
 * A test runs the rules of its own file; on servers all rules run. So in the texts that the servers get, every rule has one
 * clause more: it starts for customers in whose profile it is named. Nothing else is changed, and nothing of the tests is
 * left out. The profile carries it, and not an event, since what a customer has when they are first seen is no change.
 */
import type { RuleDeclaration } from "../../dsl/ast.js";
import { compileProgram, compileTests, type SourceFile } from "../../dsl/compile.js";
import { renderAll } from "../../dsl/diagnostics/render.js";
import { parseFile } from "../../dsl/parse.js";
import type { Program } from "../../dsl/program.js";
import { PROFILE_UPDATED } from "../../engine/compile/compiled.js";
import type { TestSuite } from "../../dsl/tests.js";
import { filesOf, folders, together } from "./library.js";

/** In the profile: the rules that start, and how many changes of the profile are only what the test says is known at first. */
export const RUNNING = "test_rules";
export const GIVEN = "test_given";

const PROFILE = `profile {\n  ${RUNNING}: string[] = []\n  ${GIVEN}: number = 0\n}\n`;

export interface Library {
  /** The tests as `eddy test` runs them. */
  readonly suite: TestSuite;
  /** As they stand in the folder. */
  readonly sources: readonly SourceFile[];
  /** What the servers get. */
  readonly files: readonly SourceFile[];
  readonly program: Program;
}

export function guardedLibrary(): Library {
  const files = [...together, ...filesOf(...folders)];
  const { suite, diagnostics } = compileTests(files);
  if (suite === null) throw new Error(renderAll(diagnostics, new Map(files.map(({ file, text }) => [file, text]))));
  const guarded = [...files.map(guard), { file: "running.eddy", text: PROFILE }];
  const { program, diagnostics: found } = compileProgram(guarded);
  if (program === null) throw new Error(renderAll(found, new Map(guarded.map(({ file, text }) => [file, text]))));
  return { suite, sources: files, files: guarded, program };
}

function guard({ file, text }: SourceFile): SourceFile {
  const rules = parseFile(file, text).declarations.filter((each): each is RuleDeclaration => each.k === "rule");
  let guarded = text;
  for (const rule of rules.toReversed()) {
    const brace = text.indexOf("{", (rule.label ?? rule.name).span.end) + 1;
    guarded = `${guarded.slice(0, brace)}\n  when ${condition(rule)}\n${guarded.slice(brace)}`;
  }
  return { file, text: guarded };
}

function condition(rule: RuleDeclaration): string {
  const named = `profile.${RUNNING} contains "${rule.name.text}"`;
  return startsOnProfile(rule) ? `${named} and count(${PROFILE_UPDATED}) > profile.${GIVEN}` : named;
}

const startsOnProfile = ({ clauses }: RuleDeclaration): boolean =>
  clauses.some((clause) => clause.k === "start" && clause.moment.k === "events" && clause.moment.events.some(({ event }) => event.text === PROFILE_UPDATED));

/**
 * The program `eddy`: reads the command line, finds the settings, runs the command and turns what happens into an exit
 * code. Data goes to stdout, everything else to stderr.
 */
import { Command as Parser, CommanderError, Option } from "commander";

import { commands, type Command } from "./commands.js";
import { readConfiguration } from "./config.js";
import { EXIT, explain, type ExitCode } from "./exit.js";
import { version } from "./home.js";
import { say, type Io } from "./io.js";
import { redactText } from "./redact.js";
import { settings, variableOf, type SettingName } from "./settings.js";
import { visibleLines } from "./visible.js";

/** `argv` without the program's own name. Never throws. */
export async function main(argv: readonly string[], io: Io): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok;
  const parser = buildParser(io, (exit) => (code = exit));
  try {
    await parser.parseAsync([...argv], { from: "user" });
    return code;
  } catch (error) {
    return report(error, io);
  }
}

/** Also for what happens outside a command (the demonstration). */
export function report(error: unknown, io: Io): ExitCode {
  if (error instanceof CommanderError) {
    // commander has written its message already; it counts help and version as errors too.
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
  const stacks = io.environment["EDDY_DEBUG"] === "1";
  const message = explain(error);
  if (message !== null) {
    for (const line of redactText(message).split("\n")) say(io, `eddy: ${line}`);
    if (stacks && error instanceof Error) say(io, redactText(error.stack ?? ""));
    return EXIT.usage;
  }
  say(io, `eddy: internal error: ${redactText(error instanceof Error ? error.message : String(error))}`);
  if (stacks && error instanceof Error) say(io, redactText(error.stack ?? ""));
  say(io, `eddy: this is a bug in Eddy ${version()}. Please report it, with the command and what it printed${stacks ? "" : " with EDDY_DEBUG=1 set"}.`);
  return EXIT.bug;
}

function buildParser(io: Io, finish: (code: ExitCode) => void): Parser {
  const parser = configured(new Parser("eddy"), io)
    .description("Customer segments and trigger actions from a stream of events.")
    .version(version(), "-V, --version", "print the version")
    .helpCommand("help [command]", "show what a command takes")
    .addHelpText("after", "\nEvery flag can be set by an environment variable (--log-level is EDDY_LOG_LEVEL) or in eddy.yaml (log-level: debug).");
  for (const command of commands) parser.addCommand(buildCommand(command, io, finish));
  return parser;
}

function buildCommand(command: Command, io: Io, finish: (code: ExitCode) => void): Parser {
  const parser = configured(new Parser(command.name), io).summary(command.summary).description(sentence(command.summary)).allowExcessArguments(false);
  for (const { name, description, required } of command.arguments) {
    parser.argument(required ? `<${name}>` : `[${name}]`, description);
  }
  const options = new Map<SettingName, Option>();
  for (const name of new Set([...command.flags, "log-level" as const])) {
    const option = flag(command, name);
    options.set(name, option);
    parser.addOption(option);
    if (settings[name].placeholder === null) parser.addOption(new Option(`--no-${name}`).hideHelp());
  }
  parser.addOption(new Option("--config <FILE>", "settings (./eddy.yaml) [EDDY_CONFIG]"));
  parser.addHelpText("after", `\nExamples:\n${command.examples.map((line) => `  ${line}`).join("\n")}`);
  return parser.action(async (...args: unknown[]) => {
    const given = parser.opts();
    const values = new Map<SettingName, unknown>();
    for (const [name, option] of options) values.set(name, given[option.attributeName()]);
    const plain = new Map<string, string>();
    command.arguments.forEach((argument, index) => {
      const value = args[index];
      if (typeof value !== "string") return;
      if (argument.sets === undefined) plain.set(argument.name, value);
      else values.set(argument.sets, value);
    });
    const configuration = readConfiguration(io, { config: given["config"] as string | undefined, values });
    for (const warning of configuration.warnings) say(io, `eddy: warning: ${warning}`);
    const code = await command.load();
    finish(await code({ io, configuration, arguments: plain }));
  });
}

function configured(parser: Parser, io: Io): Parser {
  return parser
    .exitOverride()
    .showHelpAfterError("(--help shows what there is)")
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(visibleLines(text.replace(/^error: /, "eddy: "))),
    });
}

function flag(command: Command, name: SettingName): Option {
  const meaning = command.meanings?.[name] ?? settings[name];
  const also = (settings[name] as { readonly alsoFrom?: readonly string[] }).alsoFrom ?? [];
  const form = meaning.placeholder === null ? `--${name}` : `--${name} <${meaning.placeholder}>`;
  return new Option(form, `${meaning.description} [${[variableOf(name), ...also].join(", ")}]`);
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

/**
 * The commands: what each is called with, and where its code is. Code is loaded when a command runs: `eddy check` should
 * not wait for the connectors.
 */
import type { Configuration } from "./config.js";
import type { ExitCode } from "./exit.js";
import type { Io } from "./io.js";
import { NATS_ACCESS, REDIS_ACCESS, type SettingName } from "./settings.js";

export interface CommandCall {
  readonly io: Io;
  readonly configuration: Configuration;
  /** Values of the arguments that are no settings, by name. */
  readonly arguments: ReadonlyMap<string, string>;
}

export type CommandCode = (call: CommandCall) => Promise<ExitCode>;

export interface Argument {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
  /** The setting that it sets; without one it is found among CommandCall.arguments. */
  readonly sets?: SettingName;
}

export interface Command {
  readonly name: string;
  readonly summary: string;
  readonly arguments: readonly Argument[];
  readonly flags: readonly SettingName[];
  /** Where a flag means something more particular here. */
  readonly meanings?: Partial<Readonly<Record<SettingName, { readonly placeholder: string | null; readonly description: string }>>>;
  readonly examples: readonly string[];
  load(): Promise<CommandCode>;
}

const rulesArgument: Argument = { name: "RULES", description: "folder of *.eddy files, one such file, or - (./rules)", required: false, sets: "rules" };

const check: Command = {
  name: "check",
  summary: "compile the rules and say what is wrong with them",
  arguments: [rulesArgument],
  flags: ["json", "sarif", "cost"],
  examples: ["eddy check", "eddy check rules/shop --cost", "eddy check --sarif findings.sarif", "eddy check --json - < cart.eddy"],
  load: async () => (await import("./check.js")).checkCommand,
};

const fmt: Command = {
  name: "fmt",
  summary: "bring the rules into the one canonical layout, in place",
  arguments: [rulesArgument],
  flags: ["check"],
  examples: ["eddy fmt", "eddy fmt --check rules/shop", "eddy fmt - < cart.eddy"],
  load: async () => (await import("./fmt.js")).fmtCommand,
};

const test: Command = {
  name: "test",
  summary: "run the tests that stand among the rules, on a clock of their own",
  arguments: [rulesArgument],
  flags: ["only", "coverage", "explain", "watch", "json", "junit"],
  examples: ["eddy test", "eddy test rules/shop --coverage", "eddy test --watch --only cart --explain", "eddy test --junit tests.xml"],
  load: async () => (await import("./test.js")).testCommand,
};

const send: Command = {
  name: "send",
  summary: "publish a file of events, one CloudEvent a line",
  arguments: [{ name: "FILE", description: "the events; - is standard input, .gz is gzip", required: false }],
  flags: ["nats", ...NATS_ACCESS, "embedded", "clock"],
  meanings: { clock: { placeholder: "TIME", description: "afterwards, move the clock of a stream on the events' clock on to this instant" } },
  examples: ["eddy send events.ndjson", "eddy send --embedded .eddy history.ndjson.gz --clock 2026-03-01", "eddy send --clock 2026-06-01T00:00:00Z"],
  load: async () => (await import("./send.js")).sendCommand,
};

const run: Command = {
  name: "run",
  summary: "run the rules on the stream of events",
  arguments: [rulesArgument],
  meanings: { watch: { placeholder: null, description: "bring the rules into force anew whenever a rule file changes" } },
  flags: ["nats", ...NATS_ACCESS, "redis", ...REDIS_ACCESS, "embedded", "take-over", "http", "workers", "watch", "cache-customers", "shadow", "fill-rate", "json"],
  examples: ["eddy run", "eddy run rules/shop --nats nats://127.0.0.1:4222 --redis redis://127.0.0.1:6379", "eddy run --embedded .eddy --http off", "eddy run rules/shop --shadow rules/next", "eddy run --watch"],
  load: async () => (await import("./run.js")).runCommand,
};

const apply: Command = {
  name: "apply",
  summary: "bring rules into force on the engines that run, keeping all that they know",
  arguments: [rulesArgument],
  flags: ["nats", ...NATS_ACCESS, "redis", ...REDIS_ACCESS, "embedded", "history", "fill-rate", "finish", "stop", "cancel", "continue"],
  examples: ["eddy apply --embedded .eddy", "eddy apply rules/shop --nats nats://127.0.0.1:4222 --redis redis://127.0.0.1:6379", "eddy apply --continue", "eddy apply --cancel"],
  load: async () => (await import("./apply.js")).applyCommand,
};

const replay: Command = {
  name: "replay",
  summary: "run a file of events through the rules, without a server",
  arguments: [rulesArgument],
  flags: ["events", "against", "until", "actions", "changes", "members", "traits", "json"],
  examples: ["eddy replay rules/shop --events history.ndjson.gz --actions - --until 2026-06-01", "eddy replay --events - --members members.ndjson < events.ndjson", "eddy replay rules/next --against rules/shop --events history.ndjson.gz"],
  load: async () => (await import("./replay.js")).replayCommand,
};

const plan: Command = {
  name: "plan",
  summary: "what it would do to put these rules in force: what is kept, filled, dropped, and what becomes of runs",
  arguments: [rulesArgument],
  flags: ["nats", ...NATS_ACCESS, "redis", ...REDIS_ACCESS, "embedded", "against", "history", "fill-rate", "finish", "stop", "status", "json"],
  meanings: { against: { placeholder: "OLD", description: "compare with these rules (a folder, a file, or -) instead of those that run; needs no server" } },
  examples: ["eddy plan rules/shop --nats nats://127.0.0.1:4222 --redis redis://127.0.0.1:6379", "eddy plan --embedded .eddy --finish cart_recovery", "eddy plan rules/next --against rules/shop --json", "eddy plan --status"],
  load: async () => (await import("./plan.js")).planCommand,
};

/** Who asks about a customer. */
const RULES_ABOUT = { rules: { placeholder: "RULES", description: "folder of *.eddy files or one such file, instead of the rules in force (where there are none: ./rules)" } };

const inspect: Command = {
  name: "inspect",
  summary: "show what is known about a customer",
  arguments: [{ name: "CUSTOMER", description: "the customer's id", required: true }],
  flags: ["rules", "nats", ...NATS_ACCESS, "redis", ...REDIS_ACCESS, "embedded", "json"],
  meanings: RULES_ABOUT,
  examples: ["eddy inspect c0042 --embedded .eddy", "eddy inspect c42 --rules rules/shop --nats nats://127.0.0.1:4222 --redis redis://127.0.0.1:6379 --json"],
  load: async () => (await import("./inspect.js")).inspectCommand,
};

const explain: Command = {
  name: "explain",
  summary: "why a customer is in a segment or not, and what a rule did or waits for; what a value is made of",
  arguments: [
    { name: "CUSTOMER", description: "the customer's id", required: true },
    { name: "NAME", description: "the name of a segment, a rule, a trait, points, a tier or a channel", required: true },
  ],
  flags: ["rules", "nats", ...NATS_ACCESS, "redis", ...REDIS_ACCESS, "embedded", "json"],
  meanings: RULES_ABOUT,
  examples: ["eddy explain c0042 vip --embedded .eddy", "eddy explain c42 cart_recovery --rules rules/shop --nats nats://127.0.0.1:4222 --redis redis://127.0.0.1:6379"],
  load: async () => (await import("./explain.js")).explainCommand,
};

const setup: Command = {
  name: "setup",
  summary: "create the streams and prepare the store; safe to repeat",
  arguments: [],
  flags: ["nats", ...NATS_ACCESS, "redis", ...REDIS_ACCESS, "embedded", "partitions", "clock", "replicas", "max-age", "max-bytes"],
  meanings: { clock: { placeholder: "KIND", description: "what moves the clock: broker, or event for history and tests; fixed once set up" } },
  examples: ["eddy setup --nats nats://127.0.0.1:4222 --redis redis://127.0.0.1:6379", "eddy setup --embedded .eddy --clock event"],
  load: async () => (await import("./setup.js")).setupCommand,
};

const recover: Command = {
  name: "recover",
  summary: "show which partitions cannot go on and what each choice costs; decide",
  arguments: [{ name: "PARTITION", description: "one partition (all that cannot go on)", required: false }],
  flags: ["nats", ...NATS_ACCESS, "redis", ...REDIS_ACCESS, "embedded", "accept-data-loss", "rebuild", "json"],
  examples: ["eddy recover --nats nats://127.0.0.1:4222 --redis redis://127.0.0.1:6379", "eddy recover 3 --accept-data-loss", "eddy recover --rebuild --embedded .eddy"],
  load: async () => (await import("./recover.js")).recoverCommand,
};

const erase: Command = {
  name: "erase",
  summary: "forget a customer for good, and wait for the receipt",
  arguments: [{ name: "CUSTOMER", description: "the customer's id", required: false }],
  flags: ["nats", ...NATS_ACCESS, "redis", ...REDIS_ACCESS, "embedded", "customers", "stream", "json"],
  examples: ["eddy erase c0042 --embedded .eddy", "eddy erase c42 --stream --nats nats://127.0.0.1:4222 --redis redis://127.0.0.1:6379", "eddy erase --customers ids.txt --stream --json"],
  load: async () => (await import("./erase.js")).eraseCommand,
};

const exportCustomer: Command = {
  name: "export",
  summary: "everything that is known of a customer, as JSON",
  arguments: [{ name: "CUSTOMER", description: "the customer's id", required: true }],
  flags: ["rules", "nats", ...NATS_ACCESS, "redis", ...REDIS_ACCESS, "embedded", "with-events"],
  meanings: RULES_ABOUT,
  examples: ["eddy export c0042 --embedded .eddy", "eddy export c42 --with-events --nats nats://127.0.0.1:4222 --redis redis://127.0.0.1:6379 > c42.json"],
  load: async () => (await import("./export.js")).exportCommand,
};

export const commands: readonly Command[] = [run, apply, check, fmt, test, replay, send, setup, plan, inspect, explain, recover, erase, exportCustomer];

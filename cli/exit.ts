/**
 * How the program ends: the exit codes, and which errors are a person's to mend.
 *
 * A mistake in the way the program was called, configured or surrounded ends with a sentence that says what to do and
 * never with a stack trace; whatever else is thrown is a bug of ours and says so.
 */
export const EXIT = {
  /** All went well. */
  ok: 0,
  /** Findings: errors in rules, bad lines in a file. */
  findings: 1,
  /** Wrong usage or configuration, or surroundings that do not play along (no server, no such file). */
  usage: 2,
  /** `eddy plan`: history does not go back far enough for what is new. */
  tooShort: 2,
  /** A bug of ours. */
  bug: 70,
  /** Ended by Ctrl-C before the work was done, as shells count it. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The command was called in a way that makes no sense; the message says which. */
export class UsageError extends Error { override readonly name: string = "UsageError"; }

/** A setting has a value that makes no sense; the message names the setting and where it came from. */
export class ConfigurationError extends UsageError { override readonly name = "ConfigurationError"; }

/**
 * Errors of the engine and the connectors whose messages say what a person can do. By name: importing their modules here
 * would load every connector for every command.
 */
const SURROUNDINGS: ReadonlySet<string> = new Set([
  "LogUnavailable", "LogFull", "RecordTooLarge", "LogChanged", "LogClosed", "LogMissing", "StoreUnavailable", "StoreFull", "StoreRefused",
  "ConnectFailed", "SetupRefused", "FolderRefused", "ListenFailed", "WorkerFailed", "CannotContinue", "CannotRecover",
  "InvalidToken", "HistoryRefused", "FillFailed", "FillBusy", "FillOver", "FillStopped", "BundleUnreadable", "ChangeUnreadable", "ChangeLost", "StateTooNew", "StateCorrupt", "MetaCorrupt",
]);

/** The system calls' own errors (no such file, no space, port taken) in a person's words. */
const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  EACCES: "permission denied",
  EPERM: "not permitted",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of the path is not a folder",
  EEXIST: "it exists already",
  ENOSPC: "no space is left on the device",
  EROFS: "the file system is read-only",
  EMFILE: "too many files are open",
  EADDRINUSE: "the address is in use already",
  EADDRNOTAVAIL: "the address is not one of this machine",
  ECONNREFUSED: "nobody listens there",
  ENOTFOUND: "there is no such host",
};

/** The message for a person where the error is theirs to mend; null where it is a bug. */
export function explain(error: unknown): string | null {
  if (error instanceof UsageError) return error.message;
  if (error instanceof Error && SURROUNDINGS.has(error.name)) return error.message;
  if (isSystemError(error)) {
    const words = SYSTEM_ERRORS[error.code];
    if (words === undefined) return null;
    const what = error.path ?? (error.address === undefined ? undefined : `${error.address}:${error.port ?? ""}`);
    return what === undefined ? words : `${what}: ${words}`;
  }
  return null;
}

interface SystemError extends Error {
  readonly code: string;
  readonly syscall: string;
  readonly path?: string;
  readonly address?: string;
  readonly port?: number;
}

function isSystemError(error: unknown): error is SystemError {
  return error instanceof Error && typeof (error as Partial<SystemError>).code === "string" && typeof (error as Partial<SystemError>).syscall === "string";
}

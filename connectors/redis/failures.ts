/**
 * What an error of Redis or of the connection means: StoreUnavailable (ask again; StoreFull: until a person has made room)
 * or StoreRefused (needs a person, and another start).
 * The one place that decides it. Messages name the address and what to do, never user names or passwords.
 */
import { StoreFull, StoreRefused, StoreUnavailable } from "../../engine/ports.js";

/** Replies that pass by themselves: the server is starting, failing over, moving slots or busy. */
const PASSING: ReadonlySet<string> = new Set([
  "ASK", "BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "MOVED", "NOREPLICAS", "READONLY", "TRYAGAIN", "UNKILLABLE",
]);

/** Redis answers and reads, and writes nothing. */
const FULL: ReadonlySet<string> = new Set(["MISCONF", "OOM"]);

/** What the user that Eddy connects as must be allowed, in the words of ACL SETUSER. */
export const PERMISSIONS = "~eddy:* +@read +@write +@scripting +@connection +info +cluster|slots +cluster|info";

/** What a person can do about replies that do not pass. */
const ADVICE: Readonly<Record<string, string>> = {
  CROSSSLOT: "the keys of one call are not in one hash slot",
  DENIED: "Redis accepts no connections from here in protected mode: set a password, or bind it to a private address",
  EDDY: "the function library refused its arguments: this is a fault in Eddy or in what lies in the store",
  MISCONF: "Redis cannot write to its disk: free some space or repair the disk, then look at its log",
  NOAUTH: "Redis wants a password: put it into the address, as redis://user:password@host:port",
  NOPERM: `the user lacks permissions; Eddy needs: ${PERMISSIONS}`,
  OOM: "Redis has reached maxmemory: raise it, or give Redis a larger machine",
  WRONGPASS: "the user or password in the address is wrong",
  WRONGTYPE: "a key that belongs to Eddy holds something else: another program uses the same names in this database",
};

/** Behind what Node says when two ends cannot agree on TLS. */
const TLS_ADVICE = " (--redis-ca names the authorities to trust, --redis-cert and --redis-key are what the server may ask of us)";

const NO_FUNCTION = /^ERR Function not found/;
/** It is loaded where it is missing; so this is of a library that is newer and does without. */
const LACKS_FUNCTION = "the functions that are loaded do not serve this version of Eddy: run the version that loaded them, or end it, remove them with redis-cli FUNCTION DELETE eddy and start again";
/** How Redis 7.0 says within a function what is NOPERM outside of one. */
const SCRIPT_DENIED = /^ERR The user executing the script can't (?:run|access)/;
const TOO_MANY_CLIENTS = /^ERR max number of clients/;

export function isFunctionMissing(error: unknown): boolean {
  return error instanceof Error && NO_FUNCTION.test(error.message);
}

/** Turns whatever ioredis threw into one of the two failures; those pass through as they are. */
export function storeFailure(error: unknown, address: string): StoreUnavailable | StoreRefused {
  if (error instanceof StoreUnavailable || error instanceof StoreRefused) return error;
  if (!(error instanceof Error)) return new StoreUnavailable(`Redis at ${address}: ${String(error)}`);
  const message = innermost(error).message;
  const code = /^[A-Z]+/.exec(message)?.[0] ?? "";
  if (!isReply(error)) return new StoreUnavailable(`no answer from Redis at ${address}: ${message}${/certificate|SSL|TLS|altnames/i.test(message) ? TLS_ADVICE : ""}`);
  if (PASSING.has(code) || TOO_MANY_CLIENTS.test(message)) {
    return new StoreUnavailable(`Redis at ${address} cannot answer now: ${message}`);
  }
  const advice = NO_FUNCTION.test(message) ? LACKS_FUNCTION : ADVICE[SCRIPT_DENIED.test(message) ? "NOPERM" : code];
  const text = `Redis at ${address} refuses: ${advice === undefined ? message : `${advice} (${message})`}`;
  return FULL.has(code) ? new StoreFull(text) : new StoreRefused(text);
}

/** An answer of the server, rather than a failure to get one. */
function isReply(error: Error): boolean {
  return innermost(error).name === "ReplyError";
}

/** ioredis puts what a cluster's last node said behind a general error. */
function innermost(error: Error): Error {
  const last = (error as { readonly lastNodeError?: unknown }).lastNodeError;
  return last instanceof Error ? last : error;
}

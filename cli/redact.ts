/**
 * Keeps secrets out of whatever is printed or logged: passwords and tokens in addresses, values of fields that are named
 * after secrets, and secrets that are known by their form wherever they stand (private keys in PEM, seeds of nkeys, JWTs:
 * all that a credentials file of NATS holds). Addresses themselves stay readable; a person must see which server is meant.
 */

const HIDDEN = "***";

/**
 * `scheme://user:password@` or `scheme://token@`, also several of them in one text. Greedy up to the last `@` before the
 * next address: a password may hold anything, and hiding too much is better than hiding too little.
 */
const USER_PART = /([a-z][a-z0-9+.-]*:\/\/)((?:(?![a-z][a-z0-9+.-]*:\/\/)\S)*)@/gi;
/** `user:password@host` without a scheme. */
const BARE_USER_PART = /(^|[\s"'`,(])([^\s:@/"'`,(]+):[^\s@/]+@/g;
/** `?password=…`, `&auth_token=…`. */
const QUERY_PART = /([?&;](?:[a-z0-9_.-]*(?:pass|passwd|password|pwd|token|secret|creds|nkey|seed|jwt|auth|key)[a-z0-9_.-]*)=)[^&\s#,;]*/gi;

/** The text with every password and token in the addresses that it holds replaced; the user's name stays. */
export function redactUrl(text: string): string {
  return text
    .replace(USER_PART, (_all, scheme: string, user: string) => {
      const colon = user.indexOf(":");
      // Without a colon the whole of it may be a token (NATS) or a user; nothing tells them apart.
      return colon < 0 ? `${scheme}${HIDDEN}@` : `${scheme}${user.slice(0, colon)}:${HIDDEN}@`;
    })
    .replace(BARE_USER_PART, `$1$2:${HIDDEN}@`)
    .replace(QUERY_PART, `$1${HIDDEN}`);
}

/** A private key in PEM, also one that is cut off, or on one line as JSON has it. */
const PRIVATE_KEY = /-----BEGIN ([A-Z0-9 ]*(?:PRIVATE KEY|SEED)[A-Z0-9 ]*)-----[\s\S]*?(?:-+END \1-+|$)/g;
/** S, then the kind (user, account, operator, server, cluster, curve), then base32. */
const SEED = /\bS[UAONCX][A-Z2-7]{50,60}\b/g;
const JWT = /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?/g;

/** A text for people or a log: as `redactUrl`, and without keys, seeds and JWTs. */
export function redactText(text: string): string {
  return redactUrl(text.replace(PRIVATE_KEY, HIDDEN).replace(SEED, HIDDEN).replace(JWT, HIDDEN));
}

const SECRET_NAME = /pass(?:word|wd|phrase)?$|pwd$|token$|secret$|creds$|credentials$|nkey$|seed$|jwt$|authorization$|private_?key$/i;

const DEEPEST = 6;

/** A copy for a log: secrets hidden in texts and by the names of fields. What is nested deeper than it should be is cut. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return redactText(value);
  if (typeof value !== "object" || value === null) return value;
  // Clients hang more on their errors than belongs into a log: the command that failed, for one, be it the log-in.
  if (value instanceof Error) return { name: value.name, message: redactText(value.message) };
  if (depth >= DEEPEST) return "…";
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`;
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, redactField(name, item, depth + 1)]),
  );
}

/** The value of a field of this name. */
export function redactField(name: string, value: unknown, depth = 0): unknown {
  return SECRET_NAME.test(name) && value !== null && value !== undefined ? HIDDEN : redact(value, depth);
}

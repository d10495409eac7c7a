/**
 * Keeps secrets out of whatever is printed or logged: passwords and tokens in addresses, and values of fields that are
 * named after secrets. Addresses themselves stay readable; a person must see which server is meant.
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
const QUERY_PART = /([?&;](?:[a-z0-9_.-]*(?:pass|passwd|password|token|secret|creds|nkey|seed|jwt|auth|key)[a-z0-9_.-]*)=)[^&\s#,;]*/gi;

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

const SECRET_NAME = /pass(?:word|wd|phrase)?$|token$|secret$|creds$|credentials$|nkey$|seed$|jwt$|authorization$|private_?key$/i;

const DEEPEST = 6;

/** A copy for a log: secrets hidden in texts and by the names of fields. What is nested deeper than it should be is cut. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return redactUrl(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth >= DEEPEST) return "…";
  if (value instanceof Error) return value;
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name,
      SECRET_NAME.test(name) && item !== null && item !== undefined ? HIDDEN : redact(item, depth + 1),
    ]),
  );
}

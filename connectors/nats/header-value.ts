/**
 * Texts as values of message headers, which can hold no line breaks and lose blanks at their ends: a plain text stands
 * as it is, any other as a JSON string, so that no two texts become one value.
 */

const PLAIN = /^[!#-~][!-~]*$/;

export function headerValue(text: string): string {
  return PLAIN.test(text) ? text : JSON.stringify(text);
}

/** The text of a value that `headerValue` made; what somebody else wrote stays as it is. */
export function readHeaderValue(value: string): string {
  if (!value.startsWith('"')) return value;
  try {
    const text: unknown = JSON.parse(value);
    return typeof text === "string" ? text : value;
  } catch {
    return value;
  }
}

/**
 * Texts from outside (customers' ids, data of events, rule files, what servers answer) on a terminal: nothing in them may
 * move the cursor, colour what follows, write to the clipboard or turn the direction of reading. What could is shown as
 * `\u001b`. In JSON that is the same text, so that documents stay what they are.
 */

// C0 and C1 controls, and the characters that turn the direction of what stands behind them.
const STEERING = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;
const STEERING_IN_LINES = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

const spelled = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** One line: line breaks and tabs are spelled out too, so that nobody can forge a second one. */
export function visible(text: string): string {
  return text.replace(STEERING, spelled);
}

/** Text of ours in several lines, with parts of others in it: line breaks and tabs stay. */
export function visibleLines(text: string): string {
  return text.replace(STEERING_IN_LINES, spelled);
}

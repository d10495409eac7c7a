/**
 * The control sequences with which a rendered screen is drawn in place: on the terminal's other screen, so that what
 * stood there before comes back at the end, and over the last picture, so that nothing flickers. Only text: writing it
 * is the caller's business.
 */

/** To be written once, at the start: other screen, no cursor. */
export const OPEN_SCREEN = "\x1b[?1049h\x1b[?25l\x1b[2J";

/** To be written once, at the end, however it came: cursor and the first screen. */
export const CLOSE_SCREEN = "\x1b[?25h\x1b[?1049l";

/** Draws a picture (lines joined by line feeds) over the last one. */
export function drawScreen(picture: string): string {
  const toLineEnd = "\x1b[K";
  return `\x1b[H${picture.split("\n").join(`${toLineEnd}\r\n`)}${toLineEnd}\x1b[J`;
}

/** What happens to a text between the clipboard and the program. */

/** Longer ones are shown in part. */
export const SHOWN_LINES = 200;

/**
 * Control characters have no business in a paste: one of them could end bracketed paste and run what follows, or move
 * the cursor. Tabs and line ends stay. (Unicode: C0 and C1 controls, DEL.)
 */
// eslint-disable-next-line no-control-regex
const CONTROLS = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/g;

/** The text as it may be pasted: without control characters, line ends as `\n`. */
export function cleaned(text: string): string {
  return text.replaceAll("\r\n", "\n").replaceAll("\r", "\n").replace(CONTROLS, "");
}

/** A program that does not know where a paste ends takes each line end for Enter: it would run at once. */
export function runsAtOnce(text: string, isBracketed: boolean): boolean {
  return !isBracketed && text.includes("\n");
}

/** The lines joined by spaces, without those that are empty: nothing runs before Enter. */
export function asOneLine(text: string): string {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .join(" ");
}

/** The lines of a cleaned text; a line end at the end begins no new one. */
export function linesOf(text: string): string[] {
  return text.replace(/\n$/, "").split("\n");
}

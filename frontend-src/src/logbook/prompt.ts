/** How long a prompt may be, and what happens to one that is taken back. */
import { composer as words } from "../strings/logbook.ts";

/** In characters (code points), as the protocol counts them. */
export const MOST_CHARACTERS = 262_144;
/** In UTF-16 units. With more than this, what looks at the whole text at each key makes the page stutter. */
export const LONG_TEXT = 20_000;

/** Why `text` cannot be sent, in one sentence; null when it can. */
export function refusalOf(text: string): string | null {
  // A character has one or two units: only what has too many units need be counted.
  if (text.length <= MOST_CHARACTERS) return null;
  let count = 0;
  for (let index = 0; index < text.length; count++) index += (text.codePointAt(index) ?? 0) > 0xffff ? 2 : 1;
  return count > MOST_CHARACTERS ? words.tooLong(count, MOST_CHARACTERS) : null;
}

/** What stands in the field with a text that was taken back after it. */
export function withTaken(text: string, taken: string): string {
  return text.trim() === "" ? taken : `${text.trimEnd()}\n\n${taken}`;
}

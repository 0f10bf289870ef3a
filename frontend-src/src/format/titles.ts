/** Titles and names that other people or agents wrote, as text of one line that cannot mislead. */

/** Marks that turn the direction of what follows: with them a title can pretend to say something else. */
const DIRECTION = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
// Finding control characters is what this expression is for.
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/gu;

/** Any character that is drawn as nothing, by its kind or as the blank of its script. */
const NOTHING_SEEN = /^[\p{Default_Ignorable_Code_Point}\p{Mark}\p{Separator}\u2800\u{1d159}]*$/u;

/** The title without control characters and direction marks; joined emoji and every script stay as they are. One that shows nothing is empty. */
export function shownTitle(title: string): string {
  const shown = title.replace(DIRECTION, "").replace(CONTROL, " ").trim();
  return NOTHING_SEEN.test(shown) ? "" : shown;
}

/** Names of files and the like, which anybody may have chosen, as text that cannot mislead. */

/** Marks that turn or isolate the direction of text: with them a name can pretend to have another ending. */
const DIRECTION = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
// Finding control characters is what this expression is for.
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f]/gu;
const INVISIBLE =
  /[\u007f-\u009f\u00ad\u115f\u1160\u180e\u200b-\u200d\u2028\u2029\u2060-\u2065\u2800\u3164\ufeff\uffa0\u{e0000}-\u{e00ff}]|\u034f|\u17b4|\u17b5/gu;

function code(character: string): string {
  return `[U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}]`;
}

/** The name with everything that cannot be seen written out: a line feed is `[U+000A]`. */
export function shownName(name: string): string {
  return name.replace(CONTROL, code).replace(DIRECTION, code).replace(INVISIBLE, code);
}

/** Which key of the table was pressed: for every part of the page that listens. */
import { prefs } from "../stores/prefs.svelte.ts";
import { BINDINGS, keysOf, strokeOf, type KeyGroup, type KeyId } from "./bindings.ts";
import { isStillTyping, noteLetter, takesText } from "./typing.ts";

/** After the first of two letters the second must follow within this. */
const CHORD_MS = 1200;

/** Letters are text there, or the rest of a word that was text. */
function areText(target: EventTarget | null): boolean {
  return takesText(target) || isStillTyping();
}

/**
 * The key of one of `groups` that `event` presses; null when it is none, or when letters are text or switched off here.
 *
 * `before` is a first stroke that waits for its second.
 */
export function pressed(event: KeyboardEvent, groups: readonly KeyGroup[], before: string | null = null): KeyId | null {
  const stroke = strokeOf(event);
  if (stroke === null) return null;
  const keys = before === null ? stroke : `${before} ${stroke}`;
  const areLetters = prefs.values.hasLetters && !areText(event.target);
  const found = BINDINGS.find(
    (one) => groups.includes(one.group) && (areLetters || !one.isLetter) && keysOf(one, prefs.values.keys) === keys,
  );
  if (found?.isLetter === true) noteLetter();
  return found?.id ?? null;
}

/** Remembers a first letter for a moment, so that the second finds it. */
export class Chord {
  #first: { stroke: string; until: number } | null = null;

  /** The first stroke that still waits; it is forgotten by being taken. */
  take(): string | null {
    const first = this.#first;
    this.#first = null;
    return first !== null && performance.now() < first.until ? first.stroke : null;
  }

  /** Notes the stroke when some key begins with it; true when it does. */
  begin(event: KeyboardEvent, groups: readonly KeyGroup[]): boolean {
    const stroke = strokeOf(event);
    if (stroke === null || !prefs.values.hasLetters || areText(event.target)) return false;
    const isFirst = BINDINGS.some(
      (one) => groups.includes(one.group) && keysOf(one, prefs.values.keys).startsWith(`${stroke} `),
    );
    if (isFirst) this.#first = { stroke, until: performance.now() + CHORD_MS };
    return isFirst;
  }
}

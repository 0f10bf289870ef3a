/**
 * Whether somebody is still typing what was meant for a field or a terminal that has gone from under their hands.
 *
 * Letters are keys only after a deliberate act outside of text. So the rest of a word runs nothing when its terminal ends,
 * and an Enter that was typed with it starts nothing.
 */

/** Strokes that follow one another within this belong to one word. */
export const BURST_MS = 1000;
const LEAVES = ["Escape", "Tab", "Enter", "F6"];
const OWN = '[data-keys="own"]';
/** Boxes that are ticked take no letters. */
const TEXT = `input:not([type="checkbox"], [type="radio"]), textarea, select, ${OWN}`;

/** Letters are text there and not keys. A terminal names itself with `data-keys="own"`. */
export function takesText(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.closest(TEXT) !== null;
}

/** The last stroke that was text, by `performance.now`; null once something was done that is no typing. */
let typedAt: number | null = null;
let lastLetterAt = -Infinity;

/** A terminal's program gets all but the ways out of it. */
function isLeave(event: KeyboardEvent): boolean {
  const isOwn = event.target instanceof Element && event.target.closest(OWN) !== null;
  if (isOwn) return event.key === "F6" || (event.key === "Escape" && event.ctrlKey && event.shiftKey);
  return LEAVES.includes(event.key) || event.ctrlKey || event.metaKey;
}

function onKeydown(event: KeyboardEvent): void {
  if (["Control", "Shift", "Alt", "Meta", "AltGraph"].includes(event.key)) return;
  // The Enter of a word whose field has just gone is part of it.
  const isOfWord = event.key === "Enter" && isStillTyping() && !takesText(event.target);
  if (isLeave(event) && !isOfWord) typedAt = null;
  else if (takesText(event.target) || isStillTyping()) typedAt = performance.now();
}

function onPress(): void {
  typedAt = null;
}

/** Whether a letter outside of text is the rest of a word: at once, or as long as nothing else has taken the focus. */
export function isStillTyping(): boolean {
  if (typedAt === null) return false;
  return performance.now() - typedAt < BURST_MS || document.activeElement === document.body;
}

/** A letter has acted as a key. */
export function noteLetter(): void {
  lastLetterAt = performance.now();
}

/** Whether an Enter here comes too soon after a letter that has opened this field to be meant for it. */
export function isEnterOfWord(event: KeyboardEvent): boolean {
  return event.key === "Enter" && performance.now() - lastLetterAt < BURST_MS;
}

/** Watches until the returned function is called. */
export function watchTyping(): () => void {
  const stop = new AbortController();
  const options = { capture: true, signal: stop.signal };
  window.addEventListener("keydown", onKeydown, options);
  window.addEventListener("pointerdown", onPress, options);
  window.addEventListener("click", onPress, options);
  return () => {
    stop.abort();
    typedAt = null;
    lastLetterAt = -Infinity;
  };
}

/**
 * What is typed otherwise than key by key: with a phone's keyboard, an input method, dictation or a picker of emoji.
 *
 * Browsers and keyboards disagree on the events, but all of them edit xterm's hidden field. So the field is what is
 * read: whenever it has changed and nothing is being composed, the program gets the difference to what it has been given
 * before, as DEL for each character that has gone and then the new text. Reading twice sends nothing twice. xterm (6.0)
 * guesses from keys, compositions and timers instead, and may take one word by two of these ways (its issues 3600, 4447,
 * 5438); it is left what is a key and no text.
 *
 * Event orders: Chromium ends a composition after its last `input`, Firefox before it; Safari sends the key that ends
 * it afterwards, with code 229; WebKit composes Korean without composition events (xterm's issue 6084).
 */

export interface Typed {
  /** To be sent as it is. */
  onText(text: string): void;
  /** Several lines at once, or a text from the clipboard: nobody has typed that. */
  onPaste(text: string): void;
  /** What is being composed and not sent; empty when nothing is. */
  onComposing(text: string): void;
}

export interface TypingOptions {
  /** Whether all text comes by the field, and not only what xterm makes no sense of. */
  isTouch(): boolean;
  /** Whether xterm leaves the field what it has sent itself, for screen readers. */
  isAloud(): boolean;
}

/** The code of keys that an input method has taken (UI Events, legacy key attributes). */
const TAKEN = 229;
const NAMELESS = new Set(["Dead", "Process", "Unidentified"]);
const MODIFIERS = new Set(["Shift", "Control", "Alt", "Meta", "AltGraph", "CapsLock", "Fn", "NumLock"]);
const DELETE = "\x7f";
/** What a key sends that deletes before the caret, by input type: nothing is left in the field to compare with. */
const DELETIONS: Partial<Record<string, string>> = {
  deleteContentBackward: DELETE,
  deleteWordBackward: "\x17",
  deleteSoftLineBackward: "\x15",
  deleteHardLineBackward: "\x15",
};
const LINE_ENDS = new Set(["insertLineBreak", "insertParagraph"]);
const PASTES = new Set(["insertFromPaste", "insertFromPasteAsQuotation", "insertFromDrop", "insertFromYank"]);
const UNDOES = new Set(["historyUndo", "historyRedo"]);
/** In UTF-16 units. A longer field is emptied once nothing is composed in it. */
const LONGEST = 4000;
/** No character of more than one code point is longer; in UTF-16 units. */
const LONGEST_CHARACTER = 64;

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });

function charactersOf(text: string): string[] {
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

/** What makes `after` of `before` at its end: so many characters removed, then this added. */
export function difference(before: string, after: string): { removed: number; added: string } {
  let same = 0;
  while (same < before.length && same < after.length && before.charCodeAt(same) === after.charCodeAt(same)) same++;
  // An emoji with another skin begins as the one before: whole characters are compared.
  const from = Math.max(0, same - LONGEST_CHARACTER);
  const [old, now] = [charactersOf(before.slice(from)), charactersOf(after.slice(from))];
  let kept = 0;
  while (kept < old.length && old[kept] === now[kept]) kept++;
  return { removed: old.length - kept, added: now.slice(kept).join("") };
}

/** Text, as opposed to the name of a key as UI Events has them: "Enter", "F6". */
function isText(key: string): boolean {
  return !/^[A-Z][A-Za-z0-9]+$/.test(key);
}

export class Typing {
  /** What of the field the program has been given. */
  #given = "";
  /** The field as it was left by the last event; another value has been set by a script. */
  #seen = "";
  /** Whether anything in the field has been typed here. */
  #isOwn = false;
  #isComposing = false;
  /** Between `beforeinput` and `input`. */
  #isChanging = false;
  /** Whether the key that is down is the field's, xterm's (which leaves its text in the field), or a dead one. */
  #isLeft = false;
  #isXterms = false;
  #isDead = false;
  readonly #stop = new AbortController();

  /** Listens on `root`, around xterm's `field`: events that are the field's own go no further. */
  constructor(
    root: HTMLElement,
    private readonly field: HTMLTextAreaElement,
    private readonly typed: Typed,
    private readonly options: TypingOptions,
  ) {
    const listen = <Kind extends keyof HTMLElementEventMap>(
      kind: Kind,
      act: (event: HTMLElementEventMap[Kind]) => void,
    ) => {
      const mine = (event: HTMLElementEventMap[Kind]) => {
        if (event.target === field) act(event);
      };
      root.addEventListener(kind, mine, { capture: true, signal: this.#stop.signal });
    };
    listen("keydown", (event) => this.#keydown(event));
    listen("keypress", (event) => {
      if (this.#isLeft) event.stopImmediatePropagation();
      // Capitals and what AltGr writes: xterm sends them here, and prevents nothing.
      else this.#isXterms = true;
    });
    listen("keyup", () => (this.#isXterms = false));
    listen("beforeinput", (event) => this.#beforeInput(event));
    listen("input", (event) => this.#input(event));
    listen("compositionstart", (event) => {
      event.stopImmediatePropagation();
      this.#look();
      this.#begin();
      this.#isComposing = true;
    });
    listen("compositionupdate", (event) => event.stopImmediatePropagation());
    listen("compositionend", (event) => this.#compositionEnd(event));
    listen("blur", () => this.settle());
  }

  /** What is composed counts as typed now, and the field is emptied: what comes next has nothing to do with it. */
  settle(): void {
    this.#look();
    this.#isComposing = false;
    if (!this.#isOwn) return;
    this.#give();
    this.#empty();
  }

  dispose(): void {
    this.#stop.abort();
  }

  #keydown(event: KeyboardEvent): void {
    this.#look();
    this.#isXterms = false;
    this.#isLeft = this.#isFields(event);
    if (MODIFIERS.has(event.key)) return;
    this.#isDead = event.key === "Dead";
    if (this.#isLeft) {
      event.stopImmediatePropagation();
      return;
    }
    this.settle();
    this.#isXterms = this.options.isAloud();
  }

  // Nothing else tells it of Safari's last key.
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  #isFields({ key, keyCode, ctrlKey, altKey, metaKey }: KeyboardEvent): boolean {
    if (keyCode === TAKEN || NAMELESS.has(key)) return true;
    if (ctrlKey || altKey || metaKey) return false;
    // Keyboards take a word, or a syllable, back to where it was composed.
    if (key === "Backspace") return this.#isComposing || (this.#isOwn && this.field.selectionEnd > 0);
    // eslint-disable-next-line no-control-regex
    return isText(key) && (this.#isDead || this.options.isTouch() || /[^\x00-\x7f]/.test(key));
  }

  #beforeInput(event: InputEvent): void {
    this.#look();
    if (!this.#isXterms && this.#actInstead(event)) {
      event.preventDefault();
      return;
    }
    this.#begin();
    this.#isChanging = true;
  }

  #actInstead({ inputType, data, dataTransfer, cancelable, isComposing }: InputEvent): boolean {
    const deletion = DELETIONS[inputType];
    if (deletion !== undefined && this.field.selectionEnd === 0) {
      this.typed.onText(deletion);
      return true;
    }
    if (!cancelable || isComposing) return false;
    if (UNDOES.has(inputType)) return true;
    if (LINE_ENDS.has(inputType)) {
      this.settle();
      this.typed.onText("\r");
      return true;
    }
    if (!PASTES.has(inputType)) return false;
    this.typed.onPaste(data ?? dataTransfer?.getData("text/plain") ?? "");
    return true;
  }

  #input(event: InputEvent): void {
    event.stopImmediatePropagation();
    this.#isChanging = false;
    if (this.#isXterms) {
      this.#given = this.#seen = this.field.value;
      return;
    }
    this.#isComposing ||= event.isComposing;
    this.#give();
    // Chromium leaves the caret before what it has put into a field that had no size yet; the next word would go there.
    const { value, selectionEnd } = this.field;
    if (event.inputType === "insertText" && selectionEnd === 0)
      this.field.setSelectionRange(value.length, value.length);
  }

  #compositionEnd(event: CompositionEvent): void {
    event.stopImmediatePropagation();
    if (!this.#isChanging) this.#look();
    this.#isComposing = false;
    this.#give();
  }

  /** Before a change: whether a script has changed the field meanwhile, as xterm does at Enter and for a selection. */
  #look(): void {
    if (this.field.value === this.#seen) return;
    this.#given = this.#seen = this.field.value;
    this.#isOwn = false;
  }

  /** A text that a script has put there and selected goes with the first letter typed; the program never had it. */
  #begin(): void {
    const { value, selectionStart, selectionEnd } = this.field;
    if (!this.#isOwn) this.#given = value.slice(0, selectionStart) + value.slice(selectionEnd);
  }

  /** Of what is composed only what it takes away from the text before it. */
  #give(): void {
    const { value } = this.field;
    const { removed, added } = difference(this.#given, value);
    this.#seen = value;
    this.#given = this.#isComposing ? value.slice(0, value.length - added.length) : value;
    this.#isOwn ||= removed > 0 || added !== "";
    this.typed.onComposing(this.#isComposing ? added : "");
    if (removed > 0) this.typed.onText(DELETE.repeat(removed));
    if (this.#isComposing) return;
    if (added.includes("\n") || value.length > LONGEST) this.#empty();
    if (added === "\n") this.typed.onText("\r");
    else if (added.includes("\n")) this.typed.onPaste(added);
    else if (added !== "") this.typed.onText(added);
  }

  #empty(): void {
    if (this.field.value !== "") this.field.value = "";
    this.#given = this.#seen = "";
    this.#isOwn = false;
  }
}

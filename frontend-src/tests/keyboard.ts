/** A phone's keyboard, without the phone. */
import { Typing } from "../src/terminal/typing.ts";

/** A keyboard as browsers tell of it: events in their order, and what they do to the field. */
export class Keyboard {
  readonly root = document.createElement("div");
  readonly field = document.createElement("textarea");
  /** What the program got; what only xterm hears of stands in angle brackets. */
  sent = "";
  pasted = "";
  shown = "";
  isTouch = true;
  isAloud = false;
  readonly typing: Typing;
  #from = 0;
  #isComposing = false;

  constructor() {
    this.root.append(this.field);
    document.body.replaceChildren(this.root);
    this.typing = new Typing(
      this.root,
      this.field,
      {
        onText: (text) => (this.sent += text),
        onPaste: (text) => (this.pasted += text),
        onComposing: (text) => (this.shown = text),
      },
      { isTouch: () => this.isTouch, isAloud: () => this.isAloud },
    );
    // xterm: it sends keys, prevents what they would do, and empties the field at Enter and where the focus is lost.
    this.field.addEventListener("keydown", (event) => {
      this.sent += `<${event.key}>`;
      if (event.key === "Enter") this.field.value = "";
      if (!this.isAloud) event.preventDefault();
    });
    for (const kind of ["keypress", "compositionstart", "compositionupdate", "compositionend", "input"])
      this.field.addEventListener(kind, () => (this.sent += `<${kind}>`));
    this.field.addEventListener("blur", () => (this.field.value = ""));
  }

  /** Whether the browser goes on with it. */
  fire(kind: string, more: object = {}): boolean {
    const event = new Event(kind, { bubbles: true, cancelable: true });
    const given: Record<string, unknown> = { isComposing: this.#isComposing, data: null, dataTransfer: null, ...more };
    for (const [name, value] of Object.entries(given)) Object.defineProperty(event, name, { value });
    return this.field.dispatchEvent(event);
  }

  down(key: string, keyCode = 229, more: object = {}): boolean {
    return this.fire("keydown", { key, keyCode, ctrlKey: false, altKey: false, metaKey: false, ...more });
  }

  /** What replaces `count` characters before the caret. */
  edit(text: string, count = 0, inputType = "insertText", isCancelable = true): this {
    const { field } = this;
    const data = inputType.startsWith("delete") ? null : text;
    const isMeant = this.fire("beforeinput", { inputType, data, cancelable: isCancelable });
    if (isMeant || !isCancelable) {
      const at = field.selectionEnd;
      const from = field.selectionStart === at ? Math.max(0, at - count) : field.selectionStart;
      if (from === at && text === "") return this;
      field.setRangeText(text, from, at, "end");
      this.fire("input", { inputType, data });
    }
    return this;
  }

  /** As Android's keyboards without suggestions, and iOS's: a key without a name, then the text. */
  type(text: string): this {
    for (const letter of text) {
      this.down("Unidentified");
      this.edit(letter);
      this.fire("keyup", { key: "Unidentified", keyCode: 229 });
    }
    return this;
  }

  /** A capital letter: xterm waits for its `keypress`, sends it, and lets it go on into the field. */
  capital(letter: string): this {
    const keep = (event: Event): void => {
      event.stopImmediatePropagation();
      this.sent += event.type === "keypress" ? letter : "";
    };
    for (const kind of ["keydown", "keypress"]) this.field.addEventListener(kind, keep, { once: true, capture: true });
    return this.press(letter, letter.charCodeAt(0), letter);
  }

  /** A key of its own; where nobody prevents it, `text` follows. */
  press(key: string, keyCode: number, text = "", more: object = {}): this {
    if (this.down(key, keyCode, more) && text !== "" && this.fire("keypress", { key })) this.edit(text);
    this.fire("keyup", { key, keyCode });
    return this;
  }

  backspace(): this {
    if (this.down("Backspace", 8)) this.edit("", 1, "deleteContentBackward");
    this.fire("keyup", { key: "Backspace", keyCode: 8 });
    return this;
  }

  /** Composes; `over` characters before the caret belong to it from the start. */
  compose(...parts: string[]): this {
    return this.recompose(0, ...parts);
  }

  recompose(over: number, ...parts: string[]): this {
    if (!this.#isComposing) {
      this.#from = this.field.value.length - over;
      this.fire("compositionstart", { data: this.field.value.slice(this.#from) });
      this.#isComposing = true;
    }
    for (const part of parts) {
      this.down("Unidentified");
      this.fire("compositionupdate", { data: part });
      this.edit(part, this.field.value.length - this.#from, "insertCompositionText", false);
    }
    return this;
  }

  /** Chromium's order. */
  end(text?: string): this {
    if (text !== undefined) this.recompose(0, text);
    this.#isComposing = false;
    this.fire("compositionend", { data: text ?? "" });
    return this;
  }

  /** Chromium says nothing of an end that a script has brought about. */
  lost(): this {
    this.#isComposing = false;
    return this;
  }

  /** Firefox tells of the last change after the end. */
  endAsFirefox(text: string): this {
    this.fire("beforeinput", { inputType: "insertCompositionText", data: text, cancelable: false });
    this.field.setRangeText(text, this.#from, this.field.value.length, "end");
    this.#isComposing = false;
    this.fire("compositionend", { data: text });
    this.fire("input", { inputType: "insertCompositionText", data: text });
    return this;
  }

  /** Safari takes what is composed away, puts the result in its place, and sends the key last. */
  endAsSafari(text: string): this {
    const length = this.field.value.length - this.#from;
    this.edit("", length, "deleteCompositionText", false);
    this.edit(text, 0, "insertFromComposition", false);
    this.#isComposing = false;
    this.fire("compositionend", { data: text });
    this.down("Enter", 229);
    return this;
  }

  /** iOS: dictation and correction write the whole text anew. */
  rewrite(text: string, inputType = "insertReplacementText"): this {
    this.field.setSelectionRange(0, this.field.value.length);
    return this.edit(text, 0, inputType);
  }

  blur(): this {
    this.fire("blur");
    return this;
  }
}

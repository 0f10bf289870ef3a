/** xterm as we set it up: our colours, our nonce, nothing that a program may do to the page without asking. */
import { FitAddon } from "@xterm/addon-fit";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { Terminal, type ITheme } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";

import { clipboardRequest } from "./clipboard.ts";
import type { Screen } from "./connection.ts";
import { Finder } from "./finding.ts";
import { followCursor } from "./following.ts";
import { listenToFingers } from "./gestures.ts";
import { CommandMarks, type FailedWords } from "./marks.ts";
import { allowSpanStyles, withStyleNonce } from "./nonce.ts";
import { cleaned } from "./pasting.ts";
import { silence } from "./queries.ts";
import { wholeText } from "./reading.ts";
import { Typing } from "./typing.ts";

/** Lines kept in the page; the node keeps 1 MiB of bytes, about as much. */
const SCROLLBACK_LINES = 10_000;
/** In CSS pixels. */
export const LEAST_FONT = 8;
export const LARGEST_FONT = 32;
/** The height of a strip that takes two lines of text and a button for fingers. */
const STRIP_PX = 130;

export interface EmulatorEvents {
  onInput(bytes: Uint8Array<ArrayBuffer>): void;
  /** So much the panel has room for. `isClaim`: the terminal shall have that size. */
  onSize(cols: number, rows: number, isClaim: boolean): void;
  onTitle(title: string): void;
  /** Whether another window's size is shown from now on. */
  onLetterbox(isLetterboxed: boolean): void;
  /** A program wants this on the clipboard: ask. */
  onClipboard(text: string): void;
  /** A link was activated; its real target, to be shown before it opens. */
  onLink(target: string): void;
  /** False lets the page have the key. */
  onKey(event: KeyboardEvent): boolean;
  /** Somebody pastes, by whatever way; nothing has been sent. */
  onPaste(text: string): void;
  /** The shell has told of its commands for the first time. */
  onMarks(): void;
  /** A command of the shell has ended; with null where it does not say how. */
  onCommandEnd(code: number | null): void;
  onBell(): void;
  /** Two fingers ask for this size of the text, in CSS pixels. */
  onFontSize(size: number): void;
}

export interface EmulatorOptions {
  nonce: string;
  theme: ITheme;
  fontFamily: string;
  /** In CSS pixels. */
  fontSize: number;
  /** What the sign beside a failed command says. */
  failed: FailedWords;
}

const encoder = new TextEncoder();

/** xterm reports some mouse input as one byte per character. */
function binaryBytes(data: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(data, (character) => character.charCodeAt(0) & 0xff);
}

export class Emulator implements Screen {
  readonly marks: CommandMarks;
  readonly #terminal: Terminal;
  readonly #fit = new FitAddon();
  readonly #stopFingers: () => void;
  readonly #typing: Typing | null;
  /** What an input method is about to write, shown at the cursor. */
  #composed = "";
  /** Pixels that a finger has moved and that no whole line has come of yet. */
  #panned = 0;
  #finder: Finder | null = null;
  #isLetterboxed = false;
  /** Whether what is parsed now is answered by nobody or elsewhere, and the same of what was written last. */
  #isMute = false;
  #isLastMute = false;

  constructor(
    parent: HTMLElement,
    options: EmulatorOptions,
    private readonly events: EmulatorEvents,
  ) {
    allowSpanStyles();
    const terminal = new Terminal({
      // Decorations, which search and marks draw with, count as proposed.
      allowProposedApi: true,
      scrollback: SCROLLBACK_LINES,
      minimumContrastRatio: 4.5,
      fontFamily: options.fontFamily,
      fontSize: options.fontSize,
      lineHeight: 1.3,
      cursorBlink: false,
      theme: options.theme,
      linkHandler: {
        activate: (_event, target) => {
          events.onLink(target);
        },
      },
    });
    this.#terminal = terminal;
    terminal.loadAddon(this.#fit);
    terminal.loadAddon(
      new WebLinksAddon((_event, target) => {
        events.onLink(target);
      }),
    );
    terminal.parser.registerOscHandler(52, (data) => {
      const text = clipboardRequest(data);
      if (text !== null && !this.#isMute) events.onClipboard(text);
      return true;
    });
    silence(terminal.parser, () => this.#isMute);
    this.marks = new CommandMarks(
      terminal,
      options.failed,
      () => {
        events.onMarks();
      },
      (code) => {
        events.onCommandEnd(code);
      },
    );
    this.#listen(terminal);
    withStyleNonce(options.nonce, () => {
      terminal.open(parent);
    });
    followCursor(terminal, parent, () => this.#isLetterboxed);
    this.#stopFingers = this.#prepare(parent);
    this.#typing = this.#listenToField(parent);
  }

  #listenToField(parent: HTMLElement): Typing | null {
    const { textarea, options } = this.#terminal;
    if (textarea === undefined) return null;
    this.#terminal.onRender(() => this.#showComposed());
    return new Typing(
      parent,
      textarea,
      {
        onText: (text) => this.#terminal.input(text, true),
        onPaste: (text) => this.events.onPaste(text),
        onComposing: (text) => {
          this.#composed = text;
          this.#showComposed();
        },
      },
      {
        isTouch: () => matchMedia("(any-pointer: coarse)").matches,
        isAloud: () => options.screenReaderMode === true,
      },
    );
  }

  /** Where xterm shows it, which is not told of it any more. */
  #showComposed(): void {
    const { element, buffer, rows, cols, options } = this.#terminal;
    const view = element?.querySelector<HTMLElement>(".composition-view");
    const screen = element?.querySelector(".xterm-screen");
    if (!view || !screen || (this.#composed === "" && view.textContent === "")) return;
    view.textContent = this.#composed;
    view.classList.toggle("active", this.#composed !== "");
    const { baseY, viewportY, cursorX, cursorY } = buffer.active;
    const height = screen.clientHeight / rows;
    Object.assign(view.style, {
      left: `${(Math.min(cursorX, cols - 1) * screen.clientWidth) / cols}px`,
      top: `${(baseY - viewportY + cursorY) * height}px`,
      lineHeight: `${height}px`,
      fontFamily: options.fontFamily,
      fontSize: `${this.fontSize}px`,
    });
  }

  #listen(terminal: Terminal): void {
    const { events } = this;
    terminal.attachCustomKeyEventHandler((event) => events.onKey(event));
    terminal.onData((data) => {
      events.onInput(encoder.encode(data));
    });
    terminal.onBinary((data) => {
      events.onInput(binaryBytes(data));
    });
    terminal.onBell(() => {
      events.onBell();
    });
    terminal.onTitleChange((title) => {
      events.onTitle(title);
    });
  }

  /** What the opened terminal's elements need beyond what xterm gives them. */
  #prepare(parent: HTMLElement): () => void {
    // Without this phones suggest words, and send nothing until one is finished.
    this.#terminal.textarea?.setAttribute("autocomplete", "off");
    // Without a size, which xterm gives it when the cursor first moves, it has no caret that follows what is typed.
    Object.assign(this.#terminal.textarea?.style ?? {}, { width: "1em", height: "1em" });
    parent.addEventListener(
      "paste",
      (event) => {
        event.preventDefault();
        event.stopPropagation();
        this.events.onPaste(event.clipboardData?.getData("text/plain") ?? "");
      },
      { capture: true },
    );
    let sizeBefore = 0;
    return listenToFingers(parent, {
      onPan: (byX, byY, { x, y }) => {
        // Of another window's size only a part may be in sight.
        const before = parent.scrollTop;
        parent.scrollBy(-byX, this.#isLetterboxed ? -byY : 0);
        this.#pan(byY + parent.scrollTop - before, x, y);
      },
      onPinch: (scale, isFirst) => {
        if (isFirst) sizeBefore = this.fontSize;
        const size = Math.round(Math.min(LARGEST_FONT, Math.max(LEAST_FONT, sizeBefore * scale)));
        if (size !== this.fontSize) this.events.onFontSize(size);
      },
    });
  }

  /** As many lines as the finger has moved; a full-screen program gets them as turns of a wheel. */
  #pan(by: number, clientX: number, clientY: number): void {
    const height = (this.#terminal.element?.querySelector(".xterm-screen")?.clientHeight ?? 0) / this.#terminal.rows;
    if (!(height > 0)) return;
    this.#panned -= by;
    const lines = Math.trunc(this.#panned / height);
    this.#panned -= lines * height;
    const isOwn = this.#terminal.buffer.active.type === "normal" && this.#terminal.modes.mouseTrackingMode === "none";
    if (isOwn) {
      this.#terminal.scrollLines(lines);
      return;
    }
    const turn = { deltaY: Math.sign(lines), deltaMode: WheelEvent.DOM_DELTA_LINE, bubbles: true, cancelable: true };
    for (let count = Math.abs(lines); count > 0; count--)
      this.#terminal.element?.dispatchEvent(new WheelEvent("wheel", { ...turn, clientX, clientY }));
  }

  get isApplicationCursor(): boolean {
    return this.#terminal.modes.applicationCursorKeysMode;
  }

  write(data: Uint8Array, isMute: boolean, parsed: () => void): void {
    if (isMute !== this.#isLastMute) {
      this.#isLastMute = isMute;
      this.#terminal.write("", () => (this.#isMute = isMute));
    }
    this.#terminal.write(data, parsed);
  }

  notice(_kind: "skipped", bytes: number): void {
    this.#terminal.write(`\r\n\x1b[0;2m[${String(Math.ceil(bytes / 1024))} KiB of output skipped]\x1b[0m\r\n`);
  }

  /** What the program draws for from here on; letterboxed when this window has more room, or less. */
  resized(cols: number, rows: number, isOwn: boolean): void {
    if (cols !== this.#terminal.cols || rows !== this.#terminal.rows) this.#terminal.resize(cols, rows);
    if (this.#isLetterboxed === !isOwn) return;
    this.#isLetterboxed = !isOwn;
    this.events.onLetterbox(!isOwn);
    if (isOwn && this.#terminal.element?.parentElement) this.#terminal.element.parentElement.scrollTop = 0;
  }

  /** Have the terminal fill the space that the panel has. */
  fit(): void {
    this.#propose(true);
  }

  /** The space has changed. Where another window's size counts it stays so until somebody types here. */
  refit(): void {
    this.#propose(false);
  }

  #propose(isClaim: boolean): void {
    const proposed = this.#fit.proposeDimensions();
    if (proposed === undefined || Number.isNaN(proposed.cols)) return;
    this.events.onSize(Math.max(2, proposed.cols), Math.max(1, proposed.rows), isClaim);
  }

  /** Whether the cursor, and so what one looks at, is where strips stand that lie over the lower end of the panel. */
  get isCursorLow(): boolean {
    if (this.#isLetterboxed) return false; // what is looked at is scrolled clear of them
    const { buffer, element, rows } = this.#terminal;
    const screen = element?.querySelector(".xterm-screen")?.clientHeight ?? 0;
    const room = element?.parentElement?.clientHeight ?? screen;
    return ((buffer.active.cursorY + 1) * screen) / rows > room - STRIP_PX;
  }

  get isLetterboxed(): boolean {
    return this.#isLetterboxed;
  }

  /** Whether the program wants to be told where a paste begins and ends. */
  get isBracketed(): boolean {
    return this.#terminal.modes.bracketedPasteMode;
  }

  /** As if typed, without control characters; bracketed when the program asked for that. */
  paste(text: string): void {
    this.settle();
    this.#terminal.paste(cleaned(text));
  }

  /** All lines that are kept, as they were written. */
  get text(): string {
    return wholeText(this.#terminal.buffer.active);
  }

  get fontSize(): number {
    return this.#terminal.options.fontSize ?? LEAST_FONT;
  }

  set fontSize(size: number) {
    this.#terminal.options.fontSize = size;
  }

  /** What searches this terminal. */
  get finder(): Finder {
    this.#finder ??= new Finder(this.#terminal);
    return this.#finder;
  }

  send(text: string): void {
    this.#terminal.input(text, true);
  }

  /** What is being composed counts as typed; what is typed next has nothing to do with it. */
  settle(): void {
    this.#typing?.settle();
  }

  /** Nothing can be typed then, nor composed. */
  setReadOnly(isReadOnly: boolean): void {
    this.#terminal.options.disableStdin = isReadOnly;
    if (isReadOnly) this.#typing?.settle();
  }

  setTheme(theme: ITheme): void {
    this.#terminal.options.theme = theme;
    this.#finder?.repaint();
  }

  setScreenReader(isOn: boolean): void {
    this.#terminal.options.screenReaderMode = isOn;
  }

  get selection(): string {
    return this.#terminal.getSelection();
  }

  focus(): void {
    this.#terminal.focus();
  }

  dispose(): void {
    this.#stopFingers();
    this.#typing?.dispose();
    this.#finder?.leave();
    this.#terminal.dispose();
  }
}

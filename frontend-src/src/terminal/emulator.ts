/** xterm as we set it up: our colours, our nonce, nothing that a program may do to the page without asking. */
import { FitAddon } from "@xterm/addon-fit";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { Terminal, type ITheme } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";

import type { ColourName } from "../styles/colours.ts";
import { clipboardRequest } from "./clipboard.ts";
import type { Screen } from "./connection.ts";
import { silence } from "./queries.ts";
import { withStyleNonce } from "./nonce.ts";

/** Lines kept in the page; the node keeps 1 MiB of bytes, about as much. */
const SCROLLBACK_LINES = 10_000;

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
}

export interface EmulatorOptions {
  nonce: string;
  theme: ITheme;
  fontFamily: string;
  /** In CSS pixels. */
  fontSize: number;
}

/** The sixteen colours of the terminal, from the same hues as the page. */
export function themeFrom(colours: Readonly<Record<ColourName, string>>): ITheme {
  return {
    background: colours["bg-sunk"],
    foreground: colours.text,
    cursor: colours.accent,
    cursorAccent: colours["bg-sunk"],
    selectionBackground: colours["accent-wash"],
    selectionForeground: colours.text,
    black: colours["text-3"],
    red: colours.failed,
    green: colours.done,
    yellow: colours.needs,
    blue: colours.running,
    magenta: colours["text-2"],
    cyan: colours.accent,
    white: colours["text-2"],
    brightBlack: colours["text-3"],
    brightRed: colours.failed,
    brightGreen: colours.done,
    brightYellow: colours.needs,
    brightBlue: colours.running,
    brightMagenta: colours.text,
    brightCyan: colours.accent,
    brightWhite: colours.text,
  };
}

const encoder = new TextEncoder();

/** xterm reports some mouse input as one byte per character. */
function binaryBytes(data: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(data, (character) => character.charCodeAt(0) & 0xff);
}

export class Emulator implements Screen {
  readonly #terminal: Terminal;
  readonly #fit = new FitAddon();
  #isLetterboxed = false;
  /** Whether what is parsed now is answered by nobody or elsewhere, and the same of what was written last. */
  #isMute = false;
  #isLastMute = false;

  constructor(
    parent: HTMLElement,
    options: EmulatorOptions,
    private readonly events: EmulatorEvents,
  ) {
    const terminal = new Terminal({
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
    terminal.attachCustomKeyEventHandler((event) => events.onKey(event));
    terminal.onData((data) => {
      events.onInput(encoder.encode(data));
    });
    terminal.onBinary((data) => {
      events.onInput(binaryBytes(data));
    });
    terminal.onTitleChange((title) => {
      events.onTitle(title);
    });
    withStyleNonce(options.nonce, () => {
      terminal.open(parent);
    });
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

  /** Whether the cursor, and so what one looks at, is in the lower half. */
  get isCursorLow(): boolean {
    return this.#terminal.buffer.active.cursorY >= this.#terminal.rows / 2;
  }

  get isLetterboxed(): boolean {
    return this.#isLetterboxed;
  }

  /** As if typed: bracketed when the program asked for that. */
  paste(text: string): void {
    this.#terminal.paste(text);
  }

  send(text: string): void {
    this.#terminal.input(text, true);
  }

  setTheme(theme: ITheme): void {
    this.#terminal.options.theme = theme;
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
    this.#terminal.dispose();
  }
}

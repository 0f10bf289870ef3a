/**
 * Where commands begin and end, when the shell says so: OSC 133 (FinalTerm, as fish, kitty and others send it) and
 * OSC 633 (VS Code's shell integration) share their letters. `A` a prompt begins, `C` the command's output begins,
 * `D[;code]` it has ended.
 */
import type { IDecoration, IMarker, Terminal } from "@xterm/xterm";

/** Older ones are forgotten. */
const MAX_COMMANDS = 1000;

interface Command {
  prompt: IMarker;
  output: IMarker | null;
  end: IMarker | null;
  /** The cursor stood there when it ended: beyond the first column its last line has no line end. */
  endColumn: number;
  sign: IDecoration | null;
}

/** Words that the sign of a failed command has. */
export type FailedWords = (code: number) => string;

export class CommandMarks {
  readonly #commands: Command[] = [];
  /** Where one has gone to; null at the end. */
  #at: Command | null = null;
  /** One runs, whether its place is still known or not: it may have cleared the screen, or filled the scrollback. */
  #isRunning = false;

  constructor(
    private readonly terminal: Terminal,
    private readonly failed: FailedWords,
    private readonly onFound: () => void,
    /** A command has ended; with null where the shell does not say how. */
    private readonly onEnd: (code: number | null) => void = () => undefined,
  ) {
    for (const code of [133, 633]) {
      terminal.parser.registerOscHandler(code, (data) => {
        // Full-screen programs have no commands.
        if (terminal.buffer.active.type === "normal") this.#take(data);
        return true;
      });
    }
  }

  /** Commands that have run. */
  get #run(): Command[] {
    return this.#commands.filter((command) => command.output !== null);
  }

  get isEmpty(): boolean {
    return this.#commands.every((command) => command.output === null);
  }

  /** Shows the command before or after the one that is shown; false when the shell has not told of any. */
  step(by: -1 | 1): boolean {
    const all = this.#run;
    if (all.length === 0) return false;
    const at = this.#at === null ? all.length : all.indexOf(this.#at);
    const next = all[Math.max(0, at + by)];
    this.#at = next ?? null;
    if (next === undefined) {
      this.terminal.clearSelection();
      this.terminal.scrollToBottom();
    } else {
      const { line } = next.prompt;
      this.terminal.selectLines(line, Math.max(line, (next.output?.line ?? line) - 1));
      this.terminal.scrollToLine(Math.max(0, line - 1));
    }
    return true;
  }

  /** Selects what the command that is shown has written, else the last one that has written anything. */
  selectOutput(): boolean {
    const all = this.#at === null ? this.#run.reverse() : [this.#at];
    for (const command of all) {
      const first = command.output?.line ?? -1;
      const end = command.end?.line ?? this.#bottom();
      const last = command.end !== null && command.endColumn === 0 ? end - 1 : end;
      if (first < 0 || last < first) continue;
      this.terminal.selectLines(first, last);
      this.terminal.scrollToLine(Math.max(0, first - 1));
      return true;
    }
    return false;
  }

  /** Somebody types: what is shown is the end again. */
  leave(): void {
    this.#at = null;
  }

  #bottom(): number {
    const { baseY, cursorY } = this.terminal.buffer.active;
    return baseY + cursorY;
  }

  #take(data: string): void {
    const [kind = "", code = ""] = data.split(";");
    const last = this.#commands.at(-1);
    const exit = Number.parseInt(code, 10);
    if (kind === "D" && this.#isRunning) this.onEnd(Number.isNaN(exit) ? null : exit);
    this.#isRunning = kind === "C" || (this.#isRunning && kind !== "A" && kind !== "D");
    if (kind === "A") this.#begin();
    else if (last === undefined) return;
    else if (kind === "C" && last.output === null) {
      last.output = this.#mark();
      this.onFound();
    } else if (kind === "D" && last.output !== null && last.end === null) this.#ended(last, exit);
  }

  #mark(): IMarker {
    return this.terminal.registerMarker(0);
  }

  #begin(): void {
    const last = this.#commands.at(-1);
    // A prompt that is drawn again, or one that nothing was typed at, gives way to its successor.
    if (last?.output === null) this.#forget(last);
    const prompt = this.#mark();
    const command: Command = { prompt, output: null, end: null, endColumn: 0, sign: null };
    this.#commands.push(command);
    prompt.onDispose(() => this.#forget(command));
    const oldest = this.#commands[0];
    if (this.#commands.length > MAX_COMMANDS && oldest !== undefined) this.#forget(oldest);
  }

  #ended(command: Command, code: number): void {
    command.end = this.#mark();
    command.endColumn = this.terminal.buffer.active.cursorX;
    if (!(code > 0)) return;
    const sign = this.terminal.registerDecoration({ marker: command.prompt, layer: "top" });
    const words = this.failed(code);
    sign?.onRender((element) => {
      if (element.textContent !== "") return;
      element.classList.add("failed-command");
      element.role = "img";
      element.ariaLabel = words;
      element.title = words;
      element.textContent = "✗";
    });
    command.sign = sign ?? null;
  }

  #forget(command: Command): void {
    const index = this.#commands.indexOf(command);
    if (index < 0) return;
    this.#commands.splice(index, 1);
    if (this.#at === command) this.#at = null;
    command.sign?.dispose();
    for (const marker of [command.prompt, command.output, command.end]) marker?.dispose();
  }
}

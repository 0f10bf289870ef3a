/** Search in what a terminal keeps: what is found is marked, one of it selected. */
import type { IDisposable, Terminal } from "@xterm/xterm";

import { resolvedColours } from "../styles/colours.ts";
import { expressionOf, linesIn, matchesIn, MOST_FOUND, type Line, type Match, type Wanted } from "./matching.ts";

/** Matches around the one that is chosen; more are found but not marked. */
const MOST_MARKED = 500;
/** While a program writes the matches are counted anew this often. */
const LOOK_AGAIN_MS = 500;

/** `at` counts from 1; 0 where none is chosen. `isMore` when there are more than `count`. */
export interface Found {
  at: number;
  count: number;
  isMore: boolean;
}

const isBefore = (one: Match, other: Match): boolean =>
  one.row < other.row || (one.row === other.row && one.column < other.column);

export class Finder {
  onFound: (found: Found) => void = () => undefined;
  #wanted: Wanted | null = null;
  #lines: readonly Line[] | null = null;
  #matches: readonly Match[] = [];
  #marks: IDisposable[] = [];
  #again: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly terminal: Terminal) {
    terminal.onWriteParsed(() => this.#changed());
    terminal.onResize(() => this.#changed());
  }

  /** The match above what is chosen, from the bottom at first; round at the top. False when there is none. */
  up(wanted: Wanted): boolean {
    const isOther = this.#look(wanted);
    const from = this.#chosen;
    const above = this.#matches.findLast(
      (match) => from === null || isBefore(match, from) || (isOther && isAt(match, from)),
    );
    return this.#show(above ?? this.#matches.at(-1));
  }

  down(wanted: Wanted): boolean {
    this.#look(wanted);
    const from = this.#chosen;
    return this.#show(this.#matches.find((match) => from !== null && isBefore(from, match)) ?? this.#matches[0]);
  }

  /** The colours have changed. */
  repaint(): void {
    if (this.#wanted !== null) this.#mark();
  }

  /** Takes the marks away; what is chosen stays selected, so that it can be copied. */
  leave(): void {
    clearTimeout(this.#again);
    this.#again = undefined;
    this.#wanted = null;
    this.#matches = [];
    this.#unmark();
  }

  /** What is selected, as far as it is known as a place. */
  get #chosen(): Match | null {
    const start = this.terminal.getSelectionPosition()?.start;
    return start === undefined ? null : { row: start.y, column: start.x, cells: 0 };
  }

  /** Whether something else is wanted than before. */
  #look(wanted: Wanted): boolean {
    const before = this.#wanted;
    const isOther =
      before?.text !== wanted.text || before.isCase !== wanted.isCase || before.isRegex !== wanted.isRegex;
    if (!isOther && this.#lines !== null) return false;
    this.#wanted = wanted;
    const { active } = this.terminal.buffer;
    this.#lines ??= linesIn(active);
    const expression = expressionOf(wanted);
    this.#matches = expression === null ? [] : matchesIn(active, this.#lines, expression);
    return isOther;
  }

  #changed(): void {
    this.#lines = null;
    if (this.#wanted === null) return;
    this.#again ??= setTimeout(() => {
      this.#again = undefined;
      if (this.#wanted === null) return;
      this.#look(this.#wanted);
      this.#mark();
    }, LOOK_AGAIN_MS);
  }

  #show(match: Match | undefined): boolean {
    if (match === undefined) {
      this.#unmark();
      return false;
    }
    const { terminal } = this;
    terminal.select(match.column, match.row, match.cells);
    const { viewportY } = terminal.buffer.active;
    if (match.row < viewportY || match.row >= viewportY + terminal.rows)
      terminal.scrollToLine(Math.max(0, match.row - Math.floor(terminal.rows / 2)));
    this.#mark();
    return true;
  }

  #unmark(): void {
    for (const mark of this.#marks) mark.dispose();
    this.#marks = [];
  }

  #mark(): void {
    this.#unmark();
    const chosen = this.#chosen;
    const at = chosen === null ? -1 : this.#matches.findIndex((match) => isAt(match, chosen));
    const colours = resolvedColours();
    const from = Math.max(0, (at < 0 ? this.#matches.length : at) - MOST_MARKED / 2);
    for (const match of this.#matches.slice(from, from + MOST_MARKED))
      this.#outline(match, match === this.#matches[at] ? colours.accent : colours.edge);
    const count = this.#matches.length;
    this.onFound({ at: at + 1, count, isMore: count >= MOST_FOUND });
  }

  /** Row by row, where a match goes on in the next. */
  #outline({ row, column, cells }: Match, colour: string): void {
    const { baseY, cursorY } = this.terminal.buffer.active;
    const { cols } = this.terminal;
    for (let done = 0; done < cells;) {
      const at = (column + done) % cols;
      const width = Math.min(cells - done, cols - at);
      const offset = row + Math.floor((column + done) / cols) - (baseY + cursorY);
      done += width;
      const marker = this.terminal.registerMarker(offset);
      const drawn = this.terminal.registerDecoration({ marker, x: at, width });
      drawn?.onRender((element) => outlined(element, colour));
      this.#marks.push(marker, ...(drawn === undefined ? [] : [drawn]));
    }
  }
}

function isAt(one: Match, other: Match): boolean {
  return one.row === other.row && one.column === other.column;
}

function outlined(element: HTMLElement, colour: string): void {
  element.style.outline = `1px solid ${colour}`;
  element.style.outlineOffset = "-1px";
}

/** Where a text or a pattern stands in what a terminal keeps: in lines as they were written, not as they were wrapped. */
import type { IBuffer, IBufferLine } from "@xterm/xterm";

/** What is needed of xterm's buffer. */
export type Rows = Pick<IBuffer, "length" | "getLine">;

export interface Wanted {
  text: string;
  isCase: boolean;
  isRegex: boolean;
}

/** So many `cells`, from that cell on; they may go on in the rows below. */
export interface Match {
  row: number;
  column: number;
  cells: number;
}

/** A line as it was written, and the row in which it begins. */
export interface Line {
  row: number;
  rows: number;
  text: string;
}

/** A line that is longer goes on in another: patterns may take the square of a line's length. */
const MOST_ROWS = 100;
/** Older ones are not looked for. */
export const MOST_FOUND = 10_000;

/** Whether a character of two cells found no room at the end of a row: the cell left over is no blank. */
function endsEarly(line: IBufferLine, next: IBufferLine): boolean {
  const last = line.getCell(line.length - 1);
  return last?.getCode() === 0 && last.getWidth() === 1 && next.getCell(0)?.getWidth() === 2;
}

function textOf(line: IBufferLine, next: IBufferLine | undefined): string {
  if (next === undefined) return line.translateToString(true);
  return line.translateToString(false, 0, endsEarly(line, next) ? line.length - 1 : line.length);
}

/** All lines, from the top. */
export function linesIn(buffer: Rows): Line[] {
  const lines: Line[] = [];
  let open: Line | null = null;
  for (let row = 0; row < buffer.length; row++) {
    const line = buffer.getLine(row);
    if (line === undefined) continue;
    const below = buffer.getLine(row + 1);
    const next: IBufferLine | undefined = below?.isWrapped === true ? below : undefined;
    if (open === null || !line.isWrapped || open.rows >= MOST_ROWS) {
      open = { row, rows: 0, text: "" };
      lines.push(open);
    }
    open.rows += 1;
    open.text += textOf(line, next);
  }
  return lines;
}

/** The expression that finds it; null for a pattern that is none. */
export function expressionOf({ text, isCase, isRegex }: Wanted): RegExp | null {
  try {
    return new RegExp(isRegex ? text : text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"), isCase ? "g" : "gi");
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Matches of more than nothing, from the top; the newest where there are more than `most`. */
export function matchesIn(buffer: Rows, lines: readonly Line[], expression: RegExp, most = MOST_FOUND): Match[] {
  const found: Match[][] = [];
  let count = 0;
  for (let index = lines.length - 1; index >= 0 && count < most; index--) {
    const line = lines[index];
    if (line === undefined) continue;
    const spans = [...line.text.matchAll(expression)].filter(([text]) => text !== "");
    if (spans.length === 0) continue;
    const cells = cellsOf(buffer, line);
    const here = spans.map(({ index: start, 0: text }) => matchAt(cells, line, start, start + text.length));
    found.push(here.slice(-(most - count)));
    count += Math.min(here.length, most - count);
  }
  return found.reverse().flat();
}

interface Cells {
  /** Of each unit of the line's text, the cell in which it stands and the one after its character. */
  first: number[];
  after: number[];
  columns: number;
}

/** Cells are counted from the line's first row on. */
function cellsOf(buffer: Rows, { row, rows }: Line): Cells {
  const cells: Cells = { first: [], after: [], columns: buffer.getLine(row)?.length ?? 1 };
  for (let at = 0; at < rows; at++) {
    const line = buffer.getLine(row + at);
    if (line === undefined) continue;
    const next = at + 1 < rows ? buffer.getLine(row + at + 1) : undefined;
    const end = next !== undefined && endsEarly(line, next) ? line.length - 1 : line.length;
    for (let column = 0; column < end; column++) addCell(cells, line, column, at * cells.columns + column);
  }
  return cells;
}

function addCell({ first, after }: Cells, line: IBufferLine, column: number, place: number): void {
  const cell = line.getCell(column);
  const width = cell?.getWidth() ?? 0;
  // The second half of a wide character.
  if (cell === undefined || width === 0) return;
  for (let units = Math.max(1, cell.getChars().length); units > 0; units--) {
    first.push(place);
    after.push(place + width);
  }
}

function matchAt({ first, after, columns }: Cells, { row }: Line, start: number, end: number): Match {
  const from = first[start] ?? 0;
  const to = after[end - 1] ?? from + 1;
  return { row: row + Math.floor(from / columns), column: from % columns, cells: to - from };
}

/** Hunks as rows to show: line numbers, pairs of changed lines, and the words that differ inside them. */
import { diffWordsWithSpace, structuredPatch } from "diff";

import type { Hunk } from "../wire/wire.gen.ts";

/** A run of a line; `isMarked` where it differs from its counterpart. */
export interface Piece {
  text: string;
  isMarked: boolean;
}

export interface Line {
  kind: "same" | "add" | "del" | "note";
  /** Line number in the old and the new file; null where the line does not exist. */
  old: number | null;
  now: number | null;
  pieces: readonly Piece[];
}

/** One row of the side-by-side view; null leaves that side blank. */
export interface Pair {
  left: Line | null;
  right: Line | null;
}

/** Longer lines get no word marks: nobody reads them by words, and comparing them costs too much. */
const MAX_MARKED_CHARS = 1000;
/** Beyond this share of changed characters marks would only be noise. */
const MAX_MARKED_SHARE = 0.7;

const whole = (text: string): Piece[] => [{ text, isMarked: false }];

/** The pieces of both lines, marked where they differ. */
export function markWords(before: string, after: string): [Piece[], Piece[]] {
  if (before.length > MAX_MARKED_CHARS || after.length > MAX_MARKED_CHARS) return [whole(before), whole(after)];
  const left: Piece[] = [];
  const right: Piece[] = [];
  let changed = 0;
  for (const { value, added, removed } of diffWordsWithSpace(before, after)) {
    const piece = { text: value, isMarked: added || removed };
    if (!added) left.push(piece);
    if (!removed) right.push(piece);
    if (piece.isMarked) changed += value.length;
  }
  return changed > (before.length + after.length) * MAX_MARKED_SHARE ? [whole(before), whole(after)] : [left, right];
}

const HEADER = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@/;

/** The lines of a hunk with their numbers. Runs of deleted lines are paired with the added lines after them. */
export function linesOf(hunk: Hunk): Line[] {
  const numbers = HEADER.exec(hunk.header);
  let old = Number(numbers?.[1] ?? 0);
  let now = Number(numbers?.[2] ?? 0);
  const lines = hunk.lines.map((raw): Line => {
    const pieces = whole(raw.slice(1));
    switch (raw.charAt(0)) {
      case "+":
        return { kind: "add", old: null, now: now++, pieces };
      case "-":
        return { kind: "del", old: old++, now: null, pieces };
      case "\\":
        return { kind: "note", old: null, now: null, pieces };
      default:
        return { kind: "same", old: old++, now: now++, pieces };
    }
  });
  for (const [left, right] of changedPairs(lines)) markPair(lines, left, right);
  return lines;
}

function markPair(lines: Line[], left: number, right: number): void {
  const before = lines[left];
  const after = lines[right];
  if (before === undefined || after === undefined) return;
  const [marksBefore, marksAfter] = markWords(textOf(before), textOf(after));
  lines[left] = { ...before, pieces: marksBefore };
  lines[right] = { ...after, pieces: marksAfter };
}

export function textOf(line: Line): string {
  return line.pieces.map((piece) => piece.text).join("");
}

/** Index pairs of a deleted line and the added line that took its place, by order within a change. */
function changedPairs(lines: readonly Line[]): [number, number][] {
  const out: [number, number][] = [];
  let index = 0;
  while (index < lines.length) {
    const dels = runOf(lines, index, "del");
    const afterDels = skipNotes(lines, index + dels);
    const adds = runOf(lines, afterDels, "add");
    for (let pair = 0; pair < Math.min(dels, adds); pair++) out.push([index + pair, afterDels + pair]);
    index = Math.max(index + 1, dels > 0 ? afterDels + adds : index + 1);
  }
  return out;
}

function runOf(lines: readonly Line[], from: number, kind: Line["kind"]): number {
  let length = 0;
  while (lines[from + length]?.kind === kind) length++;
  return length;
}

function skipNotes(lines: readonly Line[], from: number): number {
  return from + runOf(lines, from, "note");
}

/** Two columns: what was removed stands beside what took its place. */
export function pairsOf(lines: readonly Line[]): Pair[] {
  const out: Pair[] = [];
  let waiting: Line[] = [];
  const flush = () => {
    out.push(...waiting.map((left) => ({ left, right: null })));
    waiting = [];
  };
  for (const line of lines) {
    if (line.kind === "del") waiting.push(line);
    else if (line.kind === "add") out.push({ left: waiting.shift() ?? null, right: line });
    else {
      flush();
      out.push({ left: line, right: line });
    }
  }
  flush();
  return out;
}

/** How many lines a file's hunks add and remove. */
export function tally(hunks: readonly Hunk[]): { added: number; removed: number } {
  const all = hunks.flatMap((hunk) => hunk.lines);
  return {
    added: all.filter((line) => line.startsWith("+")).length,
    removed: all.filter((line) => line.startsWith("-")).length,
  };
}

/** Comparing takes at most this long: the page must not stand still for a huge file. */
const MAX_COMPARE_MS = 100;

/** The hunks between two texts with three lines around each change; null when they differ too much to compare quickly. */
export function hunksBetween(before: string, after: string): Hunk[] | null {
  const patch = structuredPatch("", "", before, after, "", "", { context: 3, timeout: MAX_COMPARE_MS });
  if (patch === undefined) return null;
  return patch.hunks.map((hunk) => ({
    header: `@@ -${String(hunk.oldStart)},${String(hunk.oldLines)} +${String(hunk.newStart)},${String(hunk.newLines)} @@`,
    lines: hunk.lines,
  }));
}

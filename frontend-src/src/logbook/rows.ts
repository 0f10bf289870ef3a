/** The log as a flat list of rows, so that only those in sight need to be drawn. */
import type { Block, Log, ToolBlock, TurnBlocks } from "../stores/blocks.ts";

export type Row =
  | { kind: "turn"; key: string; turn: TurnBlocks }
  | { kind: "block"; key: string; block: Block; depth: number }
  | { kind: "fold"; key: string; blocks: readonly ToolBlock[]; depth: number }
  | { kind: "end"; key: string; turn: TurnBlocks };

/** Fewer than this in a row are shown one by one. */
const FOLD_FROM = 3;

function isQuiet(block: Block): block is ToolBlock {
  return (
    block.kind === "tool" && block.status === "completed" && (block.toolKind === "read" || block.toolKind === "search")
  );
}

function isSameFold(a: ToolBlock, b: Block): b is ToolBlock {
  return isQuiet(b) && b.toolKind === a.toolKind && b.parent === a.parent;
}

/** How deep a block is nested in sub-agents' calls. */
function depths(blocks: readonly Block[]): Map<string, number> {
  const out = new Map<string, number>();
  for (const block of blocks) {
    if (block.kind === "tool") out.set(block.toolCallId, block.parent === null ? 0 : (out.get(block.parent) ?? 0) + 1);
  }
  return out;
}

/** Rows of some blocks; runs of reads and of searches become one row. */
export function rowsOf(blocks: readonly Block[]): Row[] {
  const nested = depths(blocks);
  const depth = (block: Block): number => (block.parent === null ? 0 : (nested.get(block.parent) ?? 0) + 1);
  const rows: Row[] = [];
  let index = 0;
  while (index < blocks.length) {
    const block = blocks[index];
    if (block === undefined) break;
    const run: ToolBlock[] = isQuiet(block) ? [block] : [];
    while (run[0] !== undefined) {
      const next = blocks[index + run.length];
      if (next === undefined || !isSameFold(run[0], next)) break;
      run.push(next);
    }
    if (run.length >= FOLD_FROM) {
      rows.push({ kind: "fold", key: `f${block.key}`, blocks: run, depth: depth(block) });
      index += run.length;
    } else {
      rows.push({ kind: "block", key: block.key, block, depth: depth(block) });
      index += 1;
    }
  }
  return rows;
}

const cache = new WeakMap<TurnBlocks, readonly Row[]>();

/** Rows of a turn; a turn that has not changed keeps its rows. */
function turnRows(turn: TurnBlocks): readonly Row[] {
  const known = cache.get(turn);
  if (known !== undefined) return known;
  const rows: Row[] = [
    { kind: "turn", key: `u${turn.id}`, turn },
    ...rowsOf(turn.blocks),
    { kind: "end", key: `x${turn.id}`, turn },
  ];
  cache.set(turn, rows);
  return rows;
}

/** Every row of the session in order. Keys are unique and stay with what they name. */
export function allRows(log: Log): readonly Row[] {
  return [...rowsOf(log.preamble), ...log.turns.flatMap(turnRows)];
}

export type Tick = "prompt" | "edit" | "error" | "ask";

/** What the run ruler marks at a row; null for rows that are not marked. */
export function tickOf(row: Row): Tick | null {
  if (row.kind === "turn") return "prompt";
  if (row.kind === "end") return row.turn.end?.reason === "error" ? "error" : null;
  if (row.kind !== "block") return null;
  const { block } = row;
  if (block.kind === "ask") return "ask";
  if (block.kind === "notice") return block.level === "error" ? "error" : null;
  if (block.kind !== "tool") return null;
  if (block.status === "failed") return "error";
  return block.toolKind === "edit" || block.toolKind === "delete" ? "edit" : null;
}

/** The row with that mark after (`step` 1) or before (−1) `from`; −1 when there is none. */
export function findTick(rows: readonly Row[], from: number, step: 1 | -1, tick: Tick): number {
  for (let index = from + step; index >= 0 && index < rows.length; index += step) {
    const row = rows[index];
    if (row !== undefined && tickOf(row) === tick) return index;
  }
  return -1;
}

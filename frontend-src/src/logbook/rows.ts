/** The log as a flat list of rows, so that only those in sight need to be drawn. */
import type { AskBlock, Block, Log, ToolBlock, TurnBlocks } from "../stores/blocks.ts";
import { isDeclined } from "./answers.ts";
import { verbKind } from "./ledger.ts";

export type Row = {
  key: string;
  /** It was undone by going back. */
  isUndone: boolean;
} & (
  | { kind: "turn"; turn: TurnBlocks }
  | {
      kind: "block";
      block: Block;
      asks: readonly AskBlock[];
      /** Blocks that its sub-agent made. */
      inside: number;
      within: Within;
    }
  | { kind: "fold"; blocks: readonly ToolBlock[]; within: Within }
  | { kind: "end"; turn: TurnBlocks }
  | { kind: "back"; turn: TurnBlocks; undone: number }
);

/** Keys of the calls of sub-agents that something was done in, the outermost first: as many as it is indented. */
export type Within = readonly string[];

/** What of the log is shown: rows that were folded or unfolded by hand. */
export interface Shown {
  /** Whether the turns are shown that going back has undone; its key is that of its row. */
  isOpen: (key: string) => boolean;
  /** Keys of calls whose sub-agent's work is folded. */
  shut: ReadonlySet<string>;
}

const ALL: Shown = { isOpen: () => true, shut: new Set() };

/** Fewer than this in a row are shown one by one. */
const FOLD_FROM = 3;

function isQuiet(block: Block): block is ToolBlock {
  return (
    block.kind === "tool" && block.status === "completed" && (block.toolKind === "read" || block.toolKind === "search")
  );
}

function isSameFold(a: ToolBlock, b: Block): b is ToolBlock {
  return isQuiet(b) && b.toolKind === a.toolKind && verbKind(b) === verbKind(a) && b.parent === a.parent;
}

function isRetry(block: Block | undefined): boolean {
  return block?.kind === "notice" && block.code === "api_retry";
}

interface Placed {
  block: Block;
  within: Within;
  inside: number;
  asks: readonly AskBlock[];
}

interface Belongings {
  asks: Map<string, AskBlock[]>;
  children: Map<string, Block[]>;
  /** What the first of a sub-agent whose call is of an earlier turn is followed by. */
  orphans: Map<Block, Block[]>;
}

/** What each call was asked for, and what each sub-agent did, by the id of the call. */
function belongings(blocks: readonly Block[]): Belongings {
  const calls = new Set(blocks.flatMap((block) => (block.kind === "tool" ? [block.toolCallId] : [])));
  const asks = new Map<string, AskBlock[]>();
  const children = new Map<string, Block[]>();
  const orphans = new Map<Block, Block[]>();
  const firsts = new Map<string, Block>();
  for (const block of blocks) {
    if (block.kind === "ask") {
      const call = block.request.tool_call_id ?? "";
      if (calls.has(call)) put(asks, call, block);
    } else if (block.parent !== null && calls.has(block.parent)) put(children, block.parent, block);
    else if (block.parent !== null) {
      const first = firsts.get(block.parent);
      if (first === undefined) firsts.set(block.parent, block);
      else put(orphans, first, block);
    }
  }
  return { asks, children, orphans };
}

function put<Key, Value>(map: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

/**
 * The blocks in the order in which they are read: what a sub-agent did stands under its call, also when several run at
 * once, and what was asked about a call stands in its line.
 */
function placed(blocks: readonly Block[]): Placed[] {
  const { asks, children, orphans } = belongings(blocks);
  const out: Placed[] = [];
  const merged = new Set<Block>([...asks.values()].flat());
  const inPlace = new Set<Block>([...children.values(), ...orphans.values()].flat());
  const isPut = new Set<Block>();
  function place(block: Block, within: Within): void {
    isPut.add(block);
    const call = block.kind === "tool" ? block.toolCallId : null;
    const own: Placed = { block, within, inside: 0, asks: (call !== null && asks.get(call)) || NO_ASKS };
    const index = out.push(own);
    const below = call === null ? undefined : children.get(call);
    if (below !== undefined) {
      const inner = [...within, block.key];
      for (const child of below) if (!isPut.has(child)) place(child, inner);
      own.inside = out.length - index;
    }
    for (const sibling of orphans.get(block) ?? []) if (!isPut.has(sibling)) place(sibling, within);
  }
  for (const block of blocks) if (!inPlace.has(block) && !merged.has(block)) place(block, OUTSIDE);
  // Calls that name each other as parents lead to nowhere; they are shown all the same.
  for (const block of blocks) if (!isPut.has(block) && !merged.has(block)) place(block, OUTSIDE);
  return out;
}

const OUTSIDE: Within = [];
const NO_ASKS: readonly AskBlock[] = [];

/** Rows of some blocks; runs of reads and of searches become one row. */
export function rowsOf(blocks: readonly Block[], isUndone = false): Row[] {
  const list = placed(blocks);
  const rows: Row[] = [];
  let index = 0;
  while (index < list.length) {
    const place = list[index];
    if (place === undefined) break;
    const { block, within, inside, asks } = place;
    // Of many tries in a row only the last says how things stand.
    if (isRetry(block) && isRetry(list[index + 1]?.block)) {
      index += 1;
      continue;
    }
    const run: ToolBlock[] = isQuiet(block) && asks.length === 0 && inside === 0 ? [block] : [];
    while (run[0] !== undefined) {
      const next = list[index + run.length];
      if (next === undefined || next.asks.length + next.inside > 0 || !isSameFold(run[0], next.block)) break;
      run.push(next.block);
    }
    if (run.length >= FOLD_FROM) {
      rows.push({ kind: "fold", key: `f${block.key}`, isUndone, blocks: run, within });
      index += run.length;
    } else {
      rows.push({ kind: "block", key: block.key, isUndone, block, asks, inside, within });
      index += 1;
    }
  }
  return rows;
}

const cache = new WeakMap<TurnBlocks, readonly Row[]>();
/** The turn whose rows were made last: the one that grows. */
let latest: { turn: TurnBlocks; rows: readonly Row[] } | null = null;

/** Whether `now` is `before` with more text in its last block: what nearly every change of a log is. */
function hasOnlyGrown(before: readonly Block[], now: readonly Block[]): boolean {
  const [old, last] = [before.at(-1), now.at(-1)];
  if (before.length !== now.length || old === undefined || last === undefined) return false;
  const isText = last.kind === "prose" || last.kind === "thought";
  if (!isText || old.key !== last.key || old.kind !== last.kind || old.parent !== last.parent) return false;
  for (let index = now.length - 2; index >= 0; index -= 1) if (before[index] !== now[index]) return false;
  return true;
}

/** Rows of `blocks`, those of `before` where only text was added, without a look at the thousands above it. */
function grown(before: readonly Row[], blocks: readonly Block[]): readonly Row[] | null {
  const block = blocks.at(-1);
  const index = before.findLastIndex((row) => row.kind === "block" && row.key === block?.key);
  const row = before[index];
  if (block === undefined || row?.kind !== "block") return null;
  return before.slice(1, -1).with(index - 1, { ...row, block });
}

/** Rows of a turn; a turn that has not changed keeps its rows. */
function turnRows(turn: TurnBlocks): readonly Row[] {
  const known = cache.get(turn);
  if (known !== undefined) return known;
  const isUndone = turn.undone !== null;
  const isGrown = latest?.turn.id === turn.id && hasOnlyGrown(latest.turn.blocks, turn.blocks);
  const own = (isGrown && latest !== null && grown(latest.rows, turn.blocks)) || rowsOf(turn.blocks, isUndone);
  const head: readonly Row[] = [{ kind: "turn", key: `u${turn.id}`, isUndone, turn }];
  const rows = head.concat(own, { kind: "end", key: `x${turn.id}`, isUndone, turn });
  cache.set(turn, rows);
  if (!isUndone) latest = { turn, rows };
  return rows;
}

/** Going back as one line; what it undid is under it while it is open. */
function backRows(turn: TurnBlocks, undone: readonly TurnBlocks[], shown: Shown): readonly Row[] {
  const key = `b${turn.id}`;
  const isUndone = turn.undone !== null;
  const count = undone.filter((one) => one.rewind === null).length;
  const line: Row = { kind: "back", key, isUndone, turn, undone: count };
  const below = count > 0 && shown.isOpen(key) ? undone.flatMap((one) => turnOrBack(one, shown)) : [];
  return [line, ...below, ...rowsOf(turn.blocks, isUndone)];
}

function turnOrBack(turn: TurnBlocks, shown: Shown): readonly Row[] {
  return turn.rewind === null ? turnRows(turn) : backRows(turn, [], shown);
}

/** Every row of the session in order. Keys are unique and stay with what they name. */
export function allRows(log: Log, shown: Shown = ALL): readonly Row[] {
  // Whole arrays are copied at once; one by one it would cost a part of each frame.
  const parts: (readonly Row[])[] = [];
  let undone: TurnBlocks[] = [];
  for (const turn of log.turns) {
    if (turn.undone !== null) {
      undone.push(turn);
      continue;
    }
    // What was undone stands right before the mark of the going back that undid it.
    parts.push(turn.rewind === null ? turnRows(turn) : backRows(turn, undone, shown));
    undone = [];
  }
  const rows = rowsOf(log.preamble).concat(...parts);
  return shown.shut.size === 0 ? rows : rows.filter((row) => !withinOf(row).some((key) => shown.shut.has(key)));
}

/** The sub-agents' calls that a row stands in. */
export function withinOf(row: Row): Within {
  return row.kind === "block" || row.kind === "fold" ? row.within : OUTSIDE;
}

export type Tick = "prompt" | "edit" | "error" | "ask";

/** What the run ruler marks at a row; null for rows that are not marked, as all that was undone. */
export function tickOf(row: Row): Tick | null {
  if (row.isUndone) return null;
  if (row.kind === "turn") return "prompt";
  if (row.kind === "end") return row.turn.end?.reason === "error" ? "error" : null;
  if (row.kind !== "block") return null;
  const { block } = row;
  if (block.kind === "ask" || row.asks.some((ask) => ask.resolution === null)) return "ask";
  if (block.kind === "notice") return block.level === "error" ? "error" : null;
  if (block.kind !== "tool") return null;
  if (block.status === "failed") return isDeclined(row.asks) ? null : "error";
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

/** The row where the turn begins that `seq` is part of; −1 when that is older than all rows. */
export function indexOfSeq(rows: readonly Row[], seq: number): number {
  return rows.findLastIndex((row) => (row.kind === "turn" || row.kind === "back") && row.turn.seq <= seq);
}

/** The key of the last row that says something; a turn's end stays last while rows come before it. */
export function lastKey(rows: readonly Row[]): string | null {
  return rows.findLast((row) => row.kind !== "end")?.key ?? null;
}

/** How many rows came after the one with that key. */
export function rowsAfter(rows: readonly Row[], key: string | null): number {
  const from = rows.findLastIndex((row) => row.key === key);
  return from < 0 ? 0 : rows.slice(from + 1).filter((row) => row.kind !== "end").length;
}

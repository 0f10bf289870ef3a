import type { Block, Log, TurnBlocks } from "./blocks.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type TurnDraft = Omit<Mutable<TurnBlocks>, "blocks"> & { blocks: Block[] };

/**
 * One batch of changes to a `Log`: what is touched is copied once, what is not keeps its identity.
 *
 * So a component that is handed an unchanged turn or block has nothing to do, and 500 events cost one copy, not 500.
 */
export class LogDraft {
  readonly #base: Log;
  head: number;
  first: number;
  streams: number;
  #preamble: Block[] | null = null;
  #turns: TurnBlocks[] | null = null;
  #open = new Set<TurnBlocks>();

  constructor(base: Log) {
    this.#base = base;
    this.head = base.head;
    this.first = base.first;
    this.streams = base.streams;
  }

  get turns(): readonly TurnBlocks[] {
    return this.#turns ?? this.#base.turns;
  }

  finish(): Log {
    return {
      head: this.head,
      first: this.first,
      preamble: this.#preamble ?? this.#base.preamble,
      turns: this.turns,
      streams: this.streams,
    };
  }

  addTurn(turn: TurnBlocks): void {
    this.#turns ??= [...this.#base.turns];
    const own = { ...turn, blocks: [...turn.blocks] };
    this.#turns.push(own);
    this.#open.add(own);
  }

  /** The last turn, to be written to; null when there is none. */
  lastTurn(): TurnDraft | null {
    const index = this.turns.length - 1;
    return index < 0 ? null : this.#turnAt(index);
  }

  /** Marks the turns from `index` on as undone by the rewind of that id. */
  undoFrom(index: number, id: string): void {
    for (let at = index; at < this.turns.length; at++) this.#turnAt(at).undone = id;
  }

  add(block: Block): void {
    const turn = this.lastTurn();
    if (turn === null) (this.#preamble ??= [...this.#base.preamble]).push(block);
    else turn.blocks.push(block);
  }

  /** Replaces the newest block that `matches` by `change` of it, or removes it when that is null. False: none matched. */
  change(matches: (block: Block) => boolean, change: (block: Block) => Block | null): boolean {
    for (let index = this.turns.length - 1; index >= 0; index--) {
      const at = this.turns[index]?.blocks.findLastIndex(matches) ?? -1;
      if (at !== -1) {
        replace(this.#turnAt(index).blocks, at, change);
        return true;
      }
    }
    const at = (this.#preamble ?? this.#base.preamble).findLastIndex(matches);
    if (at !== -1) replace((this.#preamble ??= [...this.#base.preamble]), at, change);
    return at !== -1;
  }

  /**
   * As `change`, for a stream whose durable block has come: it takes the place that the journal gives it, behind what
   * was journalled while it grew and before what grows still. So a reload shows the same order.
   */
  settle(matches: (block: Block) => boolean, change: (block: Block) => Block): boolean {
    const settled: Block[] = [];
    const isFound = this.change(matches, (block) => {
      const made = change(block);
      settled.push(made);
      return made;
    });
    const blocks = this.turns.at(-1)?.blocks ?? [];
    const at = blocks.findLastIndex((block) => settled.includes(block));
    const last = blocks.findLastIndex((block) => !isGrowing(block));
    if (at !== -1 && last > at) {
      const own = this.lastTurn()?.blocks;
      own?.splice(last, 0, ...own.splice(at, 1));
    }
    return isFound;
  }

  #turnAt(index: number): TurnDraft {
    const turns = (this.#turns ??= [...this.#base.turns]);
    let turn = turns[index];
    if (turn === undefined) throw new RangeError(`no turn ${index}`);
    if (!this.#open.has(turn)) {
      turn = { ...turn, blocks: [...turn.blocks] };
      turns[index] = turn;
      this.#open.add(turn);
    }
    // Copied above or by addTurn, so it is this draft's own.
    return turn as TurnDraft;
  }
}

function isGrowing(block: Block): boolean {
  return (block.kind === "prose" || block.kind === "thought") && block.isStreaming;
}

function replace(blocks: Block[], at: number, change: (block: Block) => Block | null): void {
  const block = blocks[at];
  if (block === undefined) return;
  const next = change(block);
  if (next === null) blocks.splice(at, 1);
  else blocks[at] = next;
}

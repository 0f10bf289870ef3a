/** Asks that are over: they stay greyed for a moment and say who answered, so that nothing vanishes under a finger. */
import type { Calls } from "../stores/client.ts";
import { answerOf } from "../logbook/answers.ts";
import type { InboxItem } from "../wire/wire.gen.ts";
import { resolutionOf } from "./tail.ts";

/** How long one that is over is still shown. */
const SHOWN_MS = 5000;

export interface Row {
  readonly key: string;
  readonly item: InboxItem;
  /** What became of it; null while it waits. */
  readonly told: string | null;
}

export function keyOf({ session, approval }: InboxItem): string {
  return `${session.node}/${session.id}/${approval.approval}`;
}

export class Leaving {
  /** Those that wait and those that have just been answered, oldest first. */
  rows: readonly Row[] = $state.raw([]);
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();

  constructor(
    private readonly calls: Pick<Calls, "call">,
    private readonly gone: string,
  ) {}

  /** What waits now. */
  update(items: readonly InboxItem[]): void {
    const waiting = new Map(items.map((item) => [keyOf(item), item]));
    const over = this.rows.filter((row) => row.told === null && !waiting.has(row.key));
    const kept = this.rows
      .filter((row) => !waiting.has(row.key))
      .map((row) => ({ ...row, told: row.told ?? this.gone }));
    const now = items.map((item): Row => ({ key: keyOf(item), item, told: null }));
    this.rows = [...kept, ...now].sort((a, b) => order(a.item).localeCompare(order(b.item)));
    for (const { key, item } of over) {
      void this.#tell(key, item);
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        this.rows = this.rows.filter((row) => row.key !== key || row.told === null);
      }, SHOWN_MS);
      this.#timers.add(timer);
    }
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }

  /** Looks the answer up in the journal; where it cannot be had, that it is over is enough. */
  async #tell(key: string, item: InboxItem): Promise<void> {
    const { node, id: session } = item.session;
    const became = await resolutionOf(this.calls, { node, session }, item.approval.approval);
    if (became === null) return;
    const told = answerOf({ request: item.approval, ...became });
    this.rows = this.rows.map((row) => (row.key === key && row.told !== null ? { ...row, told } : row));
  }
}

function order({ approval }: InboxItem): string {
  return `${approval.ts ?? ""} ${approval.approval}`;
}

export interface Group {
  readonly key: string;
  readonly node: string;
  readonly path: string;
  readonly rows: readonly Row[];
}

/** By machine and project, in the order of the oldest of each. */
export function grouped(rows: readonly Row[]): Group[] {
  const groups = new Map<string, { key: string; node: string; path: string; rows: Row[] }>();
  for (const row of rows) {
    const { node, path } = row.item.session;
    const key = `${node}${path}`;
    const group = groups.get(key) ?? { key, node, path, rows: [] };
    group.rows.push(row);
    groups.set(key, group);
  }
  return [...groups.values()];
}

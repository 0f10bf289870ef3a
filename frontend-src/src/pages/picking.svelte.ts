/** Several asks that are answered at once. Each is answered by its own card, which says what became of it. */
import { SvelteMap } from "svelte/reactivity";
import { risksOf } from "../logbook/risks.ts";
import type { InboxItem } from "../wire/wire.gen.ts";
import { keyOf } from "./leaving.svelte.ts";

interface Card {
  allow(): void;
  deny(): void;
}

/** Questions and plans are answered one by one: a yes says nothing about what they ask. */
export function canPick({ approval }: InboxItem): boolean {
  const has = (kind: string) => approval.options.some((option) => option.kind === kind);
  return approval.kind === "tool" && has("allow_once") && has("reject_once");
}

export class Picking {
  /** Those that can be picked now, by key. */
  readonly #offered = new SvelteMap<string, { item: InboxItem; card: Card }>();
  readonly #picked = new SvelteMap<string, true>();
  readonly picked = $derived([...this.#offered].filter(([key]) => this.#picked.has(key)).map(([, one]) => one));
  readonly risky = $derived(
    this.picked.filter(({ item }) => risksOf(item.approval, item.session.path).length > 0).length,
  );

  get offered(): number {
    return this.#offered.size;
  }

  /** Until the returned function is called, the ask can be picked. */
  offer(item: InboxItem, card: Card): () => void {
    const key = keyOf(item);
    this.#offered.set(key, { item, card });
    return () => {
      this.#offered.delete(key);
      this.#picked.delete(key);
    };
  }

  has(item: InboxItem): boolean {
    return this.#picked.has(keyOf(item));
  }

  toggle(item: InboxItem): void {
    const key = keyOf(item);
    if (!this.#picked.delete(key)) this.#picked.set(key, true);
  }

  all(): void {
    for (const key of this.#offered.keys()) this.#picked.set(key, true);
  }

  clear(): void {
    this.#picked.clear();
  }

  allow(): void {
    for (const { card } of this.picked) card.allow();
  }

  deny(): void {
    for (const { card } of this.picked) card.deny();
  }
}

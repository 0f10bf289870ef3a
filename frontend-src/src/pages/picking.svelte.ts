/** Several asks that are answered at once. Each is answered by its own card, which says what became of it. */
import { SvelteMap } from "svelte/reactivity";
import { Arming } from "../logbook/arming.svelte.ts";
import { risksOf } from "../logbook/risks.ts";
import type { InboxItem } from "../wire/wire.gen.ts";
import { keyOf } from "./leaving.svelte.ts";

interface Card {
  /** Answers at once, however short it has been there: the press was on the bar. */
  decide(isAllowed: boolean): void;
}

/** Questions and plans are answered one by one: a yes says nothing about what they ask. */
export function canPick({ approval }: InboxItem): boolean {
  const has = (kind: string) => approval.options.some((option) => option.kind === kind);
  return approval.kind === "tool" && has("allow_once") && has("reject_once");
}

/** A press answers all that are picked or, in the moment after another choice of them, none. */
export class Picking {
  /** Those that can be picked now, by key. */
  readonly #offered = new SvelteMap<string, { item: InboxItem; card: Card }>();
  readonly #picked = new SvelteMap<string, true>();
  readonly #arming = new Arming();
  readonly picked = $derived([...this.#offered].filter(([key]) => this.#picked.has(key)).map(([, one]) => one));
  readonly risky = $derived(
    this.picked.filter(({ item }) => risksOf(item.approval, item.session.path).length > 0).length,
  );

  get offered(): number {
    return this.#offered.size;
  }

  /** What a press would answer has just changed: it counts in a moment. */
  get isSettling(): boolean {
    return !this.#arming.isArmed;
  }

  /** Until the returned function is called, the ask can be picked. */
  offer(item: InboxItem, card: Card): () => void {
    const key = keyOf(item);
    this.#offered.set(key, { item, card });
    return () => {
      this.#offered.delete(key);
      if (this.#picked.delete(key)) this.#arming.again();
    };
  }

  has(item: InboxItem): boolean {
    return this.#picked.has(keyOf(item));
  }

  toggle(item: InboxItem): void {
    const key = keyOf(item);
    if (!this.#picked.delete(key)) this.#picked.set(key, true);
    this.#arming.again();
  }

  all(): void {
    for (const key of this.#offered.keys()) this.#picked.set(key, true);
    this.#arming.again();
  }

  clear(): void {
    this.#picked.clear();
    this.#arming.again();
  }

  decide(isAllowed: boolean): void {
    if (this.isSettling) return;
    for (const { card } of this.picked) card.decide(isAllowed);
  }

  close(): void {
    this.#arming.close();
  }
}

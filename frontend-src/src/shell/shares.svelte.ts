/** How the panes share the width, by how many stand side by side; kept while the tab is open. */
import { SvelteMap } from "svelte/reactivity";

const KEY = "switchyard.panes";

function kept(): [number, number[]][] {
  try {
    const all: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
    if (!Array.isArray(all)) return [];
    return all.filter(
      (one): one is [number, number[]] =>
        Array.isArray(one) &&
        Array.isArray(one[1]) &&
        one[1].length === one[0] &&
        one[1].every((share) => typeof share === "number" && share > 0),
    );
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof DOMException) return [];
    throw error;
  }
}

class Shares {
  readonly #byCount = new SvelteMap<number, readonly number[]>(kept());

  /** Shares of that many panes: numbers that stand to each other as their widths do. */
  of(count: number): readonly number[] {
    return this.#byCount.get(count) ?? Array.from({ length: count }, () => 1);
  }

  /** Gives the pane at `index` that many pixels; the next one gives or takes them. */
  resize(widths: readonly number[], index: number, size: number): void {
    const change = size - (widths[index] ?? 0);
    const next = widths.map((one, at) => (at === index ? size : at === index + 1 ? one - change : one));
    this.#byCount.set(widths.length, next);
    this.#keep();
  }

  reset(count: number): void {
    this.#byCount.delete(count);
    this.#keep();
  }

  #keep(): void {
    try {
      sessionStorage.setItem(KEY, JSON.stringify([...this.#byCount]));
    } catch (error) {
      // Storage is full or forbidden: the widths live as long as the page.
      if (!(error instanceof DOMException)) throw error;
    }
  }
}

export const shares = new Shares();

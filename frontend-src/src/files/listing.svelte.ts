/** One folder of a machine, page by page. */
import type { Calls } from "../stores/client.ts";
import { isWireError, type WireError } from "../wire/errors.ts";
import type { Entry } from "../wire/wire.gen.ts";

export class Listing {
  path = $state("");
  parent: string | null = $state(null);
  entries: readonly Entry[] = $state.raw([]);
  problem: WireError | null = $state.raw(null);
  isLoaded = $state(false);
  isHiddenShown = $state(true);
  #cursor: string | undefined = $state();
  /** Counts the folders asked for: an answer for an earlier one is dropped. */
  #asked = 0;
  #isLoadingMore = false;

  constructor(
    private readonly calls: Pick<Calls, "call">,
    readonly node: string,
    start: string,
  ) {
    this.path = start;
  }

  /** Go to a folder. What was shown stays until the new one is here. */
  async go(path: string): Promise<void> {
    const asked = ++this.#asked;
    try {
      const page = await this.calls.call("files.list", { node: this.node, path, hidden: this.isHiddenShown });
      if (asked !== this.#asked) return;
      this.path = page.path;
      this.parent = page.parent;
      this.entries = page.entries;
      this.#cursor = page.next_cursor ?? undefined;
      this.problem = null;
      this.isLoaded = true;
    } catch (error) {
      if (!isWireError(error)) throw error;
      if (asked === this.#asked) this.problem = error;
    }
  }

  refresh(): Promise<void> {
    return this.go(this.path);
  }

  async showHidden(isShown: boolean): Promise<void> {
    this.isHiddenShown = isShown;
    await this.refresh();
  }

  get hasMore(): boolean {
    return this.#cursor !== undefined;
  }

  /** The next page, when there is one and none is on its way. */
  async more(): Promise<void> {
    const cursor = this.#cursor;
    const asked = this.#asked;
    if (cursor === undefined || this.#isLoadingMore) return;
    this.#isLoadingMore = true;
    try {
      const page = await this.calls.call("files.list", {
        node: this.node,
        path: this.path,
        hidden: this.isHiddenShown,
        cursor,
      });
      if (asked !== this.#asked) return;
      this.entries = [...this.entries, ...page.entries];
      this.#cursor = page.next_cursor ?? undefined;
    } catch (error) {
      if (!isWireError(error)) throw error;
      if (asked === this.#asked) this.problem = error;
    } finally {
      this.#isLoadingMore = false;
    }
  }

  /** Shows a failure of an act in this folder. */
  failed(error: unknown): void {
    if (!isWireError(error)) throw error;
    this.problem = error;
  }

  /** The folders from the root to here, for the breadcrumbs. */
  get crumbs(): { name: string; path: string }[] {
    const parts = this.path.split("/").filter((part) => part !== "");
    return [
      { name: "/", path: "/" },
      ...parts.map((name, index) => ({ name, path: `/${parts.slice(0, index + 1).join("/")}` })),
    ];
  }
}

/** `folder` and `name` as one path. */
export function join(folder: string, name: string): string {
  return folder.endsWith("/") ? folder + name : `${folder}/${name}`;
}

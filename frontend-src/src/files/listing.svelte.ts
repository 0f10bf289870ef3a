/** One folder of a machine, page by page, kept fresh while it is shown. */
import type { Calls } from "../stores/client.ts";
import { isWireError, type WireError } from "../wire/errors.ts";
import type { Entry, FilesListParams, FilesListResult } from "../wire/wire.gen.ts";
import { inside, isSame, named, placeOf, type Place } from "./place.ts";

/** A folder with more pages than this is not read again as a whole when something in it changes. */
const MAX_FRESH_PAGES = 5;

export class Listing {
  folder: Place = $state.raw({ path: "" });
  parent: Place | null = $state.raw(null);
  entries: readonly Entry[] = $state.raw([]);
  problem: WireError | null = $state.raw(null);
  isLoaded = $state(false);
  /** On the way to another folder. */
  isGoing = $state(false);
  isHiddenShown: boolean;
  #cursor: string | undefined = $state();
  #pages = 1;
  /** Counts the folders asked for: an answer for an earlier one is dropped. */
  #asked = 0;
  #isLoadingMore = false;
  #freshening: Promise<void> | null = null;
  /** Counts what was said to have changed, so that nothing said while reading is missed. */
  #changes = 0;

  readonly #isIgnoredTold: boolean;

  /** `ignored`: whether entries say that Git ignores them, which asks Git. */
  constructor(
    private readonly calls: Calls,
    readonly node: string,
    start: Place,
    { hidden = true, ignored = true }: Pick<FilesListParams, "hidden" | "ignored"> = {},
  ) {
    this.folder = start;
    this.isHiddenShown = $state(hidden);
    this.#isIgnoredTold = ignored;
  }

  get path(): string {
    return this.folder.path;
  }

  /** What one may go into: folders, and links, which may lead to one. */
  get folders(): readonly Entry[] {
    return this.entries.filter(({ type }) => type === "directory" || type === "symlink");
  }

  /** Go to a folder. What was shown stays until the new one is here. */
  async go(folder: Place): Promise<void> {
    const asked = ++this.#asked;
    this.isGoing = true;
    try {
      const page = await this.#page(folder);
      if (asked !== this.#asked) return;
      const there = placeOf(page);
      if (!isSame(this.folder, there)) this.folder = there;
      this.parent = page.parent === null ? null : placeOf({ path: page.parent, path_bytes: page.parent_bytes ?? null });
      this.entries = page.entries;
      this.#cursor = page.next_cursor ?? undefined;
      this.#pages = 1;
      this.problem = null;
      this.isLoaded = true;
    } catch (error) {
      if (!isWireError(error)) throw error;
      if (asked === this.#asked) this.problem = error;
    } finally {
      if (asked === this.#asked) this.isGoing = false;
    }
  }

  refresh(): Promise<void> {
    return this.go(this.folder);
  }

  /** Tells every change in the folder until the returned function is called. Machines that cannot watch are left alone. */
  watch(): () => void {
    const { node, folder } = this;
    const subscription = this.calls.subscribe(
      "files.watch",
      { node, ...named(folder) },
      {
        // What changed while nobody watched counts too.
        onStart: () => void this.freshen(),
        onEvent: () => void this.freshen(),
        onPause: (error) => {
          // The folder itself has gone: that is for the person to see.
          if (isWireError(error, "not_found") && isSame(this.folder, folder)) this.problem = error;
        },
      },
    );
    return () => subscription.close();
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
      const page = await this.#page(this.folder, cursor);
      if (asked !== this.#asked) return;
      this.entries = [...this.entries, ...page.entries];
      this.#cursor = page.next_cursor ?? undefined;
      this.#pages++;
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

  /** The folders from the root to here, for the breadcrumbs; from `home` on when that is on the way. */
  crumbs(home: string | null = null): { name: string; place: Place }[] {
    const all = this.#way();
    const from = home === null ? -1 : all.findIndex(({ place }) => place.path === home && place.bytes === undefined);
    return from <= 0 ? all : [{ name: "~", place: { path: home ?? "/" } }, ...all.slice(from + 1)];
  }

  #way(): { name: string; place: Place }[] {
    const parts = this.folder.path.split("/").filter((part) => part !== "");
    const bytes = this.folder.bytes === undefined ? [] : atob(this.folder.bytes).split("/").filter(Boolean);
    const crumbs: { name: string; place: Place }[] = [{ name: "/", place: { path: "/" } }];
    for (const [index, name] of parts.entries()) {
      const before = crumbs.at(-1)?.place ?? { path: "/" };
      const own = bytes[index];
      crumbs.push({
        name,
        place: inside(before, name, own !== undefined && name.includes("\ufffd") ? btoa(own) : null),
      });
    }
    return crumbs;
  }

  /** What an entry of this folder is called in calls. */
  at(entry: Pick<Entry, "name" | "name_bytes">): Place {
    return inside(this.folder, entry.name, entry.name_bytes);
  }

  /**
   * Read what is shown again, in its place: no row jumps. Resolves when all that had changed until now is shown; no
   * second reading runs beside the first.
   */
  freshen(): Promise<void> {
    this.#changes++;
    this.#freshening ??= this.#readUntilFresh().finally(() => (this.#freshening = null));
    return this.#freshening;
  }

  async #readUntilFresh(): Promise<void> {
    let read: number;
    do {
      read = this.#changes;
      try {
        await this.#readAgain(this.#asked);
      } catch (error) {
        if (!isWireError(error)) throw error;
      }
    } while (this.#changes > read);
  }

  async #readAgain(asked: number): Promise<void> {
    const pages = Math.min(this.#pages, MAX_FRESH_PAGES);
    const entries: Entry[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < pages && (page === 0 || cursor !== undefined); page++) {
      const answer = await this.#page(this.folder, cursor);
      entries.push(...answer.entries);
      cursor = answer.next_cursor ?? undefined;
    }
    if (asked !== this.#asked) return;
    this.entries = entries;
    this.#cursor = cursor;
    this.#pages = pages;
    this.problem = null;
  }

  #page(folder: Place, cursor?: string): Promise<FilesListResult> {
    return this.calls.call("files.list", {
      node: this.node,
      ...named(folder),
      hidden: this.isHiddenShown,
      ignored: this.#isIgnoredTold,
      ...(cursor === undefined ? {} : { cursor }),
    });
  }
}

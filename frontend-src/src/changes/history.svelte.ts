/** The commits of a branch or of one file, newest first, and what each changed. */
import { SvelteMap, SvelteSet } from "svelte/reactivity";

import type { Calls } from "../stores/client.ts";
import { isWireError, type WireError } from "../wire/errors.ts";
import type { Commit, GitShowResult } from "../wire/wire.gen.ts";

const PAGE = 50;

export interface Shown {
  answer: GitShowResult | null;
  problem: WireError | null;
}

export class History {
  commits: readonly Commit[] = $state.raw([]);
  isLoaded = $state(false);
  isLoading = $state(false);
  problem: WireError | null = $state.raw(null);
  readonly open = new SvelteSet<string>();
  readonly shown = new SvelteMap<string, Shown>();
  #cursor: string | null = $state(null);
  #head: string | null | undefined;

  constructor(
    private readonly calls: Pick<Calls, "call">,
    readonly node: string,
    readonly path: string,
    /** Relative to the root; null for the whole repository. */
    readonly file: string | null,
  ) {}

  get hasMore(): boolean {
    return this.#cursor !== null;
  }

  /** Reads when the commit at HEAD is another one than the last time. */
  follow(head: string | null): void {
    if (head === this.#head) return;
    this.#head = head;
    void this.refresh();
  }

  /** From the newest on; what was shown stays until the answer is here. */
  refresh(): Promise<void> {
    return this.#load(null);
  }

  async more(): Promise<void> {
    if (this.#cursor !== null && !this.isLoading) await this.#load(this.#cursor);
  }

  async toggle(commit: Commit): Promise<void> {
    if (this.open.delete(commit.id)) return;
    this.open.add(commit.id);
    // A commit never changes: once is enough.
    if (this.shown.get(commit.id)?.answer != null) return;
    const { node, path, file } = this;
    try {
      const answer = await this.calls.call("git.show", {
        node,
        path,
        ref: commit.id,
        ...(file === null ? {} : { file }),
      });
      this.shown.set(commit.id, { answer, problem: null });
    } catch (error) {
      if (!isWireError(error)) throw error;
      this.shown.set(commit.id, { answer: null, problem: error });
    }
  }

  async #load(cursor: string | null): Promise<void> {
    this.isLoading = true;
    const { node, path, file } = this;
    try {
      const page = await this.calls.call("git.log", {
        node,
        path,
        limit: PAGE,
        ...(file === null ? {} : { file }),
        ...(cursor === null ? {} : { cursor }),
      });
      this.commits = cursor === null ? page.commits : [...this.commits, ...page.commits];
      this.#cursor = page.next_cursor ?? null;
      this.problem = null;
      this.isLoaded = true;
    } catch (error) {
      if (!isWireError(error)) throw error;
      this.problem = error;
    } finally {
      this.isLoading = false;
    }
  }
}

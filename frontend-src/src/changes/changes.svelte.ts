/** What differs from the last commit in the repository around a folder. */
import { SvelteMap, SvelteSet } from "svelte/reactivity";

import type { Calls } from "../stores/client.ts";
import { isWireError, type WireError } from "../wire/errors.ts";
import type { DiffFile, GitFile, GitProgress, GitStatusResult } from "../wire/wire.gen.ts";

export type GroupName = "conflicts" | "staged" | "changed" | "untracked";

export interface Change {
  /** Unique over all groups: a file may be staged and changed again. */
  key: string;
  group: GroupName;
  path: string;
  /** Base64 of the path's bytes where it is not UTF-8. */
  bytes: string | null;
  from: string | null;
  /** Git's letter: M, A, D, R, C, T, U, ?. */
  letter: string;
}

export interface Group {
  name: GroupName;
  changes: readonly Change[];
}

/** Files of a group that are shown at first, and how many more each time: thousands of rows at once stop the page. */
const FIRST_SHOWN = 300;
const MORE_SHOWN = 1000;

/** Files are quiet for so long before the status is asked for again. */
const SETTLED_MS = 300;

const UNMERGED = new Set(["DD", "AU", "UD", "UA", "DU", "AA", "UU"]);

function groupsOf(file: GitFile): [GroupName, string][] {
  if (file.index === "?" || file.worktree === "?") return [["untracked", "?"]];
  if (file.index === "U" || file.worktree === "U" || UNMERGED.has(file.index + file.worktree))
    return [["conflicts", "U"]];
  const out: [GroupName, string][] = [];
  if (file.index !== ".") out.push(["staged", file.index]);
  if (file.worktree !== ".") out.push(["changed", file.worktree]);
  return out;
}

const ORDER: readonly GroupName[] = ["conflicts", "staged", "changed", "untracked"];

/** The files of a status by what happened to them; empty groups are left out. */
export function grouped(files: readonly GitFile[]): Group[] {
  const changes = files.flatMap((file) =>
    groupsOf(file).map(([group, letter]): Change => ({
      key: `${group}:${file.path_bytes ?? file.path}`,
      group,
      path: file.path,
      bytes: file.path_bytes ?? null,
      from: file.renamed_from ?? null,
      letter,
    })),
  );
  return ORDER.map((name) => ({ name, changes: changes.filter((change) => change.group === name) })).filter(
    (group) => group.changes.length > 0,
  );
}

export interface LoadedDiff {
  file: DiffFile | null;
  isTruncated: boolean;
  problem: WireError | null;
}

export class Changes {
  status: GitStatusResult | null = $state.raw(null);
  problem: WireError | null = $state.raw(null);
  /** The long act that is under way in the repository, whoever began it. */
  progress: GitProgress | null = $state.raw(null);
  readonly groups = $derived(grouped(this.status?.files ?? []));
  readonly open = new SvelteSet<string>();
  readonly seen = new SvelteSet<string>();
  readonly diffs = new SvelteMap<string, LoadedDiff>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #limits = new SvelteMap<GroupName, number>();

  constructor(
    private readonly calls: Calls,
    readonly node: string,
    readonly path: string,
  ) {}

  get isNoRepository(): boolean {
    return isWireError(this.problem, "not_found");
  }

  /** Ask again; what is shown stays until the answer is here. */
  async refresh(): Promise<void> {
    try {
      await this.take(await this.calls.call("git.status", { node: this.node, path: this.path }));
    } catch (error) {
      if (!isWireError(error)) throw error;
      this.problem = error;
    }
  }

  /** Tells what changes in the repository until the returned function is called. */
  watch(): () => void {
    const subscription = this.calls.subscribe(
      "git.watch",
      { node: this.node, path: this.path },
      {
        onEvent: (event) => {
          if (event.type === "progress") {
            this.progress = event;
            return;
          }
          this.progress = null;
          void this.refresh();
        },
        onPause: () => (this.progress = null),
      },
    );
    // What is written in the folder tells nothing to Git before it is asked.
    const files = this.calls.subscribe(
      "files.watch",
      { node: this.node, path: this.path, recursive: true },
      { onEvent: () => this.#soon() },
    );
    return () => {
      clearTimeout(this.#timer);
      subscription.close();
      files.close();
    };
  }

  /** Ask again shortly: a build writes many files, and one answer for all of them is enough. */
  #soon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.refresh(), SETTLED_MS);
  }

  /** A newer status: open differences are fetched anew, what is shown stays until they are here. */
  async take(status: GitStatusResult): Promise<void> {
    this.status = status;
    this.problem = null;
    const changes = this.groups.flatMap((group) => group.changes);
    const keys = new Set(changes.map((change) => change.key));
    for (const key of this.open) if (!keys.has(key)) this.open.delete(key);
    await Promise.all(changes.filter((change) => this.open.has(change.key)).map((change) => this.#load(change)));
  }

  async toggle(change: Change): Promise<void> {
    if (this.open.delete(change.key)) return;
    this.open.add(change.key);
    await this.#load(change);
  }

  /** The part of a group that is drawn. */
  shown(group: Group): readonly Change[] {
    return group.changes.slice(0, this.#limits.get(group.name) ?? FIRST_SHOWN);
  }

  /** How many files `showMore` would add; 0 when all are drawn. */
  more(group: Group): number {
    return Math.min(MORE_SHOWN, group.changes.length - this.shown(group).length);
  }

  showMore(group: Group): void {
    this.#limits.set(group.name, this.shown(group).length + MORE_SHOWN);
  }

  mark(change: Change, isSeen: boolean): void {
    if (isSeen) this.seen.add(change.key);
    else this.seen.delete(change.key);
  }

  async #load(change: Change): Promise<void> {
    try {
      const result = await this.calls.call("git.diff", {
        node: this.node,
        path: this.path,
        ...(change.bytes === null ? { file: change.path } : { file_bytes: change.bytes }),
        staged: change.group === "staged",
      });
      const file = result.files.find((found) => found.path === change.path) ?? result.files[0] ?? null;
      this.diffs.set(change.key, { file, isTruncated: result.truncated === true, problem: null });
    } catch (error) {
      if (!isWireError(error)) throw error;
      const before = this.diffs.get(change.key);
      this.diffs.set(change.key, { file: before?.file ?? null, isTruncated: false, problem: error });
    }
  }
}

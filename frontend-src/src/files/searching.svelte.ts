/** Files by name and lines by content, as the machine finds them. */
import type { Calls } from "../stores/client.ts";
import type { WireError } from "../wire/errors.ts";
import type { FilesGrepParams, FilesMatched, FoundPath, GrepLine } from "../wire/wire.gen.ts";
import { inside, named, placeOf, type Place } from "./place.ts";

/** Lines that are shown; whoever needs more narrows the search. */
export const MAX_LINES = 1000;
/** Files that are offered by name. */
export const MAX_NAMES = 100;

export type SearchState = "idle" | "running" | "done" | "cancelled" | "failed";

/** What both kinds of search share: one runs at a time, the last one asked for counts. */
abstract class Search {
  state: SearchState = $state("idle");
  problem: WireError | null = $state.raw(null);
  isTruncated = $state(false);
  root: Place = $state.raw({ path: "" });
  #close: (() => void) | null = null;

  constructor(
    protected readonly calls: Calls,
    readonly node: string,
    readonly folder: Place,
  ) {}

  /** Ends the search; what was found stays. */
  cancel(): void {
    this.#close?.();
    this.#close = null;
    if (this.state === "running") this.state = "cancelled";
  }

  /** Ends the search and forgets what it found. */
  clear(): void {
    this.cancel();
    this.state = "idle";
    this.problem = null;
    this.empty();
  }

  protected begin(open: (search: Hooks) => { close: () => void }): void {
    this.cancel();
    this.state = "running";
    this.problem = null;
    this.isTruncated = false;
    const life = { isOver: false };
    const subscription = open({
      isOver: () => life.isOver,
      start: (root) => {
        // After a break the search begins anew.
        this.root = root;
        this.empty();
      },
      done: (isTruncated) => {
        life.isOver = true;
        this.isTruncated = isTruncated;
        this.state = "done";
        this.#close?.();
        this.#close = null;
      },
      fail: (error) => {
        if (life.isOver || error === null) return;
        life.isOver = true;
        this.problem = error;
        this.state = "failed";
        this.#close?.();
        this.#close = null;
      },
    });
    this.#close = () => {
      life.isOver = true;
      subscription.close();
    };
  }

  protected abstract empty(): void;
}

interface Hooks {
  isOver: () => boolean;
  start: (root: Place) => void;
  done: (isTruncated: boolean) => void;
  fail: (error: WireError | null) => void;
}

/** How well a path fits what was typed; smaller is better. The name counts before the folders around it. */
function rankOf(path: string, query: string): number {
  const text = path.toLowerCase();
  const wanted = query.toLowerCase().replaceAll(/\s+/g, "");
  const name = text.slice(text.lastIndexOf("/") + 1);
  if (name === wanted) return 0;
  if (name.startsWith(wanted)) return 1;
  if (name.includes(wanted)) return 2;
  return text.includes(wanted) ? 3 : 4;
}

/** Files below a folder whose path holds what was typed. */
export class FindFiles extends Search {
  found: readonly FoundPath[] = $state.raw([]);

  run(query: string): void {
    if (query.trim() === "") {
      this.clear();
      return;
    }
    // The names of the last search stay until the first of this one are here: a list that blinks cannot be read.
    let isFirst = true;
    this.begin((hooks) =>
      this.calls.subscribe(
        "files.find",
        { node: this.node, ...named(this.folder), query: query.trim(), limit: MAX_NAMES },
        {
          onStart: ({ root }) => (this.root = placeOf({ path: root })),
          onEvent: (event) => {
            if (hooks.isOver()) return;
            if (event.type === "done") {
              if (isFirst) this.empty();
              hooks.done(event.truncated);
              return;
            }
            const all = isFirst ? event.entries : [...this.found, ...event.entries];
            isFirst = false;
            this.found = sorted(all, query).slice(0, MAX_NAMES);
          },
          onPause: hooks.fail,
        },
      ),
    );
  }

  protected empty(): void {
    this.found = [];
  }
}

function sorted(found: readonly FoundPath[], query: string): FoundPath[] {
  return found
    .map((entry) => ({ entry, rank: rankOf(entry.path, query) }))
    .sort((a, b) => a.rank - b.rank || a.entry.path.length - b.entry.path.length)
    .map(({ entry }) => entry);
}

export interface FoundFile {
  path: string;
  bytes: string | null;
  lines: readonly GrepLine[];
}

export type Wanted = Pick<FilesGrepParams, "query" | "regex" | "case" | "include" | "exclude">;

/** Lines below a folder, by file. */
export class GrepFiles extends Search {
  files: readonly FoundFile[] = $state.raw([]);
  count = $state(0);

  run(wanted: Wanted): void {
    if (wanted.query === "") {
      this.clear();
      return;
    }
    this.empty();
    this.begin((hooks) =>
      this.calls.subscribe(
        "files.grep",
        { node: this.node, ...named(this.folder), ...wanted, limit: MAX_LINES },
        {
          onStart: ({ root }) => hooks.start(placeOf({ path: root })),
          onEvent: (event) => {
            if (hooks.isOver()) return;
            if (event.type === "matched") this.#take(event);
            else hooks.done(event.truncated);
          },
          onPause: hooks.fail,
        },
      ),
    );
  }

  /** Where a file that was found lies. */
  at(found: { path: string; bytes: string | null }): Place {
    return inside(this.root, found.path, found.bytes);
  }

  #take({ path, path_bytes, lines }: FilesMatched): void {
    this.count += lines.length;
    const last = this.files.at(-1);
    const isSameFile = last?.path === path && last.bytes === (path_bytes ?? null);
    this.files = isSameFile
      ? [...this.files.slice(0, -1), { ...last, lines: [...last.lines, ...lines] }]
      : [...this.files, { path, bytes: path_bytes ?? null, lines }];
  }

  protected empty(): void {
    this.files = [];
    this.count = 0;
    this.isTruncated = false;
  }
}

/** `*.ts, docs/` as the list of globs that it is. */
export function globs(text: string): string[] {
  return text
    .split(/[,\s]+/)
    .filter(Boolean)
    .slice(0, 50);
}

/** The parts of a line, marked where it fits; leading blanks are cut, since lines stand one below the other. */
export function markedParts({ text, spans }: GrepLine): { text: string; isMarked: boolean }[] {
  const begin = text.length - text.trimStart().length;
  const out: { text: string; isMarked: boolean }[] = [];
  const characters = Array.from(text);
  let at = Math.min(begin, spans[0]?.[0] ?? begin);
  const push = (to: number, isMarked: boolean) => {
    if (to > at) out.push({ text: characters.slice(at, to).join(""), isMarked });
    at = Math.max(at, to);
  };
  for (const [from, to] of spans) {
    push(from, false);
    push(to, true);
  }
  push(characters.length, false);
  return out;
}

/** Sessions that the agents of a machine have by themselves: asked for page by page, because there may be thousands. */
import { shownTitle } from "../format/titles.ts";
import { isWireError, type WireError } from "../wire/errors.ts";
import type { SessionSummary } from "../wire/wire.gen.ts";
import type { Calls } from "./client.ts";

/** Rows that one look is to bring, and how many are asked for at once: sessions of ours stand between them. */
const WANTED = 20;
const LIMIT = 50;
/** A look asks for so many pages at most; the next look goes on from there. */
const MOST_PAGES = 6;

export class Natives {
  list: readonly SessionSummary[] = $state.raw([]);
  /** True once there is an answer for what is searched. */
  hasLoaded = $state(false);
  isLoading = $state(false);
  problem: WireError | null = $state.raw(null);
  /** Words to search for; empty shows all. Change it by `search`. */
  query = $state("");
  #cursor: string | null = $state(null);
  #asked = 0;

  constructor(
    private readonly calls: Pick<Calls, "call">,
    private readonly node: string,
    /** Only those of that folder; null for the whole machine. */
    private readonly path: string | null,
  ) {}

  get hasMore(): boolean {
    return this.#cursor !== null;
  }

  /** From the beginning; what is shown stays until the answer is there. */
  load(): Promise<void> {
    return this.#look([], null);
  }

  search(query: string): Promise<void> {
    this.query = query;
    return this.load();
  }

  more(): Promise<void> {
    return this.#look(this.list, this.#cursor);
  }

  /** One was hidden. */
  drop(id: string): void {
    this.list = this.list.filter((session) => session.id !== id);
  }

  async #look(before: readonly SessionSummary[], from: string | null): Promise<void> {
    const number = ++this.#asked;
    this.isLoading = true;
    const found: SessionSummary[] = [];
    let cursor = from;
    try {
      for (let page = 0; page < MOST_PAGES && found.length < WANTED; page++) {
        const answer = await this.calls.call("session.list", {
          node: this.node,
          native: true,
          limit: LIMIT,
          ...(this.path === null ? {} : { path: this.path }),
          ...(this.query.trim() === "" ? {} : { query: this.query.trim() }),
          ...(cursor === null ? {} : { cursor }),
        });
        // Another look has begun meanwhile: this one is not wanted any more.
        if (number !== this.#asked) return;
        found.push(...answer.sessions.filter((session) => session.status === "native"));
        cursor = answer.next_cursor ?? null;
        if (cursor === null) break;
      }
      this.list = withNew(before, found);
      this.#cursor = cursor;
      this.problem = null;
      this.hasLoaded = true;
    } catch (error) {
      if (!isWireError(error)) throw error;
      if (number === this.#asked) this.problem = error;
    } finally {
      if (number === this.#asked) this.isLoading = false;
    }
  }
}

/** One that has changed between two pages may come in both. */
function withNew(before: readonly SessionSummary[], found: readonly SessionSummary[]): SessionSummary[] {
  const here = new Set(before.map((session) => session.id));
  const fresh = found.filter((session) => !here.has(session.id));
  return [...before, ...fresh.map((session) => ({ ...session, title: shownTitle(session.title) }))];
}

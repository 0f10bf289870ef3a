import type { AuditFilter } from "../../shell/routes.ts";
import { client, type Calls } from "../../stores/client.ts";
import { isWireError, type WireError } from "../../wire/errors.ts";
import type { AuditRow } from "../../wire/wire.gen.ts";

const PAGE = 100;

/** The acts that a filter leaves, newest first, page by page. */
export class AuditPages {
  rows: readonly AuditRow[] = $state.raw([]);
  hasLoaded = $state(false);
  isBusy = $state(false);
  problem: WireError | null = $state.raw(null);
  /** Set while there are older ones. */
  cursor: string | null = $state.raw(null);
  #filter: AuditFilter = { who: null, action: null, node: null };
  /** Answers to a filter that has changed meanwhile are dropped. */
  #asked = 0;
  readonly #calls: Pick<Calls, "call">;

  constructor(calls: Pick<Calls, "call"> = client) {
    this.#calls = calls;
  }

  /** Begins again with `filter`. */
  async show(filter: AuditFilter): Promise<void> {
    this.#filter = filter;
    this.rows = [];
    this.cursor = null;
    this.hasLoaded = false;
    await this.#load(null);
  }

  async older(): Promise<void> {
    if (this.cursor !== null && !this.isBusy) await this.#load(this.cursor);
  }

  async retry(): Promise<void> {
    await this.#load(this.cursor);
  }

  async #load(cursor: string | null): Promise<void> {
    const number = ++this.#asked;
    this.isBusy = true;
    this.problem = null;
    try {
      const page = await this.#calls.call("audit.list", { ...this.#filter, limit: PAGE, cursor });
      if (number !== this.#asked) return;
      this.rows = [...this.rows, ...page.rows];
      this.cursor = page.next_cursor ?? null;
      this.hasLoaded = true;
    } catch (error) {
      if (!isWireError(error)) throw error;
      if (number === this.#asked) this.problem = error;
    }
    if (number === this.#asked) this.isBusy = false;
  }
}

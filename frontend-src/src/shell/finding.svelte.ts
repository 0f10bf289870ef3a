/** Sessions that only the machines know: archived ones are not, those that agents have by themselves are among them. */
import { shownTitle } from "../format/titles.ts";
import type { Calls } from "../stores/client.ts";
import { sessionKey } from "../stores/sessions.svelte.ts";
import { isWireError } from "../wire/errors.ts";
import type { SessionSummary } from "../wire/wire.gen.ts";

/** Typing rests this long before anybody is asked. */
const REST_MS = 200;
/** One letter fits nearly everything. */
const LEAST_CHARACTERS = 2;
const LIMIT = 10;

export class Finding {
  list: readonly SessionSummary[] = $state.raw([]);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asking: AbortController | null = null;

  constructor(
    private readonly calls: Pick<Calls, "call">,
    /** Whether the page knows that session already. */
    private readonly isKnown: (key: string) => boolean,
  ) {}

  /** What is typed now. Answers to what was typed before do not count any more. */
  look(query: string): void {
    this.close();
    if (query.trim().length < LEAST_CHARACTERS) this.list = [];
    else this.#timer = setTimeout(() => void this.#ask(query.trim()), REST_MS);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#asking?.abort();
  }

  async #ask(query: string): Promise<void> {
    const mine = new AbortController();
    this.#asking = mine;
    try {
      const found = await this.calls.call("session.list", { query, limit: LIMIT }, { signal: mine.signal });
      if (mine.signal.aborted) return;
      this.list = found.sessions
        .filter((session) => !this.isKnown(sessionKey(session.node, session.id)))
        .map((session) => ({ ...session, title: shownTitle(session.title) }));
    } catch (error) {
      // What the page knows by itself is found without the machines.
      if (!isWireError(error)) throw error;
    }
  }
}

import { SvelteMap } from "svelte/reactivity";
import { shownTitle } from "../format/titles.ts";
import type { SessionSummary } from "../wire/wire.gen.ts";
import { client, type Calls } from "./client.ts";
import { FeedState } from "./feed.svelte.ts";

/** A session's name in maps: ids are unique only within their machine. */
export function sessionKey(node: string, id: string): string {
  return `${node}/${id}`;
}

/** All sessions of all machines that are not archived; those of offline machines are `stale`. */
export class SessionsStore {
  readonly feed = new FeedState();
  readonly byKey = new SvelteMap<string, SessionSummary>();
  /** Newest first. */
  readonly list: readonly SessionSummary[] = $derived(
    [...this.byKey.values()].sort((a, b) => (a.updated < b.updated ? 1 : a.updated > b.updated ? -1 : 0)),
  );
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  start(): void {
    this.#calls.subscribe(
      "session.list_watch",
      {},
      {
        onStart: (result) => {
          this.byKey.clear();
          for (const session of result.sessions) this.put(session);
          this.feed.started();
        },
        onEvent: (event) => {
          if (event.type === "session") this.put(event.session);
          else this.byKey.delete(sessionKey(event.node, event.id));
        },
        onPause: (error) => this.feed.paused(error),
      },
    );
  }

  /** Notes what Main answered about a session, so that the page need not wait for the event. */
  put(session: SessionSummary): void {
    const key = sessionKey(session.node, session.id);
    if (session.archived) this.byKey.delete(key);
    else this.byKey.set(key, { ...session, title: shownTitle(session.title) });
  }

  get(node: string, id: string): SessionSummary | undefined {
    return this.byKey.get(sessionKey(node, id));
  }

  /** Sessions of one folder of one machine, newest first. */
  inFolder(node: string, path: string): readonly SessionSummary[] {
    return this.list.filter((session) => session.node === node && session.path === path);
  }
}

export const sessions = new SessionsStore(client);

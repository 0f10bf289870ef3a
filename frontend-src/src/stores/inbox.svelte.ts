import type { InboxItem, SessionSummary } from "../wire/wire.gen.ts";
import { client, type Calls } from "./client.ts";
import { FeedState } from "./feed.svelte.ts";

function keyOf(node: string, session: string, approval: string): string {
  return `${node}/${session}/${approval}`;
}

/** What waits for an answer on any machine, oldest first. */
export class InboxStore {
  readonly feed = new FeedState();
  items: readonly InboxItem[] = $state.raw([]);
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  /** `onEnded` is called with the session of every turn that ends on any machine. */
  start(onEnded: (session: SessionSummary) => void = () => undefined): void {
    this.#calls.subscribe(
      "inbox.watch",
      {},
      {
        onStart: (result) => {
          this.items = sorted(result.approvals);
          this.feed.started();
        },
        onEvent: (event) => {
          if (event.type === "approval") {
            const { session, approval } = event;
            this.items = sorted([...this.#without(session.node, session.id, approval.approval), event]);
          } else if (event.type === "resolved") {
            this.items = this.#without(event.node, event.session, event.approval);
          } else {
            onEnded(event.session);
          }
        },
        onPause: (error) => this.feed.paused(error),
      },
    );
  }

  #without(node: string, session: string, approval: string): readonly InboxItem[] {
    const gone = keyOf(node, session, approval);
    return this.items.filter((item) => keyOf(item.session.node, item.session.id, item.approval.approval) !== gone);
  }
}

function sorted(items: readonly InboxItem[]): readonly InboxItem[] {
  return [...items].sort((a, b) => ((a.approval.ts ?? "") < (b.approval.ts ?? "") ? -1 : 1));
}

export const inbox = new InboxStore(client);

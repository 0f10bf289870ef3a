import type { AgentState, Delta, Live, Reset, SessionEventsResult, SessionState } from "../wire/wire.gen.ts";
import { isWireError, type WireError } from "../wire/errors.ts";
import { FINAL, type Subscription } from "../wire/subscriptions.ts";
import { EMPTY_LOG, type Log } from "./blocks.ts";
import { client, type Calls } from "./client.ts";
import { factsOf, foldFacts, NO_FACTS, type Facts, type JournalEvent } from "./facts.ts";
import { foldLog } from "./fold.ts";
import { sessionKey } from "./sessions.svelte.ts";

/** Enough to fill any screen at once; what is older follows behind it. */
const FIRST_PAGE = 120;
const PAGE = 1000;
/** So much comes by itself; what is older still, when the reader gets near it. */
const UNASKED = 20_000;
/** Events that are folded in one go: a few ms on a slow phone, so that no frame waits. */
const SLICE = 500;
/** Later than any event. */
const END = Number.MAX_SAFE_INTEGER;

type WatchEvent = JournalEvent | Delta | AgentState | Live | Reset;

/**
 * One session as the page sees it: `facts` and `log`, kept live.
 *
 * It opens at the end of the journal, loads what is older behind that, and folds what comes at most once a frame.
 */
export class SessionStore {
  readonly node: string;
  readonly id: string;
  facts: Facts = $state.raw(NO_FACTS);
  log: Log = $state.raw(EMPTY_LOG);
  /** True once there is something to show. */
  hasLoaded = $state(false);
  /** True while events come as they happen; false while catching up or cut off. */
  isLive = $state(false);
  /** Why nothing comes, when the machine or Main said so. */
  problem: WireError | null = $state.raw(null);
  /** True while what is older than the first page is on its way. */
  isLoadingOlder = $state(false);
  /** The agent's program now: background tasks, servers of tools, its own commands; null while nothing is known. */
  agent: AgentState | null = $state.raw(null);
  /** Whether all tool servers are listed, not only when one is not there. */
  areServersShown = $state(false);

  readonly #calls: Calls;
  #epoch: string | null = null;
  /** Last `seq` received, folded or not. */
  #cursor = 0;
  /** Events from `log.first` on, kept only until the oldest has come: older ones are folded before them. */
  #journal: JournalEvent[] | null = [];
  #waiting: (JournalEvent | Delta)[] = [];
  #isFlushDue = false;
  #subscription: Subscription | null = null;
  #isResting = false;
  #isClosed = false;

  constructor(calls: Calls, node: string, id: string) {
    this.#calls = calls;
    this.node = node;
    this.id = id;
  }

  /** Loads the end of the journal and follows it. Failures are in `problem`; `retry` begins again. */
  async open(): Promise<void> {
    const session = { node: this.node, session: this.id };
    try {
      const [state, page] = await Promise.all([
        this.#calls.call("session.get", session),
        this.#calls.call("session.events", { ...session, before: END, limit: FIRST_PAGE }),
      ]);
      if (this.#isClosed) return;
      this.#begin(state, page);
    } catch (error) {
      if (!isWireError(error)) throw error;
      this.problem = error;
      return;
    }
    if (!this.#isResting) this.#watch();
    if (this.log.first > 1) await this.#loadOlder(UNASKED);
  }

  /** Loads a page of what is older than the log's first event, where that has not come by itself. */
  async loadOlder(): Promise<void> {
    if (this.log.first > 1 && !this.isLoadingOlder && this.hasLoaded) await this.#loadOlder(PAGE);
  }

  /** Opens again after a failure. What is shown stays until the answer is there. */
  retry(): void {
    this.problem = null;
    if (this.#subscription === null) void this.open();
  }

  /** Nobody looks any more: nothing comes, and what is there is kept for the way back. */
  rest(): void {
    this.#isResting = true;
    this.isLive = false;
    this.agent = null;
    this.#subscription?.close();
    this.#subscription = null;
  }

  /** Somebody looks again: what happened meanwhile comes, from the last event on. */
  wake(): void {
    if (!this.#isResting) return;
    this.#isResting = false;
    if (!this.hasLoaded) return;
    this.problem = null;
    this.#watch();
  }

  close(): void {
    this.#isClosed = true;
    this.#subscription?.close();
  }

  /** The two answers may be of different moments: what one has and the other has not is folded, or watched for. */
  #begin(state: SessionState, page: SessionEventsResult): void {
    const { events, head, epoch } = page;
    const isSame = state.epoch === epoch;
    this.#epoch = epoch;
    this.#cursor = isSame ? head : 0;
    this.#journal = [...events];
    this.facts = isSame ? events.reduce(foldFacts, factsOf(state)) : NO_FACTS;
    this.log = isSame ? foldLog(EMPTY_LOG, events) : EMPTY_LOG;
    this.#dropJournalWhenWhole();
    this.hasLoaded = true;
    this.problem = null;
  }

  #watch(): void {
    this.#subscription = this.#calls.subscribe(
      "session.watch",
      () => ({ node: this.node, session: this.id, after: this.#cursor, epoch: this.#epoch }),
      {
        onStart: (result) => {
          this.#epoch ??= result.epoch;
          this.problem = null;
          // What a break kept from coming is asked for again.
          if (this.log.first > 1 && !this.isLoadingOlder) void this.#loadOlder(UNASKED - (this.#journal?.length ?? 0));
        },
        onEvent: (event) => this.#onEvent(event),
        onPause: (error) => {
          this.isLive = false;
          this.agent = null;
          this.problem = error;
          // Nothing opens it again by itself: the machine was removed, or is not shared any more.
          if (!isWireError(error, ...FINAL)) return;
          this.#subscription?.close();
          this.#subscription = null;
        },
      },
    );
  }

  #onEvent(event: WatchEvent): void {
    if (event.type === "live") {
      this.#flush();
      this.isLive = true;
      return;
    }
    if (event.type === "reset") {
      this.#reset(event.epoch);
      return;
    }
    if (event.type === "agent_state") {
      this.agent = event;
      return;
    }
    if (event.type !== "delta") this.#cursor = Math.max(this.#cursor, event.seq ?? 0);
    this.#waiting.push(event);
    this.#flushSoon();
  }

  #reset(epoch: string): void {
    this.#epoch = epoch;
    this.#cursor = 0;
    this.#waiting = [];
    this.#journal = null;
    this.facts = NO_FACTS;
    this.log = EMPTY_LOG;
  }

  #flushSoon(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    // A hidden page has no frames; a second is soon enough there.
    if (document.visibilityState === "visible") requestAnimationFrame(() => this.#flush());
    else setTimeout(() => this.#flush(), 1000);
  }

  #flush(): void {
    this.#isFlushDue = false;
    const batch = this.#waiting;
    if (batch.length === 0) return;
    this.#waiting = [];
    const journal = batch.filter((event) => event.type !== "delta");
    this.#journal?.push(...journal);
    this.facts = journal.reduce(foldFacts, this.facts);
    this.log = foldLog(this.log, batch);
  }

  async #loadOlder(most: number): Promise<void> {
    if (this.isLoadingOlder || this.#journal === null) return;
    this.isLoadingOlder = true;
    const older: JournalEvent[][] = [];
    let before = this.log.first;
    const until = Math.max(1, before - most);
    try {
      while (before > until && !this.#isClosed) {
        const params = { node: this.node, session: this.id, before, limit: PAGE };
        const page = await this.#calls.call("session.events", params);
        const first = page.events[0]?.seq ?? 0;
        if (page.epoch !== this.#epoch || first === 0 || first >= before) break;
        older.unshift(page.events);
        before = first;
      }
      if (older.length > 0) await this.#foldOlder(older.flat());
    } catch (error) {
      if (!isWireError(error)) throw error;
      this.problem = error;
    }
    this.isLoadingOlder = false;
  }

  /** Folds everything anew from the oldest on, in slices; what comes meanwhile is shown meanwhile, and folded again. */
  async #foldOlder(older: readonly JournalEvent[]): Promise<void> {
    const epoch = this.#epoch;
    let log = EMPTY_LOG;
    for (let at = 0; at < older.length; at += SLICE) {
      log = foldLog(log, older.slice(at, at + SLICE));
      await pause();
    }
    for (let at = 0; this.#journal !== null && at < this.#journal.length; at += SLICE) {
      log = foldLog(log, this.#journal.slice(at, at + SLICE));
      // The last slice is followed at once by what is below, so that nothing comes between.
      if (at + SLICE < this.#journal.length) await pause();
    }
    if (this.#journal === null || this.#isClosed || this.#epoch !== epoch) return;
    this.#flush();
    this.#journal = [...older, ...this.#journal];
    this.log = foldLog(log, [...this.#journal.slice(log.head - log.first + 1), ...streamsOf(this.log)]);
    this.#dropJournalWhenWhole();
  }

  #dropJournalWhenWhole(): void {
    if (this.log.first <= 1) this.#journal = null;
  }
}

/** Lets the page draw and answer to keys. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

/** The deltas that make what is streaming now. */
function streamsOf(log: Log): Delta[] {
  const blocks = log.turns.at(-1)?.blocks ?? [];
  return blocks.flatMap((block): Delta[] =>
    "isStreaming" in block && block.isStreaming
      ? [
          {
            type: "delta",
            message_id: block.messageId,
            kind: block.kind === "prose" ? "text" : "thought",
            offset: 0,
            text: block.text,
            parent: block.parent,
          },
        ]
      : [],
  );
}

/** Of sessions that nobody looks at any more what was read is kept for the way back, of this many. */
const KEPT = 4;
const open = new Map<string, { store: SessionStore; users: number }>();

/** The store of a session, shared by all who look at it. Call `release` once when done. */
export function acquireSession(node: string, id: string): { store: SessionStore; release: () => void } {
  const key = sessionKey(node, id);
  let entry = open.get(key);
  if (entry === undefined) {
    entry = { store: new SessionStore(client, node, id), users: 0 };
    void entry.store.open();
  }
  // Put last: the map's order is the order of use.
  open.delete(key);
  open.set(key, entry);
  entry.users += 1;
  entry.store.wake();
  const held = entry;
  return {
    store: held.store,
    release: () => {
      held.users -= 1;
      if (held.users === 0) held.store.rest();
      closeUnused();
    },
  };
}

function closeUnused(): void {
  const unused = [...open].filter(([, entry]) => entry.users === 0);
  for (const [key, entry] of unused.slice(0, Math.max(0, unused.length - KEPT))) {
    entry.store.close();
    open.delete(key);
  }
}

import { describe, expect, it, vi } from "vitest";
import { JOURNAL } from "../../dev/world.ts";
import { WireError } from "../wire/errors.ts";
import { EMPTY_LOG } from "./blocks.ts";
import type { Calls } from "./client.ts";
import { foldFacts, NO_FACTS, type JournalEvent } from "./facts.ts";
import { foldLog } from "./fold.ts";
import { SessionStore } from "./session.svelte.ts";

interface Watch {
  params: () => unknown;
  onEvent: (event: unknown) => void;
  onStart: (result: unknown) => void;
  onPause: (error: null) => void;
}

/** A node with one journal, answering as the table says. */
class Journal {
  events: JournalEvent[];
  epoch = "e1";
  /** Pages that do not end at the head fail as over a broken link. */
  isOlderAway = false;
  watch: Watch | null = null;
  /** Subscriptions that are open. */
  open = 0;

  constructor(events: JournalEvent[]) {
    this.events = events;
  }

  readonly calls = {
    call: async (op: string, params: Record<string, unknown>) => {
      await Promise.resolve();
      return this.#answer(op, params);
    },
    subscribe: (_op: string, params: () => unknown, handlers: Omit<Watch, "params">) => {
      this.watch = { params, ...handlers };
      this.open += 1;
      return { close: () => (this.open -= 1) };
    },
  } as unknown as Calls;

  #answer(op: string, params: Record<string, unknown>): unknown {
    const head = this.events.length;
    if (op === "session.get") {
      return {
        ...this.events.reduce(foldFacts, NO_FACTS),
        id: "s",
        node: "n",
        epoch: this.epoch,
        head,
      };
    }
    const end = Math.min(head, Number(params["before"]) - 1);
    if (this.isOlderAway && end < head) throw new WireError("link_lost", "The link broke.");
    return { epoch: this.epoch, events: this.events.slice(Math.max(0, end - Number(params["limit"])), end), head };
  }
}

/** 700 events: more than the first page. */
function longJournal(): JournalEvent[] {
  return Array.from({ length: 700 }, (_, index): JournalEvent => {
    const seq = index + 1;
    const turn = `t${Math.floor(index / 4)}`;
    const step = index % 4;
    if (step === 0) return { type: "turn_started", seq, ts: "", turn };
    if (step === 3) return { type: "turn_ended", seq, ts: "", turn, stop_reason: "end_turn" };
    return { type: "agent_message", seq, ts: "", turn, message_id: `m${seq}`, text: `${seq}` };
  });
}

/** Like `longJournal`, of any length. */
function journalOf(count: number): JournalEvent[] {
  const [started] = longJournal();
  const rest = Array.from({ length: count - 1 }, (_, index) => ({
    type: "agent_message",
    seq: index + 2,
    ts: "",
    turn: "t0",
    message_id: `m${index}`,
    text: "x",
  }));
  return [started, ...rest] as JournalEvent[];
}

describe("SessionStore", () => {
  it("shows the end first and has all in the end, numbered from 1", async () => {
    const journal = new Journal(longJournal());
    const store = new SessionStore(journal.calls, "n", "s");
    await store.open();
    expect(store.log).toEqual(foldLog(EMPTY_LOG, journal.events));
    expect(store.log.turns[0]?.number).toBe(1);
  });

  it("asks again for what is older when a break kept it from coming", async () => {
    const journal = new Journal(longJournal());
    const store = new SessionStore(journal.calls, "n", "s");
    journal.isOlderAway = true;
    await store.open();
    expect(store.log.first).toBeGreaterThan(1);
    journal.isOlderAway = false;
    journal.watch?.onStart({ epoch: "e1", head: 700 });
    await vi.waitFor(() => expect(store.log).toEqual(foldLog(EMPTY_LOG, journal.events)));
  });

  it("leaves what is very old until the reader gets near it, then brings it without a gap", async () => {
    const journal = new Journal(journalOf(22_000));
    const store = new SessionStore(journal.calls, "n", "s");
    await store.open();
    expect(store.log.first).toBeGreaterThan(1);
    expect(store.log.first).toBeLessThan(3_000);
    journal.watch?.onEvent({ type: "turn_ended", seq: 22_001, ts: "", turn: "t0", stop_reason: "end_turn" });
    while (store.log.first > 1) await store.loadOlder();
    expect(store.log.turns.map((turn) => [turn.number, turn.blocks.length, turn.end?.seq])).toEqual([
      [1, 21_999, 22_001],
    ]);
  });

  it("folds what came between its two first answers once", async () => {
    const journal = new Journal([...JOURNAL]);
    const late = new Journal(JOURNAL.slice(0, 5));
    const calls = {
      ...journal.calls,
      call: (op: string, params: Record<string, unknown>) =>
        (op === "session.get" ? late : journal).calls.call(op as never, params as never),
    } as unknown as Calls;
    const store = new SessionStore(calls, "n", "s");
    await store.open();
    expect(store.facts).toEqual(JOURNAL.reduce(foldFacts, NO_FACTS));
    expect(store.log).toEqual(foldLog(EMPTY_LOG, JOURNAL));
    expect(journal.watch?.params()).toMatchObject({ after: JOURNAL.length });
  });

  it("shows the agent's program as it is told, and forgets it when nothing comes any more", async () => {
    const journal = new Journal([...JOURNAL]);
    const store = new SessionStore(journal.calls, "n", "s");
    await store.open();
    const state = { type: "agent_state", process: "live", tasks: [], servers: [], commands: null };
    journal.watch?.onEvent(state);
    expect(store.agent).toEqual(state);
    expect(store.log).toEqual(foldLog(EMPTY_LOG, JOURNAL));
    journal.watch?.onPause(null);
    expect(store.agent).toBeNull();
  });

  it("watches from the head that it has, in its epoch", async () => {
    const journal = new Journal([...JOURNAL]);
    const store = new SessionStore(journal.calls, "n", "s");
    await store.open();
    expect(journal.watch?.params()).toEqual({ node: "n", session: "s", after: JOURNAL.length, epoch: "e1" });
    expect(store.facts).toMatchObject({ status: "waiting", pending_approvals: 1 });
  });

  it("folds what comes and asks again from there", async () => {
    const journal = new Journal(JOURNAL.slice(0, 5));
    const store = new SessionStore(journal.calls, "n", "s");
    await store.open();
    for (const event of JOURNAL.slice(5)) journal.watch?.onEvent(event);
    expect(journal.watch?.params()).toMatchObject({ after: JOURNAL.length });
    journal.watch?.onEvent({ type: "live", head: JOURNAL.length });
    expect(store.isLive).toBe(true);
    expect(store.log).toEqual(foldLog(EMPTY_LOG, JOURNAL));
    expect(store.facts).toEqual(JOURNAL.reduce(foldFacts, NO_FACTS));
  });

  it("watches nothing while nobody looks, and goes on from what it has", async () => {
    const journal = new Journal(JOURNAL.slice(0, 5));
    const store = new SessionStore(journal.calls, "n", "s");
    await store.open();
    journal.watch?.onEvent({ type: "live", head: 5 });
    store.rest();
    expect([journal.open, store.isLive, store.log.head]).toEqual([0, false, 5]);
    store.wake();
    store.wake();
    expect([journal.open, journal.watch?.params()]).toMatchObject([1, { after: 5, epoch: "e1" }]);
    for (const event of JOURNAL.slice(5)) journal.watch?.onEvent(event);
    journal.watch?.onEvent({ type: "live", head: JOURNAL.length });
    expect(store.log).toEqual(foldLog(EMPTY_LOG, JOURNAL));
  });

  it("that is left before it has opened is not watched until somebody comes back", async () => {
    const journal = new Journal([...JOURNAL]);
    const store = new SessionStore(journal.calls, "n", "s");
    const opening = store.open();
    store.rest();
    await opening;
    expect([journal.open, store.hasLoaded]).toEqual([0, true]);
    store.wake();
    expect(journal.open).toBe(1);
  });

  it("folds once a frame however much comes", async () => {
    const journal = new Journal(JOURNAL.slice(0, 5));
    const store = new SessionStore(journal.calls, "n", "s");
    await store.open();
    const frames = vi.spyOn(globalThis, "requestAnimationFrame");
    const before = store.log;
    for (let offset = 0; offset < 200; offset++) {
      journal.watch?.onEvent({ type: "delta", message_id: "m1", kind: "text", offset, text: "x" });
    }
    expect(frames).toHaveBeenCalledOnce();
    expect(store.log).toBe(before);
    await vi.waitFor(() => expect(store.log.turns[0]?.blocks[0]).toMatchObject({ text: "x".repeat(200) }));
  });

  it("forgets everything at a reset and begins again from 1", async () => {
    const journal = new Journal([...JOURNAL]);
    const store = new SessionStore(journal.calls, "n", "s");
    await store.open();
    journal.watch?.onEvent({ type: "reset", epoch: "e2" });
    expect(store.log).toEqual(EMPTY_LOG);
    expect(journal.watch?.params()).toMatchObject({ after: 0, epoch: "e2" });
    for (const event of JOURNAL.slice(0, 3)) journal.watch?.onEvent(event);
    journal.watch?.onEvent({ type: "live", head: 3 });
    expect(store.facts.head).toBe(3);
  });
});

import { flushSync } from "svelte";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { DraftKeeper, draftOf } from "../logbook/drafts.ts";
import { WireError } from "../wire/errors.ts";
import type { PersonalResult } from "../wire/wire.gen.ts";
import type { Calls } from "./client.ts";
import { isKept, PersonalStore } from "./personal.svelte.ts";
import { prefs } from "./prefs.svelte.ts";

interface Watch {
  onStart: (result: PersonalResult) => void;
  onEvent: (event: unknown) => void;
  onPause: (error: WireError | null) => void;
}

/** Main as far as one person's things go: notes what was called, and refuses what the test wants it to. */
class Main {
  called: unknown[] = [];
  failure: WireError | null = null;
  gate: Promise<void> = Promise.resolve();
  watch: Watch | null = null;

  readonly calls = {
    call: async (op: string, params: object) => {
      this.called.push([op, params]);
      await this.gate;
      if (this.failure !== null) throw this.failure;
      return {};
    },
    subscribe: (_op: string, _params: object, handlers: Watch) => {
      this.watch = handlers;
      return { close: () => undefined };
    },
  } as unknown as Calls;

  open(kept: Partial<PersonalResult> = {}): void {
    this.watch?.onStart({ marks: [], drafts: [], settings: [], ...kept });
  }
}

const settle = () => vi.advanceTimersByTimeAsync(0);
const NEW = "n/s";

let main: Main;
let store: PersonalStore;

function started(user = "ada"): PersonalStore {
  const made = new PersonalStore(main.calls, localStorage);
  made.start(user);
  return made;
}

beforeEach(() => {
  vi.useFakeTimers();
  localStorage.clear();
  main = new Main();
  store = started();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("what a person keeps", () => {
  it("counts at once, and is sent when Main is there: of one thing only the last change", async () => {
    store.look("n", "s", 4);
    store.look("n", "s", 7);
    store.look("n", "s", 5);
    store.keepDraft(NEW, "a");
    store.keepDraft(NEW, "ab");
    store.set("page.keys", "{}");
    expect([store.lookedUpTo("n", "s"), store.draft(NEW)?.text, store.setting("page.keys")]).toEqual([7, "ab", "{}"]);
    await settle();
    expect(main.called).toEqual([]);
    main.open();
    await settle();
    expect(main.called).toEqual([
      ["my.mark", { node: "n", session: "s", seq: 7 }],
      ["my.draft", { key: NEW, text: "ab", device: store.device }],
      ["my.setting", { name: "page.keys", value: "{}" }],
    ]);
    expect(localStorage.length).toBe(0);
  });

  it("waits over a reload, for that person alone", async () => {
    store.keepDraft(NEW, "mine");
    store.look("n", "s", 3);
    store = started("eve");
    main.open();
    await settle();
    expect([main.called, store.draft(NEW)?.text]).toEqual([[], ""]);
    store = started("ada");
    expect(store.draft(NEW)).toEqual({ text: "mine", device: store.device });
    main.open({ drafts: [{ type: "draft", key: NEW, text: "older", device: "phone" }] });
    expect(store.draft(NEW)?.text).toBe("mine");
    await settle();
    expect(main.called.length).toBe(2);
  });

  it("is sent again after a failure that passes, and given up after any other", async () => {
    main.open();
    main.failure = new WireError("rate_limited", "Too fast.", { retryAfter_s: 2 });
    store.look("n", "s", 3);
    await settle();
    store.look("n", "s", 4);
    main.failure = null;
    main.called = [];
    await vi.advanceTimersByTimeAsync(1000);
    expect(main.called).toEqual([]);
    await vi.advanceTimersByTimeAsync(1500);
    expect(main.called).toEqual([["my.mark", { node: "n", session: "s", seq: 4 }]]);
    main.failure = new WireError("not_found", "There is no such node.");
    store.look("gone", "s", 1);
    await settle();
    expect(localStorage.length).toBe(0);
  });

  it("is sent again when it changed while it was being sent", async () => {
    let open: () => void = () => undefined;
    main.gate = new Promise((resolve) => (open = resolve));
    main.open();
    store.keepDraft(NEW, "a");
    store.keepDraft(NEW, "ab");
    open();
    await settle();
    expect(main.called.map((call) => (call as [string, { text: string }])[1].text)).toEqual(["a", "ab"]);
  });

  it("is bounded while Main is away", () => {
    for (let number = 0; number < 600; number++) store.look("n", `s${number}`, 1);
    expect(localStorage.length).toBe(500);
  });

  it("comes from other devices, but not over what was changed here meanwhile", async () => {
    main.open();
    await settle();
    main.watch?.onEvent({ type: "draft", key: NEW, text: "from the phone", device: "phone" });
    main.watch?.onEvent({ type: "mark", node: "n", session: "s", seq: 9 });
    main.watch?.onEvent({ type: "mark", node: "n", session: "s", seq: 2 });
    expect([store.draft(NEW)?.text, store.lookedUpTo("n", "s")]).toEqual(["from the phone", 9]);
    main.watch?.onPause(null);
    store.keepDraft(NEW, "from here");
    main.watch?.onEvent({ type: "draft", key: NEW, text: "late", device: "phone" });
    expect(store.draft(NEW)?.text).toBe("from here");
  });

  it("keeps what is too long for Main on this device", () => {
    expect(isKept("x".repeat(262_144))).toBe(true);
    expect([isKept("x".repeat(262_145)), isKept("\u0001".repeat(200_000))]).toEqual([false, false]);
    expect(store.keepDraft(NEW, "x".repeat(300_000))).toBe(false);
  });
});

describe("a draft of two devices", () => {
  const there = (text: string) => main.watch?.onEvent({ type: "draft", key: "n/s", text, device: "phone" });
  let keeper: DraftKeeper;

  beforeEach(async () => {
    main.open();
    await settle();
    keeper = new DraftKeeper("n", "s", store);
  });

  it("comes where nobody writes", () => {
    there("abc");
    expect(keeper.fromElsewhere("", false)).toBe("abc");
    expect(draftOf("n", "s")).toBe("abc");
    there("");
    expect(keeper.fromElsewhere("abc", false)).toBe("");
  });

  it("comes into an empty field that has the focus, never into a text that is being written", () => {
    there("abc");
    expect(keeper.fromElsewhere("", true)).toBe("abc");
    there("abcd");
    expect(keeper.fromElsewhere("abc", true)).toBeNull();
    expect(keeper.fromElsewhere("abc", false)).toBe("abcd");
  });

  it("does not take the place of what has not been kept yet", async () => {
    keeper.keep("typed");
    there("abc");
    expect(keeper.fromElsewhere("typed", false)).toBeNull();
    keeper.flush();
    await settle();
    expect(keeper.fromElsewhere("typed", false)).toBeNull();
    there("newer");
    expect(keeper.fromElsewhere("typed", false)).toBe("newer");
  });

  it("is cleared everywhere once it was sent, also where the page was closed meanwhile", async () => {
    keeper.keep("typed");
    keeper.flush();
    await settle();
    const reloaded = started();
    const again = new DraftKeeper("n", "s", reloaded);
    expect(again.fromElsewhere("typed", false)).toBeNull();
    main.open();
    expect(again.fromElsewhere("typed", false)).toBe("");
    expect(draftOf("n", "s")).toBe("");
  });

  it("stays here when it is too long for Main", () => {
    const long = "x".repeat(300_000);
    keeper.keep(long);
    keeper.flush();
    expect(keeper.fromElsewhere(long, false)).toBeNull();
    const reloaded = started();
    main.open();
    expect(new DraftKeeper("n", "s", reloaded).fromElsewhere(long, false)).toBeNull();
  });
});

describe("preferences", () => {
  it("go to the person's other devices, those of the screen do not", () => {
    const shared: string[] = [];
    prefs.onShared = (name) => shared.push(name);
    prefs.set({ theme: "dark" });
    prefs.set({ keys: { goNeeds: "x" } });
    expect(shared).toEqual(["keys"]);
    prefs.take("keys", '{"goNeeds":"y"}');
    flushSync();
    expect([prefs.values.keys["goNeeds"], shared]).toEqual(["y", ["keys"]]);
  });

  it.each(["{", "5", "null", '{"goNeeds":5}'])("that do not fit are left: %s", (json) => {
    prefs.set({ keys: { goNeeds: "x" } });
    prefs.take("keys", json);
    expect(prefs.values.keys).toEqual({ goNeeds: "x" });
  });
});

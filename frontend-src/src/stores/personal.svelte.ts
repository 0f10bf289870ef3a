import { SvelteMap } from "svelte/reactivity";
import { newId } from "../format/ids.ts";
import { isWireError } from "../wire/errors.ts";
import type { EventOf } from "../wire/client.ts";
import type { Draft, PersonalResult } from "../wire/wire.gen.ts";
import { client, type Calls } from "./client.ts";
import { FeedState } from "./feed.svelte.ts";

type Change =
  | { readonly op: "my.mark"; readonly params: { node: string; session: string; seq: number } }
  | { readonly op: "my.draft"; readonly params: { key: string; text: string; device: string } }
  | { readonly op: "my.setting"; readonly params: { name: string; value: string } };

/** Failures after which the same change may simply be sent again. */
const PASSING = ["link_lost", "timeout", "node_offline", "rate_limited", "cancelled"] as const;
const AGAIN_MS = 5000;
/** Of a draft that goes to Main: Main reads no longer frame than 1 MiB. A longer one stays on this device. */
const MOST_BYTES = 900_000;
/** Main's own bounds. */
const MOST_CHARACTERS = 262_144;
const MOST_SETTING_CHARACTERS = 8192;
/** Changes that wait; the oldest go. */
const MOST_WAITING = 500;

export function draftKey(node: string, session: string): string {
  return `${node}/${session}`;
}

/**
 * What the person keeps on Main, the same on all devices: how far they looked, drafts, settings.
 *
 * A change counts here at once. Until Main has it, it waits in `storage`, also over reloads and while nothing can be
 * reached; of one thing only the last change is sent.
 */
export class PersonalStore {
  readonly feed = new FeedState();
  /** This page; of two tabs each has its own. */
  readonly device = newId();
  readonly #marks = new SvelteMap<string, number>();
  readonly #drafts = new SvelteMap<string, Draft>();
  readonly #settings = new SvelteMap<string, string>();
  readonly #waiting = new Map<string, Change>();
  readonly #calls: Calls;
  readonly #storage: Storage;
  #prefix = "";
  #isReachable = false;
  #isSending = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #onSetting: (name: string, value: string | null) => void = () => undefined;

  constructor(calls: Calls, storage: Storage) {
    this.#calls = calls;
    this.#storage = storage;
  }

  /** `user` is who has signed in: what another person left on this device is theirs. */
  start(user: string, onSetting: (name: string, value: string | null) => void = () => undefined): void {
    this.#prefix = `switchyard.unsent.${user}.`;
    this.#onSetting = onSetting;
    for (const change of this.#load()) this.#apply(change);
    this.#calls.subscribe(
      "my.watch",
      {},
      {
        onStart: (result) => this.#begin(result),
        onEvent: (event) => this.#take(event),
        onPause: (error) => {
          this.#isReachable = false;
          this.feed.paused(error);
        },
      },
    );
  }

  /** How far the person has looked at a session, on any device; 0: not at all. */
  lookedUpTo(node: string, session: string): number {
    return this.#marks.get(draftKey(node, session)) ?? 0;
  }

  look(node: string, session: string, seq: number): void {
    if (seq > this.lookedUpTo(node, session)) this.#change({ op: "my.mark", params: { node, session, seq } });
  }

  /** What is kept under `key`; null while that is not known. `device` is empty where nothing is kept. */
  draft(key: string): { readonly text: string; readonly device: string } | null {
    const kept = this.#drafts.get(key);
    if (kept !== undefined) return { text: kept.text, device: kept.device ?? "" };
    return this.feed.hasLoaded ? { text: "", device: "" } : null;
  }

  /** False when the text is too long to be kept on Main. */
  keepDraft(key: string, text: string): boolean {
    if (!isKept(text)) return false;
    this.#change({ op: "my.draft", params: { key, text, device: this.device } });
    return true;
  }

  setting(name: string): string | null {
    return this.#settings.get(name) ?? null;
  }

  /** A value that is too long to be kept on Main holds on this device alone. */
  set(name: string, value: string): void {
    if (value.length <= MOST_SETTING_CHARACTERS) this.#change({ op: "my.setting", params: { name, value } });
  }

  #begin(result: PersonalResult): void {
    this.#marks.clear();
    this.#drafts.clear();
    this.#settings.clear();
    for (const mark of result.marks) this.#marks.set(draftKey(mark.node, mark.session), mark.seq);
    for (const draft of result.drafts) this.#drafts.set(draft.key, draft);
    for (const { name, value } of result.settings) if (value !== null) this.#settings.set(name, value);
    for (const change of this.#waiting.values()) this.#apply(change);
    this.feed.started();
    for (const [name, value] of this.#settings) this.#onSetting(name, value);
    this.#isReachable = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    void this.#flush();
  }

  #take(event: EventOf<"my.watch">): void {
    // What was changed here and waits is newer for this person than what comes.
    if (event.type === "mark") {
      const key = draftKey(event.node, event.session);
      this.#marks.set(key, Math.max(event.seq, this.#marks.get(key) ?? 0));
    } else if (event.type === "draft") {
      if (this.#waiting.has(`draft ${event.key}`)) return;
      if (event.text === "") this.#drafts.delete(event.key);
      else this.#drafts.set(event.key, event);
    } else {
      if (this.#waiting.has(`setting ${event.name}`)) return;
      if (event.value === null) this.#settings.delete(event.name);
      else this.#settings.set(event.name, event.value);
      this.#onSetting(event.name, event.value);
    }
  }

  #change(change: Change): void {
    const thing = thingOf(change);
    this.#apply(change);
    this.#waiting.delete(thing);
    this.#waiting.set(thing, change);
    this.#store(thing, change);
    for (const oldest of [...this.#waiting.keys()].slice(0, Math.max(0, this.#waiting.size - MOST_WAITING))) {
      this.#settle(oldest);
    }
    void this.#flush();
  }

  #apply(change: Change): void {
    if (change.op === "my.mark") {
      const key = draftKey(change.params.node, change.params.session);
      this.#marks.set(key, Math.max(change.params.seq, this.#marks.get(key) ?? 0));
    } else if (change.op === "my.draft") {
      // Also when it is empty: it is known to be so, whatever Main still has.
      this.#drafts.set(change.params.key, { type: "draft", ...change.params });
    } else {
      this.#settings.set(change.params.name, change.params.value);
    }
  }

  /** Sends what waits, in order, until something stops it. */
  async #flush(): Promise<void> {
    if (this.#isSending || !this.#isReachable || this.#timer !== undefined) return;
    this.#isSending = true;
    try {
      let next = this.#next();
      while (next !== undefined && (await this.#send(next[1]))) {
        // It may have changed meanwhile; then that is sent too.
        if (this.#waiting.get(next[0]) === next[1]) this.#settle(next[0]);
        next = this.#next();
      }
    } finally {
      this.#isSending = false;
    }
  }

  #next(): [string, Change] | undefined {
    return this.#isReachable ? this.#waiting.entries().next().value : undefined;
  }

  /** True when it needs not be sent again: Main has it, or will never take it. */
  async #send(change: Change): Promise<boolean> {
    try {
      await this.#calls.call(change.op, change.params);
    } catch (error) {
      if (!isWireError(error)) throw error;
      if (!isWireError(error, ...PASSING)) return true;
      this.#wait((error.retryAfter_s ?? 0) * 1000 || AGAIN_MS);
      return false;
    }
    return true;
  }

  /** Nothing is sent for so long, unless Main comes back meanwhile. */
  #wait(time_ms: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#flush();
    }, time_ms);
  }

  #settle(thing: string): void {
    this.#waiting.delete(thing);
    this.#store(thing, null);
  }

  #store(thing: string, change: Change | null): void {
    if (this.#prefix === "") return;
    try {
      if (change === null) this.#storage.removeItem(this.#prefix + thing);
      else this.#storage.setItem(this.#prefix + thing, JSON.stringify(change));
    } catch (error) {
      // Storage is full or forbidden: the change waits as long as the page lives.
      if (!(error instanceof DOMException)) throw error;
    }
  }

  #load(): Change[] {
    try {
      const things = Array.from({ length: this.#storage.length }, (_, index) => this.#storage.key(index) ?? "");
      for (const name of things.filter((one) => one.startsWith(this.#prefix))) {
        const kept = JSON.parse(this.#storage.getItem(name) ?? "null") as Change | null;
        if (kept === null) continue;
        // A draft that waited from before the reload is this page's own.
        const own = kept.op === "my.draft" ? { ...kept, params: { ...kept.params, device: this.device } } : kept;
        this.#waiting.set(name.slice(this.#prefix.length), own);
      }
    } catch (error) {
      if (!(error instanceof SyntaxError) && !(error instanceof DOMException)) throw error;
    }
    return [...this.#waiting.values()];
  }
}

function thingOf(change: Change): string {
  if (change.op === "my.mark") return `mark ${draftKey(change.params.node, change.params.session)}`;
  return change.op === "my.draft" ? `draft ${change.params.key}` : `setting ${change.params.name}`;
}

/** Whether Main keeps a draft of that length. */
export function isKept(text: string): boolean {
  if (text.length * 6 <= MOST_BYTES) return true;
  return text.length <= MOST_CHARACTERS && new TextEncoder().encode(JSON.stringify(text)).length <= MOST_BYTES;
}

export const personal = new PersonalStore(client, localStorage);

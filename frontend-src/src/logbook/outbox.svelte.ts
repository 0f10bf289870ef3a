/**
 * Prompts on their way from this device to a session's journal.
 *
 * A prompt is kept here, also over reloads and while nothing can be reached, until the node has answered that it is in
 * the journal; sending it again under the same id changes nothing. So it is never silently gone and never runs twice.
 */
import { auth } from "../stores/auth.svelte.ts";
import type { Calls } from "../stores/client.ts";
import { isWireError } from "../wire/errors.ts";
import type { Attachment } from "../wire/wire.gen.ts";

export interface Waiting {
  readonly id: string;
  readonly text: string;
  readonly attachments: readonly Attachment[];
  readonly state: "waiting" | "sending" | "failed";
  /** Why it failed for good. */
  readonly problem: string | null;
  /** The prompt itself was refused: as it is, it can never be sent. */
  readonly isRefused: boolean;
  /** Into the running turn, where the agent takes it; else it waits for the turn's end. */
  readonly isSteering?: boolean;
  /** When it was written here (ms since 1970): what waits over a reload goes in this order. */
  readonly at: number;
}

/** Failures after which the same prompt may simply be sent again. */
const PASSING = ["link_lost", "timeout", "node_offline", "rate_limited", "cancelled"] as const;

/** Failures that lie in the prompt itself. */
const REFUSED = ["invalid", "too_large"] as const;

export class Outbox {
  list: readonly Waiting[] = $state.raw([]);
  /** Each prompt has a key of its own, so that two tabs never write over each other's. */
  readonly #prefix: string;
  /** Which of them the storage has taken. */
  readonly #stored = new Set<string>();
  #isSending = false;

  constructor(
    private readonly calls: Pick<Calls, "call">,
    private readonly target: { node: string; session: string },
    private readonly storage: Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">,
  ) {
    // Another person on this device has their own.
    this.#prefix = `switchyard.outbox.${auth.user?.id ?? ""}.${target.node}/${target.session}.`;
    this.list = this.#load();
  }

  /** Keep a prompt and send it as soon as the way is free. */
  add(id: string, text: string, attachments: readonly Attachment[], isSteering = false): void {
    const at = Math.max(Date.now(), (this.list.at(-1)?.at ?? 0) + 1);
    const begun = { state: "waiting", problem: null, isRefused: false } as const;
    const prompt: Waiting = { id, text, attachments, ...begun, isSteering, at };
    this.list = [...this.list, prompt];
    this.#store(prompt);
    void this.flush();
  }

  /** The user takes a prompt back to write on; null when it is being sent or has left. */
  takeBack(id: string): Waiting | null {
    const taken = this.list.find((one) => one.id === id && one.state !== "sending") ?? null;
    if (taken !== null) this.#remove(id);
    return taken;
  }

  retry(id: string): void {
    this.#mark(id, { state: "waiting", problem: null });
    void this.flush();
  }

  /** Sends what waits, in order, until something stops it. Call it when the link or the machine has come back. */
  async flush(): Promise<void> {
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      let next = this.list.find((one) => one.state === "waiting");
      while (next !== undefined && (await this.#send(next))) next = this.list.find((one) => one.state === "waiting");
    } finally {
      this.#isSending = false;
    }
  }

  /** True when the next one may be tried. */
  async #send(prompt: Waiting): Promise<boolean> {
    if (this.#hasLeft(prompt)) {
      this.#remove(prompt.id);
      return true;
    }
    this.#mark(prompt.id, { state: "sending", problem: null });
    try {
      await this.calls.call("session.send", {
        ...this.target,
        message_id: prompt.id,
        text: prompt.text,
        attachments: [...prompt.attachments],
        ...(prompt.isSteering === true ? { delivery: "steer" as const } : {}),
      });
    } catch (error) {
      if (!isWireError(error)) throw error;
      const { message: problem } = error;
      const isPassing = isWireError(error, ...PASSING);
      if (isPassing) this.#mark(prompt.id, { state: "waiting" });
      else this.#mark(prompt.id, { state: "failed", problem, isRefused: isWireError(error, ...REFUSED) });
      return !isPassing;
    }
    this.#remove(prompt.id);
    return true;
  }

  #mark(id: string, change: Partial<Waiting>): void {
    this.list = this.list.map((one) => (one.id === id ? { ...one, ...change } : one));
    const marked = this.list.find((one) => one.id === id);
    if (marked !== undefined) this.#store(marked);
  }

  #remove(id: string): void {
    this.list = this.list.filter((one) => one.id !== id);
    this.#stored.delete(id);
    this.#tried(() => this.storage.removeItem(this.#prefix + id));
  }

  #store(prompt: Waiting): void {
    if (this.#hasLeft(prompt)) return;
    // Full or forbidden: then the prompt lives as long as the page.
    if (this.#tried(() => this.storage.setItem(this.#prefix + prompt.id, JSON.stringify(prompt)))) {
      this.#stored.add(prompt.id);
    }
  }

  /** Another tab has sent it or taken it back. */
  #hasLeft(prompt: Waiting): boolean {
    if (!this.#stored.has(prompt.id)) return false;
    try {
      return this.storage.getItem(this.#prefix + prompt.id) === null;
    } catch (error) {
      if (error instanceof DOMException) return false;
      throw error;
    }
  }

  #load(): readonly Waiting[] {
    const found: Waiting[] = [];
    this.#tried(() => {
      const names = Array.from({ length: this.storage.length }, (_, index) => this.storage.key(index) ?? "");
      for (const name of names.filter((one) => one.startsWith(this.#prefix))) {
        const kept = JSON.parse(this.storage.getItem(name) ?? "null") as Waiting | null;
        if (kept === null) continue;
        this.#stored.add(kept.id);
        // Whether one that was being sent has arrived is not known: it is sent again under its id.
        found.push(kept.state === "sending" ? { ...kept, state: "waiting" } : kept);
      }
    });
    return found.sort((one, other) => one.at - other.at);
  }

  #tried(act: () => void): boolean {
    try {
      act();
      return true;
    } catch (error) {
      if (error instanceof SyntaxError || error instanceof DOMException) return false;
      throw error;
    }
  }
}

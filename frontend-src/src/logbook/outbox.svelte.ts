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
}

/** Failures after which the same prompt may simply be sent again. */
const PASSING = ["link_lost", "timeout", "node_offline", "rate_limited", "cancelled"] as const;

/** Failures that lie in the prompt itself. */
const REFUSED = ["invalid", "too_large"] as const;

export class Outbox {
  list: readonly Waiting[] = $state.raw([]);
  readonly #key: string;
  #isSending = false;

  constructor(
    private readonly calls: Pick<Calls, "call">,
    private readonly target: { node: string; session: string },
    private readonly storage: Pick<Storage, "getItem" | "setItem" | "removeItem">,
  ) {
    // Another person on this device has their own.
    this.#key = `switchyard.outbox.${auth.user?.id ?? ""}.${target.node}/${target.session}`;
    this.list = this.#load();
  }

  /** Keep a prompt and send it as soon as the way is free. */
  add(id: string, text: string, attachments: readonly Attachment[], isSteering = false): void {
    const prompt = { id, text, attachments, state: "waiting", problem: null, isRefused: false, isSteering } as const;
    this.#keep([...this.list, prompt]);
    void this.flush();
  }

  /** The user takes a prompt back to write on; null when it is being sent or has left. */
  takeBack(id: string): Waiting | null {
    const taken = this.list.find((one) => one.id === id && one.state !== "sending") ?? null;
    if (taken !== null) this.#keep(this.list.filter((one) => one !== taken));
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
    this.#keep(this.list.filter((one) => one.id !== prompt.id));
    return true;
  }

  #mark(id: string, change: Partial<Waiting>): void {
    this.#keep(this.list.map((one) => (one.id === id ? { ...one, ...change } : one)));
  }

  #keep(list: readonly Waiting[]): void {
    this.list = list;
    try {
      if (list.length === 0) this.storage.removeItem(this.#key);
      else this.storage.setItem(this.#key, JSON.stringify(list));
    } catch (error) {
      // Storage is full or forbidden: the prompt lives as long as the page.
      if (!(error instanceof DOMException)) throw error;
    }
  }

  #load(): readonly Waiting[] {
    try {
      const kept: unknown = JSON.parse(this.storage.getItem(this.#key) ?? "[]");
      if (!Array.isArray(kept)) return [];
      // Whether one that was being sent has arrived is not known: it is sent again under its id.
      return (kept as Waiting[]).map((one) => (one.state === "sending" ? { ...one, state: "waiting" } : one));
    } catch (error) {
      if (error instanceof SyntaxError || error instanceof DOMException) return [];
      throw error;
    }
  }
}

/** An open file: its text, what the node last said of it, and saving without ever losing either side. */
import type { Calls } from "../stores/client.ts";
import { isWireError, type WireError } from "../wire/errors.ts";
import { named, type Place } from "./place.ts";

export type Saving = "idle" | "saving" | "saved" | "conflict";

export class OpenFile {
  /** The text in the editor. */
  text = $state("");
  isLoaded = $state(false);
  isTruncated = $state(false);
  size = $state(0);
  saving: Saving = $state("idle");
  savedAt: number | null = $state(null);
  /** Why it could not be read or written; the text stays. */
  problem: WireError | null = $state.raw(null);
  isGone = $state(false);
  /** Their text while a conflict is looked at. */
  theirs: string | null = $state.raw(null);
  /** Counts the texts that were set from outside, so that the editor takes them over. */
  revision = $state(0);
  #etag: string | null = null;
  #kept = $state("");
  readonly isDirty = $derived(this.isLoaded && this.text !== this.#kept);
  /** The line to show, counted from 1; null shows the beginning. */
  line: number | null = $state(null);

  constructor(
    private readonly calls: Pick<Calls, "call">,
    readonly node: string,
    readonly place: Place,
    private readonly now: () => number = Date.now,
  ) {}

  get path(): string {
    return this.place.path;
  }

  /** Read it. Drops unsaved text: ask first. */
  async load(): Promise<void> {
    await this.#try(async () => {
      const answer = await this.calls.call("files.read", { node: this.node, ...named(this.place) });
      this.#take(answer.content, answer.etag);
      this.isTruncated = answer.truncated;
      this.size = answer.size;
      this.isLoaded = true;
    });
  }

  /** Write it unless it changed on the node since it was read: then `saving` is `conflict` and nothing was written. */
  async save(): Promise<void> {
    await this.#write(this.#etag);
  }

  /** Write it whatever is there now, or make it anew. */
  async overwrite(): Promise<void> {
    await this.#write(null);
  }

  /** Fetch what is there now, to compare. */
  async showTheirs(): Promise<void> {
    await this.#try(async () => {
      this.theirs = (await this.calls.call("files.read", { node: this.node, ...named(this.place) })).content;
    });
  }

  async takeTheirs(): Promise<void> {
    await this.load();
    this.saving = "idle";
  }

  #take(text: string, etag: string): void {
    this.text = text;
    this.#kept = text;
    this.#etag = etag;
    this.theirs = null;
    this.isGone = false;
    this.revision++;
  }

  async #write(etag: string | null): Promise<void> {
    if (this.saving === "saving" || this.isTruncated) return;
    const sent = this.text;
    this.saving = "saving";
    try {
      const answer = await this.calls.call("files.write", {
        node: this.node,
        ...named(this.place),
        content: sent,
        create: etag === null,
        ...(etag === null ? {} : { if_match: etag }),
      });
      this.#etag = answer.etag;
      this.#kept = sent;
      this.size = answer.size;
      this.saving = "saved";
      this.savedAt = this.now();
      this.isGone = false;
      this.theirs = null;
      this.problem = null;
    } catch (error) {
      if (!isWireError(error)) throw error;
      this.saving = isWireError(error, "precondition_failed") ? "conflict" : "idle";
      this.isGone = isWireError(error, "not_found");
      this.problem = this.saving === "conflict" || this.isGone ? null : error;
    }
  }

  async #try(act: () => Promise<void>): Promise<void> {
    try {
      await act();
      this.problem = null;
    } catch (error) {
      if (!isWireError(error)) throw error;
      this.isGone = this.isLoaded && isWireError(error, "not_found");
      this.problem = this.isGone ? null : error;
    }
  }
}

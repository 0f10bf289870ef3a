/** What was typed and not sent: kept on this device, so that a reload loses nothing, and on Main for the others. */
import { auth } from "../stores/auth.svelte.ts";
import { draftKey, isKept, personal, type PersonalStore } from "../stores/personal.svelte.ts";

function nameOf(node: string, session: string): string {
  return `switchyard.draft.${auth.user?.id ?? ""}.${draftKey(node, session)}`;
}

export function draftOf(node: string, session: string): string {
  try {
    return localStorage.getItem(nameOf(node, session)) ?? "";
  } catch (error) {
    if (error instanceof DOMException) return "";
    throw error;
  }
}

function write(node: string, session: string, text: string): void {
  try {
    if (text === "") localStorage.removeItem(nameOf(node, session));
    else localStorage.setItem(nameOf(node, session), text);
  } catch (error) {
    // Storage is full or forbidden: the draft lives as long as the page.
    if (!(error instanceof DOMException)) throw error;
  }
}

/** Typing rests this long before it is kept: storing a long text at each key would hold up the page. */
const REST_MS = 500;

/** Keeps the draft of one session. `flush` when the page or the composer goes away. */
export class DraftKeeper {
  #pending: string | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** What this device and Main last agreed on. */
  #agreed: string;
  /** It is too long for Main. */
  #isOnlyHere: boolean;

  constructor(
    private readonly node: string,
    private readonly session: string,
    private readonly kept: Pick<PersonalStore, "draft" | "keepDraft" | "device"> = personal,
  ) {
    this.#agreed = draftOf(node, session);
    this.#isOnlyHere = !isKept(this.#agreed);
  }

  /** An empty draft is forgotten at once: what was sent must not come back. */
  keep(text: string): void {
    clearTimeout(this.#timer);
    this.#pending = text === this.#agreed ? null : text;
    if (text === "") this.flush();
    else this.#timer = setTimeout(() => this.flush(), REST_MS);
  }

  flush(): void {
    clearTimeout(this.#timer);
    if (this.#pending === null) return;
    write(this.node, this.session, this.#pending);
    this.#agreed = this.#pending;
    this.#isOnlyHere = !this.kept.keepDraft(draftKey(this.node, this.session), this.#pending);
    this.#pending = null;
  }

  /**
   * What was written on another device and takes the place of `text`; null when nothing does.
   *
   * Never while somebody writes here, and never in the place of what has not been kept yet.
   */
  fromElsewhere(text: string, isWriting: boolean): string | null {
    const there = this.kept.draft(draftKey(this.node, this.session));
    if (there === null || there.device === this.kept.device || there.text === text) return null;
    if (this.#isOnlyHere || text !== this.#agreed || (isWriting && text !== "")) return null;
    this.#agreed = there.text;
    write(this.node, this.session, there.text);
    return there.text;
  }
}

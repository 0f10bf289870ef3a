/** What was typed and not sent, kept on this device so that a reload loses nothing. */

function keyOf(node: string, session: string): string {
  return `switchyard.draft.${node}/${session}`;
}

export function draftOf(node: string, session: string): string {
  try {
    return localStorage.getItem(keyOf(node, session)) ?? "";
  } catch (error) {
    if (error instanceof DOMException) return "";
    throw error;
  }
}

function write(node: string, session: string, text: string): void {
  try {
    if (text === "") localStorage.removeItem(keyOf(node, session));
    else localStorage.setItem(keyOf(node, session), text);
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

  constructor(
    private readonly node: string,
    private readonly session: string,
  ) {}

  /** An empty draft is forgotten at once: what was sent must not come back. */
  keep(text: string): void {
    this.#pending = text;
    clearTimeout(this.#timer);
    if (text === "") this.flush();
    else this.#timer = setTimeout(() => this.flush(), REST_MS);
  }

  flush(): void {
    clearTimeout(this.#timer);
    if (this.#pending !== null) write(this.node, this.session, this.#pending);
    this.#pending = null;
  }
}

/** Markdown for the log: the parser and the grammars come when they are first needed, and the log shows them then. */
import type * as Markdown from "./markdown.ts";

/** Finished pieces kept as HTML, so that scrolling back parses nothing again; the oldest goes first. */
const MAX_KEPT = 400;
/** A longer piece is parsed again rather than kept. */
const MAX_KEPT_CHARS = 20_000;

class Rendering {
  #markdown: typeof Markdown | null = $state.raw(null);
  #hasColours = $state(false);
  #isLoading = false;
  readonly #kept = new Map<string, string>();

  /** Safe HTML for a piece of Markdown; null while the parser is on its way. `isFinal`: it will not grow any more. */
  html(text: string, isFinal: boolean): string | null {
    const markdown = this.#markdown;
    if (markdown === null) {
      this.#load();
      return null;
    }
    if (!this.#hasColours && text.includes("```")) this.#loadColours(markdown);
    const kept = this.#kept.get(text);
    if (kept !== undefined) return kept;
    const html = markdown.renderMarkdown(text);
    if (isFinal && text.length <= MAX_KEPT_CHARS) this.#keep(text, html);
    return html;
  }

  #keep(text: string, html: string): void {
    this.#kept.set(text, html);
    const oldest = this.#kept.keys().next();
    if (this.#kept.size > MAX_KEPT && oldest.done !== true) this.#kept.delete(oldest.value);
  }

  #load(): void {
    if (this.#isLoading) return;
    this.#isLoading = true;
    void import("./markdown.ts").then((module) => {
      this.#markdown = module;
    });
  }

  #loadColours(markdown: typeof Markdown): void {
    void markdown.loadHighlighter().then(() => {
      this.#kept.clear();
      this.#hasColours = true;
    });
  }
}

export const rendering = new Rendering();

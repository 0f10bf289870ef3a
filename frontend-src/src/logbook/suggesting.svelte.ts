/** What the composer offers while a command, or the name of a file or a session is typed. */
import type { Calls } from "../stores/client.ts";
import { nodes } from "../stores/nodes.svelte.ts";
import type { SessionSummary, SlashCommand } from "../wire/wire.gen.ts";
import { commandOffers, fileOffers, sessionOffers, tokenAt, type Offer } from "./completion.ts";

export class Suggesting {
  offers: readonly Offer[] = $state.raw([]);
  /** Index of the offer that Enter takes. */
  chosen = $state(0);
  #asking: AbortController | null = null;

  constructor(
    private readonly calls: Pick<Calls, "call">,
    private readonly node: string,
  ) {}

  get current(): Offer | undefined {
    return this.offers[this.chosen];
  }

  clear(): void {
    this.#asking?.abort();
    this.offers = [];
  }

  move(step: 1 | -1): void {
    this.chosen = (this.chosen + this.offers.length + step) % this.offers.length;
  }

  /** Offers for what stands before the caret; nothing when that is neither a command nor a file. */
  async ask(
    text: string,
    caret: number,
    folder: string,
    commands: readonly SlashCommand[],
    sessions: readonly SessionSummary[] = [],
  ): Promise<void> {
    this.#asking?.abort();
    const token = tokenAt(text, caret);
    this.chosen = 0;
    if (token === null) {
      this.offers = [];
      return;
    }
    if (token.kind === "command") {
      this.offers = commandOffers(commands, token.text);
      return;
    }
    const mine = new AbortController();
    this.#asking = mine;
    const found = await fileOffers(this.calls, this.node, folder, token.text, mine.signal);
    if (mine.signal.aborted) return;
    this.offers = [...found, ...sessionOffers(sessions, token.text, (node) => nodes.nameOf(node))];
  }

  /** The text with the offer in place of what was typed, and where the caret goes; null when nothing is typed there. */
  static taken(text: string, caret: number, offer: Offer): { text: string; caret: number } | null {
    const token = tokenAt(text, caret);
    if (token === null) return null;
    return {
      text: text.slice(0, token.from) + offer.insert + text.slice(token.to),
      caret: token.from + offer.insert.length,
    };
  }
}

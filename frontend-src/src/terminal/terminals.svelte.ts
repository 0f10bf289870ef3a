/** The terminals of one folder of one machine, as the panel shows them. */
import { isWireError, type WireError } from "../wire/errors.ts";
import type { Calls } from "../stores/client.ts";
import type { Terminal } from "../wire/wire.gen.ts";

/** The size before the window's is known; the first fit corrects it. */
const FIRST_SIZE = { cols: 100, rows: 30 };

export class Terminals {
  list: readonly Terminal[] = $state.raw([]);
  isLoaded = $state(false);
  problem: WireError | null = $state.raw(null);
  chosen: string | null = $state(null);
  /** Those whose end was seen here. */
  readonly #ended = new Set<string>();
  /** Of these the ones that the node has let go. */
  #kept: ReadonlySet<string> = new Set();
  readonly current = $derived(this.list.find((terminal) => terminal.terminal === this.chosen));

  constructor(
    private readonly calls: Pick<Calls, "call">,
    readonly node: string,
    readonly path: string,
  ) {}

  /** Ask the node; keeps what is shown when it cannot answer. */
  async refresh(): Promise<void> {
    await this.#try(async () => {
      const { terminals } = await this.calls.call("terminal.list", { node: this.node, path: this.path });
      const known = new Set(terminals.map((terminal) => terminal.terminal));
      const over = this.list.filter((terminal) => this.#ended.has(terminal.terminal) && !known.has(terminal.terminal));
      this.#kept = new Set(over.map((terminal) => terminal.terminal));
      const kept = over.map((terminal) => ({ ...terminal, running: false }));
      this.list = [...kept, ...terminals].sort((a, b) => a.created.localeCompare(b.created));
      this.isLoaded = true;
      if (this.current === undefined) this.chosen = this.list.at(-1)?.terminal ?? null;
    });
  }

  /** Its program has ended before one's eyes: its last screen stays until it is closed here. */
  async ended(terminal: string): Promise<void> {
    this.#ended.add(terminal);
    await this.refresh();
  }

  /** Start a login shell, or the same program again. */
  async open(like?: Terminal): Promise<void> {
    await this.#try(async () => {
      const { terminal } = await this.calls.call("terminal.open", {
        node: this.node,
        path: like?.path ?? this.path,
        ...FIRST_SIZE,
        ...(like === undefined ? {} : { name: like.name }),
      });
      if (like !== undefined) this.#ended.delete(like.terminal);
      await this.refresh();
      this.chosen = terminal;
    });
  }

  async close(terminal: string): Promise<void> {
    this.#ended.delete(terminal);
    // One that is kept only here is no matter of the node any more.
    if (!this.#kept.has(terminal)) {
      await this.#try(async () => {
        await this.calls.call("terminal.close", { node: this.node, terminal });
      });
    }
    await this.refresh();
  }

  async rename(terminal: string, name: string): Promise<void> {
    await this.#try(async () => {
      await this.calls.call("terminal.rename", { node: this.node, terminal, name });
      await this.refresh();
    });
  }

  async #try(act: () => Promise<void>): Promise<void> {
    try {
      await act();
      this.problem = null;
    } catch (error) {
      if (!isWireError(error)) throw error;
      this.problem = error;
    }
  }
}

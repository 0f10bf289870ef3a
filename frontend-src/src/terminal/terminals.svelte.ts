/** The terminals of one folder of a machine, or of all of it, as they are now. */
import { shownName } from "../format/names.ts";
import { isWireError, type WireError } from "../wire/errors.ts";
import type { Calls } from "../stores/client.ts";
import type { Terminal } from "../wire/wire.gen.ts";

/** The size before the window's is known; the first fit corrects it. */
const FIRST_SIZE = { cols: 100, rows: 30 };

/** Which terminal was looked at last, by machine and folder: panels come and go. */
const looked = new Map<string, string>();

/** The panel of that folder shows this terminal when it opens. */
export function lookAt(node: string, path: string, terminal: string): void {
  looked.set(`${node}\n${path}`, terminal);
}

export class Terminals {
  list: readonly Terminal[] = $state.raw([]);
  isLoaded = $state(false);
  problem: WireError | null = $state.raw(null);
  #chosen: string | null = $state(null);
  /** What an address has named last: when it is gone that is said, and nothing else is shown in its place. */
  #linked: string | null = $state(null);
  /** Gone from the machine while one looked at it: its last screen stays until it is closed here. */
  #kept: Terminal | null = null;
  /** Closed here, so that it goes without a word. */
  readonly #closed = new Set<string>();

  /** `path`: only those of that folder; null for all of the machine. `linked` is shown first, by an address. */
  constructor(
    private readonly calls: Calls,
    readonly node: string,
    readonly path: string | null,
    linked: string | null = null,
  ) {
    this.#linked = linked;
    this.#chosen = linked ?? (path === null ? null : (looked.get(`${node}\n${path}`) ?? null));
  }

  /** An address names this one. */
  follow(terminal: string): void {
    if (terminal === this.#chosen) return;
    this.#linked = terminal;
    this.chosen = terminal;
  }

  /** The address names one that is not there. */
  get isGone(): boolean {
    return this.isLoaded && this.current === undefined && this.#chosen !== null && this.#chosen === this.#linked;
  }

  get chosen(): string | null {
    return this.#chosen;
  }

  set chosen(terminal: string | null) {
    this.#chosen = terminal;
    if (terminal !== null && this.path !== null) lookAt(this.node, this.path, terminal);
  }

  get current(): Terminal | undefined {
    return this.list.find((terminal) => terminal.terminal === this.#chosen);
  }

  /** Keeps the list as the machine has it until the returned function is called. */
  watch(): () => void {
    const subscription = this.calls.subscribe("terminal.watch", this.#where, {
      onStart: ({ terminals }) => {
        this.problem = null;
        this.#show(terminals);
      },
      onEvent: (event) => {
        const id = event.type === "terminal" ? event.terminal.terminal : event.id;
        const there = this.list.filter((one) => one.terminal !== id && one !== this.#kept);
        this.#show(event.type === "terminal" ? [...there, event.terminal] : there);
      },
      onPause: (error) => {
        // A machine with an older version tells its list only when it is asked.
        if (error?.code === "unsupported") void this.refresh();
        // What is shown stays while the machine is away, which the page tells once for all of it.
        else if (error !== null && !(error.code === "node_offline" && this.isLoaded)) this.problem = error;
      },
    });
    return () => subscription.close();
  }

  /** Ask the node; keeps what is shown when it cannot answer. */
  async refresh(): Promise<void> {
    await this.#try(async () => {
      this.#show((await this.calls.call("terminal.list", this.#where)).terminals);
    });
  }

  /** Start a login shell; it is shown. */
  async open(path = this.path ?? "/", name?: string): Promise<string | null> {
    return this.#try(async () => {
      const params = { node: this.node, path, ...FIRST_SIZE, ...(name === undefined ? {} : { name }) };
      const { terminal } = await this.calls.call("terminal.open", params);
      this.chosen = terminal;
      await this.refresh();
      return terminal;
    });
  }

  /** Its program again, in the same place; a machine with an older version starts a shell that takes it. */
  async again(terminal: Terminal): Promise<void> {
    await this.#try(async () => {
      const { node } = this;
      try {
        await this.calls.call("terminal.restart", { node, terminal: terminal.terminal });
      } catch (error) {
        if (!isWireError(error, "unsupported")) throw error;
        await this.open(terminal.path, terminal.name);
        await this.calls.call("terminal.close", { node, terminal: terminal.terminal });
      }
      await this.refresh();
    });
  }

  async close(terminal: string): Promise<void> {
    this.#closed.add(terminal);
    if (this.#kept?.terminal === terminal) {
      this.#show(this.list.filter((one) => one !== this.#kept));
      return;
    }
    await this.#try(async () => {
      await this.calls.call("terminal.close", { node: this.node, terminal });
      await this.refresh();
    });
  }

  async rename(terminal: string, name: string): Promise<void> {
    await this.#try(async () => {
      await this.calls.call("terminal.rename", { node: this.node, terminal, name });
      await this.refresh();
    });
  }

  get #where(): { node: string; path?: string } {
    return { node: this.node, ...(this.path === null ? {} : { path: this.path }) };
  }

  /** `there` are those of the machine. */
  #show(there: readonly Terminal[]): void {
    const before = this.list.findIndex((terminal) => terminal.terminal === this.#chosen);
    const was = this.list[before];
    const isThere = there.some((terminal) => terminal.terminal === this.#chosen);
    this.#kept = isThere || was === undefined || this.#closed.has(was.terminal) ? null : { ...was, running: false };
    // Anybody may have named them.
    const named = there.map((terminal) => ({ ...terminal, name: shownName(terminal.name) }));
    this.list = [...named, ...(this.#kept === null ? [] : [this.#kept])].sort(
      (a, b) => a.created.localeCompare(b.created) || a.terminal.localeCompare(b.terminal),
    );
    // One that was just opened is told of in a moment; one that has gone leaves its place to its neighbour.
    const isFirst = !this.isLoaded && this.#chosen !== this.#linked;
    if (this.current === undefined && (before >= 0 || this.#chosen === null || isFirst))
      this.#chosen = (this.list[before] ?? this.list.at(-1))?.terminal ?? null;
    this.isLoaded = true;
  }

  async #try<T>(act: () => Promise<T>): Promise<T | null> {
    try {
      const answer = await act();
      this.problem = null;
      return answer;
    } catch (error) {
      if (!isWireError(error)) throw error;
      this.problem = error;
      return null;
    }
  }
}

import { Backoff } from "./backoff.ts";
import { isWireError, WireError } from "./errors.ts";

export interface Handlers<Result, Event> {
  /** The stream begins, at first and again after every break; `result` says where. */
  onStart?: (result: Result) => void;
  onEvent: (event: Event) => void;
  /** No events come for now; `error` is null when only the link broke. It is tried again unless the failure is final. */
  onPause?: (error: WireError | null) => void;
}

export interface Subscription {
  close: () => void;
}

/** `onAnswer` is called at once when the answer is read: the first events may stand right behind it. */
type Request = (op: string, params: object, onAnswer: (id: number, result: unknown) => void) => Promise<unknown>;

/** Failures that trying again cannot mend. */
export const FINAL = ["invalid", "unauthorized", "forbidden", "not_found", "unsupported"] as const;

interface Entry {
  op: string;
  params: () => object;
  handlers: Handlers<unknown, unknown>;
  unsubscribe: (id: number) => void;
  /** Id of the call that opened it; null while it is not open. */
  id: number | null;
  isOpening: boolean;
  isClosed: boolean;
  backoff: Backoff;
  openedAt: number;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** The subscriptions of one client: opened when the link opens, asked for again from the reader's cursor when they end. */
export class SubscriptionSet {
  readonly #request: Request;
  readonly #entries = new Set<Entry>();
  readonly #byId = new Map<number, Entry>();

  constructor(request: Request) {
    this.#request = request;
  }

  add(
    op: string,
    params: () => object,
    handlers: Handlers<unknown, unknown>,
    unsubscribe: (id: number) => void,
  ): Subscription {
    const entry: Entry = {
      op,
      params,
      handlers,
      unsubscribe,
      id: null,
      isOpening: false,
      isClosed: false,
      backoff: new Backoff(),
      openedAt: 0,
      timer: undefined,
    };
    this.#entries.add(entry);
    return {
      close: () => {
        if (entry.isClosed) return;
        const { id } = entry;
        this.#forget(entry);
        if (id !== null) unsubscribe(id);
      },
    };
  }

  /** Opens all that are neither open nor waiting for their next attempt. */
  openAll(): void {
    for (const entry of this.#entries) {
      if (entry.id === null && !entry.isOpening && entry.timer === undefined) void this.#open(entry);
    }
  }

  onNotification(method: string, params: { subscription?: number; event?: unknown; error?: unknown }): void {
    const entry = params.subscription === undefined ? undefined : this.#byId.get(params.subscription);
    if (entry === undefined) return;
    if (method === "event") {
      entry.handlers.onEvent(params.event);
      return;
    }
    if (method !== "lagging" && method !== "ended") return;
    this.#ended(entry);
    if (method === "lagging") void this.#open(entry);
    else this.#failed(entry, WireError.fromData(params.error as Parameters<typeof WireError.fromData>[0]));
  }

  /** The link broke: everything is to be opened again when it is back. */
  onBreak(): void {
    for (const entry of this.#entries) {
      const wasOpen = entry.id !== null;
      this.#ended(entry);
      clearTimeout(entry.timer);
      entry.timer = undefined;
      if (wasOpen) entry.handlers.onPause?.(null);
    }
  }

  closeAll(): void {
    for (const entry of [...this.#entries]) this.#forget(entry);
  }

  async #open(entry: Entry): Promise<void> {
    entry.isOpening = true;
    try {
      await this.#request(entry.op, entry.params(), (id, result) => this.#opened(entry, id, result));
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      // A broken link opens all again by itself.
      if (!entry.isClosed && !isWireError(error, "link_lost")) this.#failed(entry, error);
    } finally {
      entry.isOpening = false;
    }
  }

  #opened(entry: Entry, id: number, result: unknown): void {
    if (entry.isClosed) {
      entry.unsubscribe(id);
      return;
    }
    entry.id = id;
    entry.openedAt = Date.now();
    this.#byId.set(id, entry);
    entry.handlers.onStart?.(result);
  }

  #failed(entry: Entry, error: WireError): void {
    entry.handlers.onPause?.(error);
    if (isWireError(error, ...FINAL)) return;
    const lived_ms = entry.openedAt === 0 ? 0 : Date.now() - entry.openedAt;
    entry.openedAt = 0;
    entry.timer = setTimeout(() => {
      entry.timer = undefined;
      if (!entry.isClosed && entry.id === null) void this.#open(entry);
    }, entry.backoff.wait_ms(lived_ms));
  }

  #ended(entry: Entry): void {
    if (entry.id !== null) this.#byId.delete(entry.id);
    entry.id = null;
  }

  #forget(entry: Entry): void {
    entry.isClosed = true;
    clearTimeout(entry.timer);
    this.#ended(entry);
    this.#entries.delete(entry);
  }
}

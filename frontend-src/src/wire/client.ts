/** Typed calls and subscriptions over the one socket of the page. */
import { WireError } from "./errors.ts";
import { encodeCall, encodeNotification, type Frame } from "./frames.ts";
import { Link, type LinkOptions, type LinkState } from "./link.ts";
import { SubscriptionSet, type Handlers, type Subscription } from "./subscriptions.ts";
import { DEADLINE_S, type Ops } from "./wire.gen.ts";

export type Op = keyof Ops;
/** Ops that have events. */
export type Feed = { [K in Op]: Ops[K] extends { event: unknown } ? K : never }[Op];
export type EventOf<K extends Feed> = Ops[K] extends { event: infer E } ? E : never;

export interface CallOptions {
  /** Aborting rejects with `cancelled` and tells Main. */
  signal?: AbortSignal;
  /** Overrides the table's deadline; in seconds. */
  deadline_s?: number;
}

export interface ClientOptions extends Pick<LinkOptions, "dial" | "onRefused" | "backoff"> {
  /** Whether probes are worth their bytes now; false in a hidden tab. */
  isVisible?: () => boolean;
  probeEvery_ms?: number;
  probeDeadline_s?: number;
}

interface Pending {
  method: string;
  text: string;
  isSent: boolean;
  resolve: (value: unknown) => void;
  reject: (error: WireError) => void;
}

/** The table's deadlines; `unsubscribe` is no op of the table. */
const DEADLINES_S: Partial<Record<string, number>> = DEADLINE_S;
const PROBE_EVERY_MS = 15_000;
const PROBE_DEADLINE_S = 8;
/** The page waits this much longer than Main, whose own `timeout` says more. */
const GRACE_S = 1;

export class Client {
  readonly #link: Link;
  readonly #options: ClientOptions;
  readonly #pending = new Map<number, Pending>();
  readonly #subscriptions: SubscriptionSet;
  readonly #listeners = new Set<(state: LinkState) => void>();
  #nextId = 1;
  #probeTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#link = new Link({
      dial: options.dial,
      onFrame: (frame) => this.#onFrame(frame),
      onState: (state) => this.#onState(state),
      ...(options.onRefused && { onRefused: options.onRefused }),
      ...(options.backoff && { backoff: options.backoff }),
    });
    this.#subscriptions = new SubscriptionSet((op, params, onAnswer) => this.#request(op, params, {}, onAnswer));
  }

  get link(): LinkState {
    return this.#link.state;
  }

  start(): void {
    this.#link.start();
  }

  stop(): void {
    clearTimeout(this.#probeTimer);
    this.#subscriptions.closeAll();
    this.#link.stop();
  }

  /** Calls `listener` on every change of the link's state until the returned function is called. */
  onLink(listener: (state: LinkState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Calls `op`. A call made while the link is down waits for it, within its deadline.
   *
   * Rejects with `WireError`: what Main answered, `timeout`, `cancelled`, or `link_lost` when the link broke after
   * the call had been sent, so that nobody knows whether it was done.
   */
  call<K extends Op>(op: K, params: Ops[K]["params"], options: CallOptions = {}): Promise<Ops[K]["result"]> {
    return this.#request(op, params, options) as Promise<Ops[K]["result"]>;
  }

  /**
   * Subscribes to `op` and subscribes again after every break, lag or end, until closed.
   *
   * `params` may be a function: it is asked each time, so that it can carry the reader's cursor.
   */
  subscribe<K extends Feed>(
    op: K,
    params: Ops[K]["params"] | (() => Ops[K]["params"]),
    handlers: Handlers<Ops[K]["result"], EventOf<K>>,
  ): Subscription {
    const next = typeof params === "function" ? params : () => params;
    const subscription = this.#subscriptions.add(op, next, handlers as Handlers<unknown, unknown>, (id) => {
      if (this.#link.state.isOpen) {
        this.#request("unsubscribe", { subscription: id }, {}).catch(() => undefined);
      }
    });
    if (this.#link.state.isOpen) this.#subscriptions.openAll();
    return subscription;
  }

  /** The device woke or came online: dial now, or ask at once whether the open link still lives. */
  wake(): void {
    if (this.#link.state.isOpen) void this.#probe();
    else this.#link.retryNow();
  }

  #request(
    method: string,
    params: object,
    options: CallOptions,
    onAnswer?: (id: number, result: unknown) => void,
  ): Promise<unknown> {
    const id = this.#nextId++;
    const deadline_s = options.deadline_s ?? DEADLINES_S[method] ?? 10;
    return new Promise((resolve, reject) => {
      const finish = () => {
        clearTimeout(timer);
        this.#pending.delete(id);
        options.signal?.removeEventListener("abort", onAbort);
      };
      const fail = (error: WireError) => {
        finish();
        reject(error);
      };
      const onAbort = () => {
        if (pending.isSent) this.#link.send(encodeNotification("cancel", { id }));
        fail(new WireError("cancelled", "Cancelled."));
      };
      const timer = setTimeout(
        () => {
          const detail = pending.isSent
            ? `Main did not answer within ${deadline_s} s.`
            : "Main cannot be reached from this page at the moment.";
          fail(new WireError(pending.isSent ? "timeout" : "link_lost", detail, { isRetryable: true }));
        },
        (deadline_s + GRACE_S) * 1000,
      );
      const pending: Pending = {
        method,
        text: encodeCall(id, method, params),
        isSent: false,
        resolve: (value) => {
          finish();
          onAnswer?.(id, value);
          resolve(value);
        },
        reject: fail,
      };
      if (options.signal?.aborted === true) {
        onAbort();
        return;
      }
      options.signal?.addEventListener("abort", onAbort);
      this.#pending.set(id, pending);
      pending.isSent = this.#link.send(pending.text);
    });
  }

  #onFrame(frame: Frame): void {
    if (frame.method !== undefined) {
      this.#subscriptions.onNotification(frame.method, frame.params ?? {});
      return;
    }
    if (typeof frame.id !== "number") return;
    const pending = this.#pending.get(frame.id);
    if (pending === undefined) return;
    if (frame.error === undefined) pending.resolve(frame.result);
    else if (frame.error.data === undefined) pending.reject(new WireError("internal", frame.error.message));
    else pending.reject(WireError.fromData(frame.error.data));
  }

  #onState(state: LinkState): void {
    for (const listener of this.#listeners) listener(state);
    if (state.isOpen) this.#opened();
    else this.#broken();
  }

  #opened(): void {
    if (this.#probeTimer !== undefined) return;
    for (const pending of this.#pending.values()) {
      if (!pending.isSent) pending.isSent = this.#link.send(pending.text);
    }
    this.#subscriptions.openAll();
    this.#scheduleProbe();
  }

  #broken(): void {
    clearTimeout(this.#probeTimer);
    this.#probeTimer = undefined;
    this.#subscriptions.onBreak();
    for (const pending of [...this.#pending.values()]) {
      if (pending.isSent) {
        pending.reject(new WireError("link_lost", "The link to Main broke before the answer came. Try again."));
      }
    }
  }

  #scheduleProbe(): void {
    clearTimeout(this.#probeTimer);
    this.#probeTimer = setTimeout(() => {
      this.#scheduleProbe();
      if (this.#options.isVisible?.() ?? true) void this.#probe();
    }, this.#options.probeEvery_ms ?? PROBE_EVERY_MS);
  }

  async #probe(): Promise<void> {
    const begun = performance.now();
    try {
      await this.call("nodes.list", {}, { deadline_s: this.#options.probeDeadline_s ?? PROBE_DEADLINE_S });
      this.#link.noteRoundTrip(performance.now() - begun);
    } catch (error) {
      if (error instanceof WireError && error.code === "timeout") this.#link.drop();
    }
  }
}

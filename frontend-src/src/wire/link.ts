import { Backoff } from "./backoff.ts";
import { decodeFrames, type Frame } from "./frames.ts";

/** What is known of the way from the page to Main; times are milliseconds of `Date.now()`. */
export interface LinkState {
  readonly isOpen: boolean;
  /** When it became open, or when it broke. */
  readonly since: number;
  /** When Main was last heard; null before the first word. */
  readonly lastHeard: number | null;
  /** Round trip of the last probe through the link. */
  readonly rtt_ms: number | null;
  /** When the next attempt begins; null while open or dialling. */
  readonly nextTry: number | null;
}

export interface LinkOptions {
  /** Makes a socket that is about to open. */
  dial: () => WebSocket;
  onFrame: (frame: Frame) => void;
  onState: (state: LinkState) => void;
  /** Dialling failed before the socket opened: Main is away, or the login has ended. The browser does not say which. */
  onRefused?: () => void;
  backoff?: Backoff;
}

/** A dial that has not opened by then is given up. */
const OPEN_DEADLINE_MS = 10_000;
/** Close code of Main for a login that has ended. */
export const REVOKED = 4401;

/** One WebSocket, dialled again for ever until `stop`. */
export class Link {
  readonly #options: LinkOptions;
  readonly #backoff: Backoff;
  #socket: WebSocket | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isStopped = true;
  #openedAt = 0;
  #state: LinkState = { isOpen: false, since: Date.now(), lastHeard: null, rtt_ms: null, nextTry: null };

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#backoff = options.backoff ?? new Backoff();
  }

  get state(): LinkState {
    return this.#state;
  }

  start(): void {
    this.#isStopped = false;
    this.#dial();
  }

  /** Closes for good. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#detach()?.close(1000);
    if (this.#state.isOpen) this.#tell({ isOpen: false, since: Date.now(), nextTry: null });
  }

  /** Dials at once instead of at `nextTry`. */
  retryNow(): void {
    if (this.#isStopped || this.#socket !== null) return;
    clearTimeout(this.#timer);
    this.#dial();
  }

  /** The socket is taken for dead though it never said so: forget it and dial. */
  drop(): void {
    const socket = this.#detach();
    if (socket === null) return;
    socket.close();
    this.#ended();
  }

  /** False when the link is not open; nothing is kept for later. */
  send(text: string): boolean {
    if (!this.#state.isOpen || this.#socket === null) return false;
    this.#socket.send(text);
    return true;
  }

  noteRoundTrip(rtt_ms: number): void {
    this.#tell({ rtt_ms });
  }

  #dial(): void {
    const socket = this.#options.dial();
    this.#socket = socket;
    this.#tell({ nextTry: null });
    this.#timer = setTimeout(() => this.drop(), OPEN_DEADLINE_MS);
    socket.onopen = () => {
      clearTimeout(this.#timer);
      this.#openedAt = Date.now();
      this.#tell({ isOpen: true, since: this.#openedAt, lastHeard: this.#openedAt });
    };
    socket.onmessage = (message: MessageEvent<unknown>) => {
      if (typeof message.data !== "string") return;
      // Written without telling: a listener per frame would make streaming cost a render.
      this.#state = { ...this.#state, lastHeard: Date.now() };
      for (const frame of decodeFrames(message.data)) this.#options.onFrame(frame);
    };
    socket.onclose = (event: CloseEvent) => {
      this.#detach();
      this.#ended(event.code === REVOKED);
    };
  }

  #detach(): WebSocket | null {
    const socket = this.#socket;
    this.#socket = null;
    clearTimeout(this.#timer);
    if (socket !== null) {
      socket.onopen = null;
      socket.onmessage = null;
      socket.onclose = null;
    }
    return socket;
  }

  #ended(isRefused = false): void {
    const now = Date.now();
    const wasOpen = this.#state.isOpen;
    const wait = this.#backoff.wait_ms(wasOpen ? now - this.#openedAt : 0);
    if (!this.#isStopped) this.#timer = setTimeout(() => this.#dial(), wait);
    this.#tell({
      isOpen: false,
      since: wasOpen ? now : this.#state.since,
      nextTry: this.#isStopped ? null : now + wait,
    });
    if (!wasOpen || isRefused) this.#options.onRefused?.();
  }

  #tell(change: Partial<LinkState>): void {
    this.#state = { ...this.#state, ...change };
    this.#options.onState(this.#state);
  }
}

/**
 * The page's end of one terminal: attach, credit, re-attach from the exact byte.
 *
 * Offsets count output bytes of the terminal's whole life. `received` is the offset of the next byte that the socket
 * will bring; `parsed` how far the emulator has really consumed. Only parsed bytes are acknowledged, because the node
 * lets at most 256 KiB be under way beyond that.
 */
import { terminalWords } from "../strings/terminal.ts";
import { socketAt } from "../wire/base.ts";
import type { Attached, Exit, Lead, Resize, Resized, Skipped, StreamFault } from "../wire/wire.gen.ts";

/** Acknowledge at least this often: a quarter of the node's 256 KiB window. */
const ACK_EVERY_BYTES = 64 * 1024;
/** A rest that is smaller is acknowledged when output has paused this long, so that no reader looks stalled. */
const ACK_REST_MS = 1000;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 15_000;
/** A connection that lived this long starts the back-off anew. */
const HEALTHY_MS = 10_000;
const NORMAL_CLOSURE = 1000;

/** A long paste goes in pieces: the node takes no frame of more than 1 MiB. */
const INPUT_FRAME_BYTES = 64 * 1024;
/** Strokes and pastes that wait for the first attach; more are dropped. */
const EARLY_KEYS = 256;

export type ConnectionState =
  | { kind: "connecting" }
  | { kind: "attached" }
  | { kind: "lost"; since: number; nextTry: number; why: string | null }
  | { kind: "ended"; code: number | null; signal: string | null }
  | { kind: "refused"; code: string; detail: string };

/**
 * The emulator. `write` calls `parsed` once the bytes are consumed; `notice` prints one line of ours. While it is mute
 * the emulator paints and answers nothing that a program asks: the output was shown before, or another window answers.
 * `resized` is the terminal's size from here on; it `isOwn` when this window has room for just that.
 */
export interface Screen {
  write(data: Uint8Array, isMute: boolean, parsed: () => void): void;
  notice(kind: "skipped", bytes: number): void;
  resized(cols: number, rows: number, isOwn: boolean): void;
}

/** What a browser's WebSocket offers, as far as it is used here. */
export interface SocketLike {
  binaryType: string;
  readyState: number;
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number): void;
}

export interface Surroundings {
  open(after: number | null): SocketLike;
  now(): number;
  setTimer(run: () => void, delayMs: number): number;
  clearTimer(timer: number): void;
  random(): number;
}

type Frame = Attached | Exit | Lead | Resized | Skipped | StreamFault;

interface Size {
  cols: number;
  rows: number;
}

/** Faults that trying again may mend: everything else is final. */
const PASSING = new Set(["node_offline", "rate_limited", "timeout"]);
const OPEN = 1;
const encoder = new TextEncoder();

/** What the node gives terminals. Beyond it stands one that would have the page take all memory. */
const MOST_CHARACTERS = 1000;
const isPossible = ({ cols, rows }: Size): boolean =>
  [cols, rows].every((each) => Number.isInteger(each) && each >= 1 && each <= MOST_CHARACTERS);
/** The longest preamble of a node, as the contract has it (`Attached`). */
const PREAMBLE_CHARACTERS = 16_384;
const isSame = (one: Size | null, other: Size): boolean => one?.cols === other.cols && one.rows === other.rows;

export class TerminalConnection {
  state: ConnectionState = { kind: "connecting" };
  mayType = true;
  /** This window answers what programs ask, and its size counts once somebody has typed here. */
  leads = false;

  #socket: SocketLike | null = null;
  #received: number | null = null;
  #parsed = 0;
  /** Output before this byte was shown to somebody before. */
  #replayedTo = 0;
  #acknowledged = 0;
  #attempt = 0;
  #attachedAt = 0;
  /** Typed before the first attach. */
  readonly #early: Uint8Array<ArrayBuffer>[] = [];
  #lostSince: number | null = null;
  #retry: number | null = null;
  #rest: number | null = null;
  #fault: StreamFault | null = null;
  #exit: Exit | null = null;
  #isClosed = false;
  /** What this window has room for, and what the terminal has. */
  #size: Size | null = null;
  #shown: Size | null = null;
  /** Sizes of ours that the node has heard, and may still make the terminal's. */
  #proposed: Size[] = [];
  /** The node tells every size. An older one expects windows to take their own. */
  #isTold = true;
  /** Whether questions are answered in the output that comes next, and from where on that changes. */
  #answers = true;
  #changes: Lead[] = [];

  constructor(
    private readonly screen: Screen,
    private readonly around: Surroundings,
    private readonly onState: (state: ConnectionState) => void,
  ) {}

  /** Begin. */
  connect(): void {
    this.#dial();
  }

  /** Try at once, when the page has reason to believe that the network is back. */
  hurry(): void {
    if (this.state.kind === "lost") this.#dial();
  }

  /** Once more after a refusal, because somebody asks for it. */
  retry(): void {
    if (this.state.kind === "refused") this.#dial();
  }

  /**
   * Bytes typed or pasted. What is typed while the first attach is under way follows it; later, when not attached, they
   * are dropped: what was typed into a dead screen must not run later.
   */
  type(bytes: Uint8Array<ArrayBuffer>): boolean {
    if (this.state.kind === "connecting" && this.#early.length < EARLY_KEYS) {
      this.#early.push(bytes);
      return true;
    }
    if (this.state.kind !== "attached" || !this.mayType) return false;
    for (let start = 0; start < bytes.length; start += INPUT_FRAME_BYTES)
      this.#socket?.send(bytes.subarray(start, start + INPUT_FRAME_BYTES));
    return true;
  }

  /**
   * This window has room for so many characters; told again after each attach. `isClaim`: the terminal shall have this
   * size, as if something was typed here.
   */
  resize(cols: number, rows: number, isClaim = false): void {
    const size = { cols, rows };
    if (isSame(this.#size, size) && !isClaim) return;
    this.#size = size;
    if (!this.#isTold) {
      this.#shown = size;
      this.#answers = true;
    }
    if (!this.mayType || isSame(this.#shown, size)) this.#tellSize();
    this.#sendSize(isClaim ? "yes" : "no");
  }

  /** Its program was started again while nobody here was attached. */
  again(): void {
    if (this.state.kind !== "ended" || this.#socket !== null) return;
    this.#exit = null;
    this.#dial();
  }

  /** Leave; the terminal lives on. */
  close(): void {
    this.#isClosed = true;
    this.#clearTimers();
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(NORMAL_CLOSURE);
  }

  #enter(state: ConnectionState): void {
    if (state.kind !== "connecting" && state.kind !== "attached") this.#early.length = 0;
    this.state = state;
    this.onState(state);
  }

  #clearTimers(): void {
    if (this.#retry !== null) this.around.clearTimer(this.#retry);
    if (this.#rest !== null) this.around.clearTimer(this.#rest);
    this.#retry = null;
    this.#rest = null;
  }

  #dial(): void {
    this.#clearTimers();
    if (this.#isClosed) return;
    this.#fault = null;
    const socket = this.around.open(this.#received);
    socket.binaryType = "arraybuffer";
    socket.onmessage = (event) => {
      if (socket === this.#socket) this.#take(event.data);
    };
    socket.onclose = () => {
      if (socket === this.#socket) this.#lost();
    };
    const previous = this.#socket;
    this.#socket = socket;
    if (previous !== null) previous.close();
    if (this.state.kind !== "lost") this.#enter({ kind: "connecting" });
  }

  #take(data: unknown): void {
    if (data instanceof ArrayBuffer) this.#output(new Uint8Array(data));
    else if (typeof data === "string") this.#frame(JSON.parse(data) as Frame);
  }

  #output(bytes: Uint8Array): void {
    for (let rest = bytes; rest.length > 0;) {
      const at = this.#received ?? 0;
      for (let change = this.#changes[0]; change !== undefined && change.from <= at; change = this.#changes[0]) {
        this.#answers = change.leads;
        this.#changes.shift();
      }
      const isOld = at < this.#replayedTo;
      const end = Math.min(at + rest.length, isOld ? this.#replayedTo : Infinity, this.#changes[0]?.from ?? Infinity);
      this.#show(rest.subarray(0, end - at), isOld || !this.#answers);
      rest = rest.subarray(end - at);
    }
  }

  #show(bytes: Uint8Array, isMute: boolean): void {
    const end = (this.#received ?? 0) + bytes.length;
    this.#received = end;
    this.screen.write(bytes, isMute, () => {
      this.#consumed(end);
    });
  }

  #consumed(end: number): void {
    this.#parsed = Math.max(this.#parsed, end);
    if (this.#parsed - this.#acknowledged >= ACK_EVERY_BYTES) this.#acknowledge();
    else
      this.#rest ??= this.around.setTimer(() => {
        this.#acknowledge();
      }, ACK_REST_MS);
  }

  #acknowledge(): void {
    if (this.#rest !== null) this.around.clearTimer(this.#rest);
    this.#rest = null;
    if (this.#parsed <= this.#acknowledged || this.#socket?.readyState !== OPEN) return;
    this.#acknowledged = this.#parsed;
    this.#socket.send(JSON.stringify({ type: "ack", offset: this.#parsed }));
  }

  #sendSize(claim: NonNullable<Resize["claim"]>): void {
    if (this.#size === null || this.state.kind !== "attached" || !this.mayType) return;
    this.#proposed.push(this.#size);
    this.#socket?.send(JSON.stringify({ type: "resize", ...this.#size, claim }));
  }

  /** Sizes come in the order in which the node has heard of them, so ours before one that came back is settled. */
  #resized(size: Size): void {
    if (!isPossible(size)) return;
    this.#shown = size;
    const heard = this.#proposed.findIndex((each) => isSame(each, size));
    const isOnItsWay = heard >= 0 && this.#isTold;
    if (isOnItsWay) this.#proposed.splice(0, heard);
    this.#tellSize(isOnItsWay);
  }

  #tellSize(isOnItsWay = false): void {
    if (this.#shown === null) return;
    const isOwn = isOnItsWay || this.#size === null || isSame(this.#size, this.#shown);
    this.screen.resized(this.#shown.cols, this.#shown.rows, isOwn);
  }

  #frame(frame: Frame): void {
    if ("preamble" in frame && (frame.preamble?.length ?? 0) > PREAMBLE_CHARACTERS) {
      this.#refuse();
      return;
    }
    switch (frame.type) {
      case "attached":
        this.#attached(frame);
        break;
      case "skipped":
        this.screen.notice("skipped", frame.to - frame.from);
        this.#jump(frame.to, frame.preamble);
        break;
      case "lead":
        this.leads = frame.leads;
        this.#changes.push(frame);
        break;
      case "resized":
        if (!this.#isTold) this.#answers = false;
        this.#resized(frame);
        break;
      case "exit":
        this.#exit = frame;
        this.#enter({ kind: "ended", code: frame.code, signal: frame.signal });
        break;
      case "error":
        this.#fault = frame;
        break;
    }
  }

  /** The node is broken or worse: no acknowledgement bounds what it has the emulator parse this way. */
  #refuse(): void {
    const socket = this.#socket;
    this.#socket = null;
    this.#clearTimers();
    socket?.close(NORMAL_CLOSURE);
    this.#enter({ kind: "refused", code: "too_large", detail: terminalWords.preambleTooLong });
  }

  #attached(frame: Attached): void {
    if (this.#received !== null && frame.offset > this.#received)
      this.screen.notice("skipped", frame.offset - this.#received);
    // Who led before its line broke, or the terminal was started again, leads on unless somebody typed elsewhere.
    const hasLed = this.leads;
    this.mayType = frame.may_type;
    this.#isTold = "leads" in frame;
    this.leads = this.#answers = this.#isTold ? frame.leads : true;
    this.#changes = [];
    this.#proposed = [];
    if (isPossible(frame)) this.#shown = { cols: frame.cols, rows: frame.rows };
    this.#tellSize(this.leads || hasLed);
    if (frame.offset !== this.#received) this.#jump(frame.offset, frame.preamble);
    // The node counts from the offset at which this socket attached.
    this.#acknowledged = Math.min(this.#parsed, frame.offset);
    this.#replayedTo = frame.replayed_to;
    this.#attachedAt = this.around.now();
    this.#lostSince = null;
    this.#exit = null;
    this.#enter({ kind: "attached" });
    this.#sendSize(hasLed ? "again" : "no");
    this.#acknowledge();
    for (const bytes of this.#early.splice(0)) this.type(bytes);
  }

  /**
   * The next byte is that of `offset`; nothing before it is still to come. `preamble` makes up for what is not seen; an
   * older node sends none.
   */
  #jump(offset: number, preamble: string | null | undefined): void {
    if (preamble) this.screen.write(encoder.encode(preamble), true, () => undefined);
    this.#received = offset;
    this.#parsed = offset;
    this.#acknowledged = offset;
  }

  #lost(): void {
    this.#socket = null;
    this.#clearTimers();
    if (this.#isClosed || this.#exit !== null) return;
    const fault = this.#fault;
    if (fault !== null && !PASSING.has(fault.code)) {
      this.#enter({ kind: "refused", code: fault.code, detail: fault.detail });
      return;
    }
    const now = this.around.now();
    if (this.#attachedAt !== 0 && now - this.#attachedAt >= HEALTHY_MS) this.#attempt = 0;
    this.#attachedAt = 0;
    this.#lostSince ??= now;
    const delay = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#attempt) * (0.5 + this.around.random() / 2);
    this.#attempt = Math.min(this.#attempt + 1, 10);
    this.#retry = this.around.setTimer(() => {
      this.#dial();
    }, delay);
    // Of a machine that is away the page tells above, with what to do, which here is done.
    const why = fault === null || fault.code === "node_offline" ? null : fault.detail;
    this.#enter({ kind: "lost", since: this.#lostSince, nextTry: now + delay, why });
  }
}

/** The real surroundings: a WebSocket to `/ws/terminal` under the page's base. */
export function browserSurroundings(node: string, terminal: string): Surroundings {
  return {
    open(after) {
      const query = new URLSearchParams({ node, terminal });
      if (after !== null) query.set("after", String(after));
      return new WebSocket(`${socketAt("ws/terminal")}?${query.toString()}`) as SocketLike;
    },
    now: () => Date.now(),
    setTimer: (run, delayMs) => window.setTimeout(run, delayMs),
    clearTimer: (timer) => {
      window.clearTimeout(timer);
    },
    random: () => Math.random(),
  };
}

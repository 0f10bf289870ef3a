/** A file on its way that goes on by itself when the connection breaks, from where the machine has it. */
import type { Calls } from "../stores/client.ts";
import { filesWords as words } from "../strings/files.ts";
import { isWireError, WireError } from "../wire/errors.ts";
import type { FilesPartialResult } from "../wire/wire.gen.ts";
import { named } from "./place.ts";
import { sendFile, type Sending, type Send, type Sent } from "./sending.ts";

export interface Continued extends Sending {
  upload: string;
  /** It was tried before: the machine may have a part of it. */
  isAgain: boolean;
  /** Whether it waits for the connection to come back. */
  onBreak?: (isBroken: boolean) => void;
}

export type SendOn = (sending: Continued) => Sent;

/** Breaks in a row without a byte more at the machine, and questions in a row without an answer. */
const MOST_BREAKS = 5;
const MOST_QUESTIONS = 40;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Whether to ask and go on; a conflict that passes by itself is an offset that is no longer right. */
function isBreak(error: unknown): boolean {
  return (
    isWireError(error, "link_lost", "node_offline", "timeout") || (isWireError(error, "conflict") && error.isRetryable)
  );
}

class Way {
  isCancelled = false;
  #running: Sent | null = null;
  #breaks = 0;
  #reached = 0;

  constructor(
    private readonly sending: Continued,
    private readonly calls: Pick<Calls, "call">,
    private readonly send: Send,
    private readonly pause: (ms: number) => Promise<void>,
  ) {}

  async run(): Promise<void> {
    let offset = this.sending.isAgain ? await this.#ask() : 0;
    while (offset !== null) {
      try {
        this.#check();
        this.#running = this.send(this.sending, offset);
        await this.#running.done;
        return;
      } catch (error) {
        this.#check();
        if (!isBreak(error) || ++this.#breaks > MOST_BREAKS) throw error;
      }
      this.sending.onBreak?.(true);
      offset = await this.#ask();
      this.sending.onBreak?.(false);
    }
  }

  cancel(): void {
    this.isCancelled = true;
    this.#running?.cancel();
    // What has come of it need not wait for its time to run out.
    this.#call(true).catch((error: unknown) => {
      if (!isWireError(error)) throw error;
    });
  }

  /** How many bytes the machine has; null when the whole is in its place already. */
  async #ask(): Promise<number | null> {
    let wait = FIRST_PAUSE_MS;
    for (let questions = 1; ; questions++) {
      await this.pause(wait);
      this.#check();
      try {
        const { size, etag } = await this.#call(false);
        this.#check();
        if (size > this.#reached) this.#breaks = 0;
        this.#reached = size;
        return etag == null ? size : null;
      } catch (error) {
        // A machine that is too old for the question takes the whole anew.
        if (isWireError(error, "unsupported")) return 0;
        if (!isBreak(error) && !isWireError(error, "rate_limited")) throw error;
        if (questions >= MOST_QUESTIONS) throw error;
      }
      wait = Math.min(wait * 2, LONGEST_PAUSE_MS);
    }
  }

  #call(discard: boolean): Promise<FilesPartialResult> {
    const { node, place, upload } = this.sending;
    return this.calls.call("files.partial", { node, ...named(place), upload, discard });
  }

  #check(): void {
    if (this.isCancelled) throw new WireError("cancelled", words.uploadStates.cancelled);
  }
}

/** Sends with `send` until the file is whole, nothing of it is to be had, or it was cancelled. */
export function continued(calls: Pick<Calls, "call">, send: Send = sendFile, pause = sleep): SendOn {
  return (sending) => {
    const way = new Way(sending, calls, send, pause);
    return { done: way.run(), cancel: () => way.cancel() };
  };
}

/** Answering one approval: armed only after a moment, sent once, and told when another answer was first. */
import type { Calls } from "../stores/client.ts";
import { isWireError } from "../wire/errors.ts";
import type { Ops } from "../wire/wire.gen.ts";

/** Taps that were meant for what stood here before must not answer. */
const ARMED_AFTER_MS = 400;

export type AnswerParams = Omit<Ops["session.answer"]["params"], "node" | "session" | "approval">;

export class Answering {
  /** The option on its way. */
  busy: string | null = $state(null);
  /** Why it could not be answered, or who was first. */
  problem: string | null = $state(null);
  isOver = $state(false);
  #shownAt: number;
  #place = 0;

  constructor(
    private readonly calls: Pick<Calls, "call">,
    private readonly target: { node: string; session: string; approval: string },
    private readonly now: () => number = () => performance.now(),
  ) {
    this.#shownAt = now();
  }

  /** Where it stands on the screen: a tap that was on its way when it moved there is not for it. */
  standsAt(place: number): void {
    if (place === this.#place) return;
    this.#place = place;
    this.#shownAt = this.now();
  }

  /** True when this answer is the one that counts. */
  async answer(params: AnswerParams): Promise<boolean> {
    if (this.busy !== null || this.isOver || this.now() - this.#shownAt < ARMED_AFTER_MS) return false;
    this.busy = params.option;
    this.problem = null;
    try {
      await this.calls.call("session.answer", { ...this.target, ...params });
      this.isOver = true;
      return true;
    } catch (error) {
      if (!isWireError(error)) throw error;
      this.problem = error.message;
      this.isOver = isWireError(error, "conflict", "not_found");
      return false;
    } finally {
      this.busy = null;
    }
  }
}

/** Answering one approval: armed only after a moment, sent once, and told when another answer was first. */
import type { Calls } from "../stores/client.ts";
import { isWireError } from "../wire/errors.ts";
import type { Ops } from "../wire/wire.gen.ts";
import { Arming } from "./arming.svelte.ts";

export type AnswerParams = Omit<Ops["session.answer"]["params"], "node" | "session" | "approval">;

export class Answering {
  /** The option on its way. */
  busy: string | null = $state(null);
  /** Why it could not be answered, or who was first. */
  problem: string | null = $state(null);
  isOver = $state(false);
  readonly #arming = new Arming();
  #place = 0;

  constructor(
    private readonly calls: Pick<Calls, "call">,
    private readonly target: { node: string; session: string; approval: string },
  ) {}

  /** Whether a press on its own buttons counts. */
  get isArmed(): boolean {
    return this.#arming.isArmed;
  }

  /** Where it stands on the screen: a tap that was on its way when it moved there is not for it. */
  standsAt(place: number): void {
    if (place === this.#place) return;
    this.#place = place;
    this.#arming.again();
  }

  close(): void {
    this.#arming.close();
  }

  /** True when this answer is the one that counts. Whoever calls has seen to it that the press was meant. */
  async answer(params: AnswerParams): Promise<boolean> {
    if (this.busy !== null || this.isOver) return false;
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

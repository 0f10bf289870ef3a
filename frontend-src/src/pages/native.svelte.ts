/** Whether a session is one that an agent has by itself, and whether somebody has it open in a terminal. */
import type { Calls } from "../stores/client.ts";
import { isWireError } from "../wire/errors.ts";

export class NativeState {
  is = $state(false);
  isRunningElsewhere = $state(false);

  constructor(
    private readonly calls: Pick<Calls, "call">,
    private readonly node: string,
    private readonly session: string,
  ) {}

  /** Asks the machine. A failure leaves what was known: the log of the session tells of it. */
  async look(): Promise<void> {
    try {
      const state = await this.calls.call("session.get", { node: this.node, session: this.session });
      this.is = state.status === "native";
      this.isRunningElsewhere = state.is_running_elsewhere ?? false;
    } catch (error) {
      if (!isWireError(error)) throw error;
    }
  }
}

import type { WireError } from "../wire/errors.ts";

/** Where a list that is kept by a subscription stands. */
export class FeedState {
  /** True once a whole answer has come; it stays true over breaks, when what is shown may be stale. */
  hasLoaded = $state(false);
  /** Why nothing comes at the moment, when Main said so. */
  problem: WireError | null = $state.raw(null);

  started(): void {
    this.hasLoaded = true;
    this.problem = null;
  }

  paused(error: WireError | null): void {
    this.problem = error;
  }
}

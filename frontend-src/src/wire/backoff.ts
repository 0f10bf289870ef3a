const FIRST_MS = 500;
const LAST_MS = 15_000;
/** A link that lived this long was healthy: the next break is a new one and begins at `FIRST_MS` again. */
const HEALTHY_MS = 10_000;

/** How long to wait before the next attempt: 0.5 s doubling to 15 s, each within ±25 % so that pages do not dial in step. */
export class Backoff {
  readonly #random: () => number;
  #next_ms = FIRST_MS;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** The wait after a link that lived `lived_ms` (0 for one that never opened). */
  wait_ms(lived_ms: number): number {
    if (lived_ms >= HEALTHY_MS) this.#next_ms = FIRST_MS;
    const wait = this.#next_ms * (0.75 + this.#random() / 2);
    this.#next_ms = Math.min(LAST_MS, this.#next_ms * 2);
    return wait;
  }
}

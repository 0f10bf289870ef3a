import { createSubscriber } from "svelte/reactivity";

/** A clock that ticks only while something on the page shows it. */
class Clock {
  readonly #subscribe: () => void;

  constructor(every_ms: number) {
    this.#subscribe = createSubscriber((update) => {
      const timer = setInterval(update, every_ms);
      // The timers of a page that nobody sees, or of a computer that sleeps, stand still.
      document.addEventListener("visibilitychange", update);
      return () => {
        clearInterval(timer);
        document.removeEventListener("visibilitychange", update);
      };
    });
  }

  /** Milliseconds since 1970; whoever reads it while rendering is rendered again at the next tick. */
  get now(): number {
    this.#subscribe();
    return Date.now();
  }
}

/** For ages ("3 min"). */
export const minutes = new Clock(20_000);
/** For running clocks ("0:42"). */
export const seconds = new Clock(1000);

import { isWireError, type WireError } from "../wire/errors.ts";

/** One act of a person at a time: busy while it runs, and the sentence when it failed. */
export class Act {
  isBusy = $state(false);
  failure: WireError | null = $state.raw(null);

  get problem(): string | null {
    return this.failure?.message ?? null;
  }

  /** Runs `work`; true when it was done. A failure of the wire is kept to be shown, any other is thrown. */
  async run(work: () => Promise<unknown>): Promise<boolean> {
    if (this.isBusy) return false;
    this.isBusy = true;
    this.failure = null;
    try {
      await work();
      return true;
    } catch (error) {
      if (!isWireError(error)) throw error;
      this.failure = error;
      return false;
    } finally {
      this.isBusy = false;
    }
  }

  clear(): void {
    this.failure = null;
  }
}

/** A list or a value that is asked for when somebody looks, and again on `load`. */
export class Asked<T> {
  /** The last answer; kept while a newer one is fetched or cannot be had. */
  value: T | null = $state.raw(null);
  failure: WireError | null = $state.raw(null);
  readonly #ask: () => Promise<T>;
  #asked = 0;

  constructor(ask: () => Promise<T>) {
    this.#ask = ask;
  }

  get problem(): string | null {
    return this.failure?.message ?? null;
  }

  /** True while there is neither an answer nor a failure. */
  get isLoading(): boolean {
    return this.value === null && this.failure === null;
  }

  /** Asks; of two at once the later one counts. */
  async load(): Promise<void> {
    const number = ++this.#asked;
    try {
      const value = await this.#ask();
      if (number !== this.#asked) return;
      this.value = value;
      this.failure = null;
    } catch (error) {
      if (!isWireError(error)) throw error;
      if (number === this.#asked) this.failure = error;
    }
  }
}

/** What takes no press for a moment: a tap that was on its way to what stood there before is not meant for it. */
export const ARMED_AFTER_MS = 400;

export class Arming {
  /** Whether a press counts. What does not take one yet shows that it does not. */
  isArmed = $state(false);
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.again();
  }

  /** Something else stands there now. */
  again(): void {
    this.isArmed = false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.isArmed = true), ARMED_AFTER_MS);
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}

/** What goes on while one is elsewhere on the page: told in one line, set by the part that does it. */
export interface UnderWay {
  text: string;
  /** Whether it waits for a word of the person. */
  needsYou: boolean;
  show: () => void;
}

class UnderWayStore {
  current: UnderWay | null = $state.raw(null);
}

export const underWay = new UnderWayStore();

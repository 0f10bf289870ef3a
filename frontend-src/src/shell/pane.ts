/** The pane that a part of the page stands in: of several side by side, one is the one that keys and the panel act on. */
import { getContext, setContext } from "svelte";

export interface Pane {
  readonly isActive: boolean;
  /** How many stand side by side or behind each other; 1 where a page has only one. */
  readonly count: number;
  /** Whether the panel stands in it; several panes share one that stands beside them all. */
  readonly hasPanel: boolean;
  /** Closes it, where it is not the only one. */
  readonly close: () => void;
  /** The name of a part of it, told from the same part of the others. */
  readonly named: (part: string) => string;
}

const KEY = Symbol("pane");
const ALONE: Pane = { isActive: true, count: 1, hasPanel: true, close: () => undefined, named: (part) => part };

/** Call while the component that is the pane is set up. */
export function providePane(pane: Pane): void {
  setContext(KEY, pane);
}

/** Call while a component is set up. */
export function usePane(): Pane {
  return getContext<Pane | undefined>(KEY) ?? ALONE;
}

/** What another part of the page wants the Files panel to show. */
import type { Place } from "./place.ts";

export interface Wish {
  node: string;
  /** A file to open, or null to search in contents. */
  place: Place | null;
  /** Counts from 1. */
  line?: number;
}

class Opening {
  /** Taken by the panel as soon as it is there. */
  wish: Wish | null = $state.raw(null);
  /** Whether the field that finds files by name is open. */
  isFinding = $state(false);
}

export const opening = new Opening();

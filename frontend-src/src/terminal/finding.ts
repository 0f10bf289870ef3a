/** Search in what a terminal keeps; a chunk of its own, fetched with the first search. */
import { SearchAddon, type ISearchOptions } from "@xterm/addon-search";
import type { Terminal } from "@xterm/xterm";

import { resolvedColours } from "../styles/colours.ts";

/** More are found but neither counted nor marked. */
const MOST_MARKED = 1000;

export interface Wanted {
  text: string;
  isCase: boolean;
  isRegex: boolean;
}

/** `at` counts from 1; 0 where none is chosen. `isMore` when there are more than `count`. */
export interface Found {
  at: number;
  count: number;
  isMore: boolean;
}

export class Finder {
  readonly #addon = new SearchAddon({ highlightLimit: MOST_MARKED });
  #last: Wanted | null = null;
  onFound: (found: Found) => void = () => undefined;

  constructor(terminal: Terminal) {
    terminal.loadAddon(this.#addon);
    this.#addon.onDidChangeResults(({ resultIndex, resultCount }) => {
      this.onFound({ at: resultIndex + 1, count: resultCount, isMore: resultCount >= MOST_MARKED });
    });
  }

  /** The match above what is chosen, from the bottom at first; round at the top. */
  up(wanted: Wanted): boolean {
    return this.#addon.findPrevious(wanted.text, this.#optionsOf(wanted));
  }

  down(wanted: Wanted): boolean {
    return this.#addon.findNext(wanted.text, this.#optionsOf(wanted));
  }

  /** Takes the marks away; what is chosen stays selected, so that it can be copied. */
  leave(): void {
    this.#addon.clearDecorations();
  }

  #optionsOf(wanted: Wanted): ISearchOptions {
    // The addon counts anew for another text only: its marks of the other way of searching have to go first.
    if (this.#last?.isCase !== wanted.isCase || this.#last.isRegex !== wanted.isRegex) this.#addon.clearDecorations();
    this.#last = wanted;
    return optionsOf(wanted);
  }
}

function optionsOf(wanted: Wanted): ISearchOptions {
  const colours = resolvedColours();
  return {
    caseSensitive: wanted.isCase,
    regex: wanted.isRegex,
    decorations: {
      matchBorder: colours.edge,
      matchOverviewRuler: colours.edge,
      activeMatchBackground: colours["accent-wash"],
      activeMatchBorder: colours.accent,
      activeMatchColorOverviewRuler: colours.accent,
    },
  };
}

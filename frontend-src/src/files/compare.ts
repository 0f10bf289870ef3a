/** Two texts side by side; a chunk of its own, because few ever need it. */
import { MergeView } from "@codemirror/merge";

import { base } from "./editor.ts";

/** Theirs on the left, mine on the right, to look at. Returns how to take it away again. */
export function compare(parent: HTMLElement, theirs: string, mine: string, labels: [string, string]): () => void {
  const view = new MergeView({
    parent,
    a: { doc: theirs, extensions: base(labels[0], true) },
    b: { doc: mine, extensions: base(labels[1], true) },
    collapseUnchanged: { margin: 3, minSize: 6 },
  });
  return () => view.destroy();
}

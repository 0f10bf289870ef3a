import { newId } from "../format/ids.ts";

const SHOWN_MS = 8000;

export interface Undo {
  readonly id: string;
  readonly text: string;
  readonly undo: () => void;
}

/** Acts that can still be taken back. Toasts are for nothing else. */
class UndoStore {
  list: readonly Undo[] = $state.raw([]);

  offer(text: string, undo: () => void): void {
    const id = newId();
    this.list = [...this.list, { id, text, undo }];
    setTimeout(() => this.drop(id), SHOWN_MS);
  }

  drop(id: string): void {
    this.list = this.list.filter((one) => one.id !== id);
  }
}

export const undos = new UndoStore();

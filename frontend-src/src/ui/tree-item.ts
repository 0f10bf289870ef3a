/** A row of `Tree.svelte`. */
export interface TreeItem {
  id: string;
  /** 1 for the outermost. */
  level: number;
  label: string;
  /** Null for a leaf. */
  isOpen: boolean | null;
  href: string;
}

import { MARKS } from "./icons.ts";

/** The mark chosen for a machine, else one that follows from its id and so is the same in every browser. */
export function markOf(node: string, chosen: Readonly<Record<string, number>>): number {
  const own = chosen[node];
  if (own !== undefined && own >= 0 && own < MARKS) return own;
  let hash = 0;
  for (const char of node) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) >>> 0;
  return hash % MARKS;
}

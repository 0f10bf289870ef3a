/** Which part of the way from the page to an agent is broken, if any. The first broken part hides those behind it. */
import type { LinkState } from "../wire/link.ts";
import type { Node } from "../wire/wire.gen.ts";

/** A link that broke this short a time ago is not worth alarming anybody. */
export const PATIENCE_MS = 1500;

export type Broken =
  | { part: "main"; since: number; nextTry: number | null; isFirst: boolean }
  | { part: "node"; name: string; lastSeen: string | null; isKnown: boolean };

export interface Way {
  link: LinkState;
  hasOpened: boolean;
  /** The machine that is on screen, if one is; `node` is undefined when Main does not know it (any more). */
  shown: { id: string; node: Node | undefined; isListLoaded: boolean } | null;
  now: number;
}

export function brokenPart(way: Way): Broken | null {
  const { link, shown } = way;
  if (!link.isOpen) {
    if (way.now - link.since < PATIENCE_MS) return null;
    return { part: "main", since: link.since, nextTry: link.nextTry, isFirst: !way.hasOpened };
  }
  if (shown === null || !shown.isListLoaded || shown.node?.status === "online") return null;
  return {
    part: "node",
    name: shown.node?.name ?? shown.id,
    lastSeen: shown.node?.last_seen ?? null,
    isKnown: shown.node !== undefined,
  };
}

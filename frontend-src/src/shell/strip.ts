/** Which part of the way from the page to an agent is broken, if any. The first broken part hides those behind it. */
import type { LinkState } from "../wire/link.ts";
import type { Node } from "../wire/wire.gen.ts";

/** A link that broke this short a time ago is not worth alarming anybody. */
export const PATIENCE_MS = 1500;

/** So long an agent's program may take to start before that is worth a word. */
export const AGENT_PATIENCE_MS = 3000;

export type Broken =
  | { part: "main"; since: number; nextTry: number | null; isFirst: boolean }
  | { part: "node"; name: string; lastSeen: string | null; isKnown: boolean }
  | { part: "agent"; isStarting: boolean };

export interface Way {
  link: LinkState;
  hasOpened: boolean;
  /** The machine that is on screen, if one is; `node` is undefined when Main does not know it (any more). */
  shown: { id: string; node: Node | undefined; isListLoaded: boolean } | null;
  /** The program of the agent whose turn runs on screen, and since when (ms since 1970) it is so; null without one. */
  agent: { process: "none" | "starting" | "live"; since: number } | null;
  now: number;
}

export function brokenPart(way: Way): Broken | null {
  const { link, shown } = way;
  if (!link.isOpen) {
    if (way.now - link.since < PATIENCE_MS) return null;
    return { part: "main", since: link.since, nextTry: link.nextTry, isFirst: !way.hasOpened };
  }
  if (shown === null || !shown.isListLoaded) return null;
  if (shown.node?.status === "online") {
    const { agent } = way;
    if (agent === null || agent.process === "live" || way.now - agent.since < AGENT_PATIENCE_MS) return null;
    return { part: "agent", isStarting: agent.process === "starting" };
  }
  return {
    part: "node",
    name: shown.node?.name ?? shown.id,
    lastSeen: shown.node?.last_seen ?? null,
    isKnown: shown.node !== undefined,
  };
}

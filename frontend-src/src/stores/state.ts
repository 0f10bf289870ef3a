/** States as the page shows them, and how a level takes the worst of its children. */
import type { Node, SessionSummary } from "../wire/wire.gen.ts";

/** In order, worst first. */
export const STATES = ["needs", "failed", "running", "done", "offline", "idle"] as const;
export type State = (typeof STATES)[number];

export function worst(states: Iterable<State>): State {
  let found: number = STATES.length - 1;
  for (const state of states) found = Math.min(found, STATES.indexOf(state));
  return STATES[found] ?? "idle";
}

/** `done` = ended and not seen yet. A cached row of an offline machine is offline whatever it was. */
export function sessionState(session: SessionSummary): State {
  if (session.stale === true) return "offline";
  if (session.pending_approvals > 0 || session.status === "waiting") return "needs";
  if (session.status === "failed") return session.unread ? "failed" : "idle";
  if (session.status === "running") return "running";
  return session.unread ? "done" : "idle";
}

export function nodeState(node: Node, sessions: readonly SessionSummary[]): State {
  return node.status === "offline" ? "offline" : worst(sessions.map(sessionState));
}

/** What waits for an answer, for who may give it. */
import type { InboxItem, SessionSummary } from "../wire/wire.gen.ts";
import { auth } from "./auth.svelte.ts";
import { nodes } from "./nodes.svelte.ts";

function mayAnswerOn(node: string): boolean {
  return auth.canActOn(nodes.byId.get(node));
}

/** Those that the person may answer. */
export function answerable(items: readonly InboxItem[]): readonly InboxItem[] {
  return items.filter((item) => mayAnswerOn(item.session.node));
}

/** The session for who is signed in: one that waits for somebody else's answer is under way. */
export function forMe(session: SessionSummary): SessionSummary {
  const isWaiting = session.pending_approvals > 0 || session.status === "waiting";
  if (!isWaiting || mayAnswerOn(session.node)) return session;
  return { ...session, pending_approvals: 0, status: session.status === "waiting" ? "running" : session.status };
}

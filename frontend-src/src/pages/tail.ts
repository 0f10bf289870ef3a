/** The end of a session's journal, for what the inbox does not carry: the differences of a call, who answered. */
import type { Calls } from "../stores/client.ts";
import type { JournalEvent } from "../stores/facts.ts";
import type { ToolBlock } from "../stores/blocks.ts";
import { isWireError } from "../wire/errors.ts";
import type { ApprovalRequested, ApprovalResolved } from "../wire/wire.gen.ts";

/** How far back is looked: an ask and its call stand near the end while it waits, and just after. */
const LOOKED_BACK = 100;

interface Target {
  node: string;
  session: string;
}

/** The last events, oldest first; none when the machine cannot say. */
async function tailOf(calls: Pick<Calls, "call">, target: Target): Promise<readonly JournalEvent[]> {
  try {
    const { head } = await calls.call("session.get", target);
    return (await calls.call("session.events", { ...target, before: head + 1, limit: LOOKED_BACK })).events;
  } catch (error) {
    if (!isWireError(error)) throw error;
    return [];
  }
}

/** What became of an ask; null when that is not known. */
export async function resolutionOf(
  calls: Pick<Calls, "call">,
  target: Target,
  approval: string,
): Promise<ApprovalResolved | null> {
  for (const event of await tailOf(calls, target)) {
    if (event.type === "approval_resolved" && event.approval === approval) return event;
  }
  return null;
}

/** What the call that is asked for has told of itself so far. */
export async function contentOf(
  calls: Pick<Calls, "call">,
  target: Target,
  request: ApprovalRequested,
): Promise<ToolBlock["content"]> {
  if (request.tool_call_id == null) return [];
  let content: ToolBlock["content"] = [];
  for (const event of await tailOf(calls, target)) {
    if (event.type === "tool_call_update" && event.tool_call_id === request.tool_call_id) content = event.content;
  }
  return content;
}

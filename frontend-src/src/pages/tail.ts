/** The end of a session's journal, for what the inbox does not carry: the differences of a call, who answered. */
import type { Calls } from "../stores/client.ts";
import type { JournalEvent } from "../stores/facts.ts";
import type { AskBlock, ToolBlock } from "../stores/blocks.ts";
import { isFragment, placedIn } from "../logbook/asked.ts";
import { isWireError } from "../wire/errors.ts";
import type { ApprovalRequested } from "../wire/wire.gen.ts";

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

/** Whether the node restarted with that ask open: then what was open was withdrawn just before the turn ended. */
function isLostAt(events: readonly JournalEvent[], index: number): boolean {
  const next = events.slice(index).find((event) => event.type !== "approval_resolved" || event.outcome !== "withdrawn");
  return next?.type === "turn_ended" && next.stop_reason === "node_restarted";
}

/** What became of an ask; null when that is not known. */
export async function resolutionOf(
  calls: Pick<Calls, "call">,
  target: Target,
  approval: string,
): Promise<Pick<AskBlock, "resolution" | "isLost"> | null> {
  const events = await tailOf(calls, target);
  const index = events.findIndex((event) => event.type === "approval_resolved" && event.approval === approval);
  const event = events[index];
  if (event?.type !== "approval_resolved") return null;
  return { resolution: event, ...(isLostAt(events, index) ? { isLost: true } : {}) };
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

/**
 * The differences of what is asked for, as far as they are known: of the whole file where the call has told them or the
 * file can be read, so that the lines have their numbers.
 */
export async function differencesOf(
  calls: Pick<Calls, "call">,
  target: Target,
  request: ApprovalRequested,
): Promise<ToolBlock["content"]> {
  const told = await contentOf(calls, target, request);
  const path = request.input["file_path"];
  if (told.some((part) => part.type === "diff") || !isFragment(request) || typeof path !== "string") return told;
  try {
    const { content, truncated } = await calls.call("files.read", { node: target.node, path });
    const placed = truncated ? null : placedIn(content, request);
    return placed === null ? told : [...told, placed];
  } catch (error) {
    if (!isWireError(error)) throw error;
    return told;
  }
}

/** The facts of a session that its journal decides: what `session.get` answers, folded from the same events. */
import type {
  ApprovalRequested,
  ForkPoint,
  PlanEntry,
  QueuedPrompt,
  SessionEventsResult,
  SessionState,
  Turn,
  Usage,
} from "../wire/wire.gen.ts";

export type JournalEvent = SessionEventsResult["events"][number];

/** The part of `SessionState` that the journal alone decides. */
export interface Facts {
  readonly path: string;
  readonly provider: string;
  readonly native_id: string | null;
  readonly title: string;
  readonly status: SessionState["status"];
  readonly updated: string;
  readonly pending_approvals: number;
  readonly model: string | null;
  readonly effort: string | null;
  readonly mode: string | null;
  readonly archived: boolean;
  readonly head: number;
  readonly turn: Turn | null;
  readonly plan: readonly PlanEntry[];
  readonly queue: readonly QueuedPrompt[];
  readonly queue_held: boolean;
  readonly approvals: readonly ApprovalRequested[];
  readonly usage: Usage | null;
  readonly error: string | null;
  readonly news: number;
  readonly forked_from: ForkPoint | null;
  readonly resume_at: string | null;
}

export const NO_FACTS: Facts = {
  path: "",
  provider: "",
  native_id: null,
  title: "",
  status: "idle",
  updated: "",
  pending_approvals: 0,
  model: null,
  effort: null,
  mode: null,
  archived: false,
  head: 0,
  turn: null,
  plan: [],
  queue: [],
  queue_held: false,
  approvals: [],
  usage: null,
  error: null,
  news: 0,
  forked_from: null,
  resume_at: null,
};

/** The facts that the node already folded, to go on from its `head`. */
export function factsOf(state: SessionState): Facts {
  return {
    path: state.path,
    provider: state.provider,
    native_id: state.native_id ?? null,
    title: state.title,
    status: state.status,
    updated: state.updated,
    pending_approvals: state.pending_approvals,
    model: state.model,
    effort: state.effort ?? null,
    mode: state.mode,
    archived: state.archived,
    head: state.head,
    turn: state.turn,
    plan: state.plan,
    queue: state.queue,
    queue_held: state.queue_held,
    approvals: state.approvals,
    usage: state.usage,
    error: state.error ?? null,
    news: state.news ?? 0,
    forked_from: state.forked_from ?? null,
    resume_at: state.resume_at ?? null,
  };
}

/** The facts after `event`; the same object when it has been folded before (`seq` at or below `head`). */
export function foldFacts(facts: Facts, event: JournalEvent): Facts {
  const seq = event.seq ?? 0;
  if (seq <= facts.head) return facts;
  const next: Facts = { ...facts, ...changeBy(facts, event), head: seq, updated: event.ts ?? facts.updated };
  return { ...next, pending_approvals: next.approvals.length, status: statusOf(next) };
}

function statusOf(facts: Facts): SessionState["status"] {
  if (facts.turn !== null) return facts.approvals.length > 0 ? "waiting" : "running";
  return facts.error === null ? "idle" : "failed";
}

function changeBy(facts: Facts, event: JournalEvent): Partial<Facts> {
  switch (event.type) {
    case "session_started":
      return {
        provider: event.provider,
        path: event.path,
        model: event.model,
        mode: event.mode,
        effort: event.effort ?? null,
        title: event.title ?? facts.title,
        native_id: event.native_id ?? null,
        forked_from: event.forked_from ?? null,
      };
    case "native_id_known":
      return { native_id: event.native_id };
    case "turn_started":
      return { turn: { id: event.turn ?? "", started: event.ts ?? "" }, error: null };
    case "turn_ended":
      return {
        turn: null,
        approvals: [],
        error: ["error", "node_restarted"].includes(event.stop_reason) ? (event.error ?? "") : null,
        news: event.seq ?? 0,
        // An agent that was resumed at a point of its past has gone on from there once it names a new one.
        resume_at: (event.anchor ?? null) === null ? facts.resume_at : null,
      };
    case "rewound":
      return {
        native_id: event.native_id ?? null,
        resume_at: event.resume_at ?? null,
        error: null,
        // What the agent is resumed with stands here from now on: it branches off nowhere any more.
        forked_from: facts.forked_from && { session: facts.forked_from.session, seq: facts.forked_from.seq },
      };
    case "user_message":
      return {
        turn: facts.turn && { ...facts.turn, message_id: event.message_id },
        queue: facts.queue.filter((prompt) => prompt.message_id !== event.message_id),
      };
    case "plan":
      return { plan: event.entries };
    case "approval_requested":
      return { approvals: [...facts.approvals, event], news: event.seq ?? 0 };
    case "approval_resolved":
      return { approvals: facts.approvals.filter((pending) => pending.approval !== event.approval) };
    case "mode_changed":
      return { mode: event.mode };
    case "model_changed":
      return { model: event.model ?? null, effort: event.effort ?? null };
    case "title_changed":
      return { title: event.title };
    case "archived":
      return { archived: event.archived };
    case "usage":
      return { usage: event };
    case "agent_message":
    case "agent_thought":
    case "tool_call":
    case "tool_call_update":
    case "notice":
      return {};
    default:
      return queueChange(facts, event);
  }
}

type QueueEvent = Extract<JournalEvent, { type: `prompt_${string}` | `queue_${string}` }>;

function queueChange(facts: Facts, event: QueueEvent): Partial<Facts> {
  switch (event.type) {
    case "prompt_queued": {
      const { message_id, text, attachments, by } = event;
      return { queue: [...facts.queue, { message_id, text, attachments, by }] };
    }
    case "prompt_edited":
      return {
        queue: facts.queue.map((prompt) =>
          prompt.message_id === event.message_id ? { ...prompt, text: event.text } : prompt,
        ),
      };
    case "prompt_moved":
      return { queue: moved(facts.queue, event.message_id, event.before ?? null) };
    case "prompt_dropped":
      return { queue: facts.queue.filter((prompt) => prompt.message_id !== event.message_id) };
    case "queue_held":
      return { queue_held: true };
    case "queue_released":
      return { queue_held: false };
    default:
      // An event of a newer node that this page does not know yet.
      return {};
  }
}

function moved(queue: readonly QueuedPrompt[], id: string, before: string | null): readonly QueuedPrompt[] {
  const prompt = queue.find((one) => one.message_id === id);
  if (prompt === undefined) return queue;
  const rest = queue.filter((one) => one !== prompt);
  const found = rest.findIndex((one) => one.message_id === before);
  const index = found === -1 ? rest.length : found;
  return [...rest.slice(0, index), prompt, ...rest.slice(index)];
}

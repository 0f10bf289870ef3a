/**
 * The view of a session as a pure function of its journal and deltas.
 *
 * `foldLog(foldLog(EMPTY_LOG, a), b)` equals `foldLog(EMPTY_LOG, [...a, ...b])` for every cut of a journal.
 */
import type { Delta } from "../wire/wire.gen.ts";
import type { Block, Log, TextBlock } from "./blocks.ts";
import { LogDraft } from "./draft.ts";
import type { JournalEvent } from "./facts.ts";

/** Folds a batch in order. Events at or below `head` have been seen and change nothing. */
export function foldLog(log: Log, events: readonly (JournalEvent | Delta)[]): Log {
  const draft = new LogDraft(log);
  let isChanged = false;
  for (const event of events) {
    if (event.type === "delta") {
      isChanged = foldDelta(draft, event) || isChanged;
      continue;
    }
    const seq = event.seq ?? 0;
    if (seq <= draft.head) continue;
    if (draft.first === 0) draft.first = seq;
    draft.head = seq;
    foldEvent(draft, event);
    isChanged = true;
  }
  return isChanged ? draft.finish() : log;
}

function foldEvent(draft: LogDraft, event: JournalEvent): void {
  const ts = event.ts ?? "";
  const base = { key: `e${event.seq ?? 0}`, ts, parent: null };
  switch (event.type) {
    case "turn_started": {
      const id = event.turn ?? base.key;
      draft.addTurn({ ...NEW_TURN, id, seq: event.seq ?? 0, number: nextNumber(draft), startedAt: ts });
      return;
    }
    case "user_message":
      foldPrompt(draft, event);
      return;
    case "rewound":
      foldRewound(draft, event);
      return;
    case "agent_message":
    case "agent_thought":
      foldText(draft, event);
      return;
    case "tool_call":
    case "tool_call_update":
      foldTool(draft, event);
      return;
    case "approval_requested":
      draft.add({ ...base, kind: "ask", key: `a${event.approval}`, request: event, resolution: null });
      return;
    case "approval_resolved":
      draft.change(
        (block) => block.kind === "ask" && block.request.approval === event.approval,
        (block) => (block.kind === "ask" ? { ...block, resolution: event } : block),
      );
      return;
    case "turn_ended":
      endTurn(draft, {
        seq: event.seq ?? 0,
        anchor: event.anchor ?? null,
        at: ts,
        reason: event.stop_reason,
        error: event.error ?? null,
      });
      return;
    case "notice":
      draft.add({ ...base, kind: "notice", level: event.level, code: event.code, text: event.text });
      return;
    case "mode_changed":
      draft.add({ ...base, kind: "change", what: "mode", value: event.mode, by: event.by ?? null });
      return;
    case "model_changed": {
      const value = [event.model, event.effort].filter((word) => word != null).join(" · ");
      draft.add({ ...base, kind: "change", what: "model", value, by: event.by ?? null });
      return;
    }
    case "title_changed":
      // A title that the first prompt or the agent gave is no act of a person.
      if (event.by != null) draft.add({ ...base, kind: "change", what: "title", value: event.title, by: event.by });
      return;
    default:
      // The rest are facts, not log (facts.ts), or events of a newer node.
      return;
  }
}

const NEW_TURN = { undone: null, rewind: null, prompt: null, blocks: [], end: null } as const;

/** Only turns that count are counted: after going back to before turn 3 the next one is turn 3 again. */
function nextNumber(draft: LogDraft): number | null {
  const before = draft.turns.findLast((turn) => turn.rewind === null && turn.undone === null);
  if (before !== undefined) return before.number && before.number + 1;
  return draft.first === 1 ? 1 : null;
}

type PromptEvent = Extract<JournalEvent, { type: "user_message" }>;
type RewoundEvent = Extract<JournalEvent, { type: "rewound" }>;

/** The first prompt of a turn heads it; a later one was said into it while it ran. */
function foldPrompt(draft: LogDraft, event: PromptEvent): void {
  const turn = draft.lastTurn();
  const { message_id: messageId, text, attachments, by } = event;
  if (turn === null) return;
  if (turn.prompt === null && turn.blocks.length === 0) turn.prompt = { messageId, text, attachments, by };
  else {
    const base = { key: `p${messageId}`, ts: event.ts ?? "", parent: null };
    turn.blocks.push({ ...base, kind: "steer", messageId, text, attachments, by });
  }
}

/** Undoes the turn of that prompt and all after it. A prompt that is not here is older than all that is. */
function foldRewound(draft: LogDraft, event: RewoundEvent): void {
  const id = `w${event.seq ?? 0}`;
  const found = draft.turns.findIndex((turn) => turn.prompt?.messageId === event.message_id);
  const from = found === -1 ? (draft.first === 1 ? draft.turns.length : 0) : found;
  const before = found === -1 ? null : (draft.turns[found]?.number ?? null);
  draft.undoFrom(from, id);
  const rewind = { before, files: event.files, by: event.by };
  draft.addTurn({ ...NEW_TURN, id, seq: event.seq ?? 0, number: null, startedAt: event.ts ?? "", rewind });
}

type TextEvent = Extract<JournalEvent, { type: "agent_message" | "agent_thought" }>;
type ToolEvent = Extract<JournalEvent, { type: "tool_call" | "tool_call_update" }>;

function isStreamOf(messageId: string, kind: TextBlock["kind"]): (block: Block) => boolean {
  return (block) => block.kind === kind && block.isStreaming && block.messageId === messageId;
}

/** A durable block takes the place of the stream with its message id; further parts follow it. */
function foldText(draft: LogDraft, event: TextEvent): void {
  const kind = event.type === "agent_message" ? "prose" : "thought";
  const part = event.part ?? 0;
  const block: TextBlock = {
    kind,
    key: textKey(kind, event.message_id, part),
    ts: event.ts ?? "",
    parent: event.parent ?? null,
    messageId: event.message_id,
    text: event.text,
    isStreaming: false,
    points: 0,
  };
  const replace = (stream: Block) => ({ ...block, ts: stream.ts || block.ts });
  if (draft.streams > 0 && draft.settle(isStreamOf(event.message_id, kind), replace)) draft.streams -= 1;
  else draft.add(block);
}

function textKey(kind: TextBlock["kind"], messageId: string, part: number): string {
  return `${kind === "prose" ? "m" : "t"}${messageId}${part === 0 ? "" : `/${part}`}`;
}

function foldTool(draft: LogDraft, event: ToolEvent): void {
  if (event.type === "tool_call") {
    draft.add({
      kind: "tool",
      key: `c${event.tool_call_id}`,
      ts: event.ts ?? "",
      parent: event.parent ?? null,
      toolCallId: event.tool_call_id,
      name: event.name,
      toolKind: event.kind,
      title: event.title,
      input: event.input,
      status: "pending",
      content: [],
      endedAt: null,
    });
    return;
  }
  const isClosed = event.status !== "in_progress";
  draft.change(
    (block) => block.kind === "tool" && block.toolCallId === event.tool_call_id,
    (block) =>
      block.kind === "tool"
        ? { ...block, status: event.status, content: event.content, endedAt: isClosed ? (event.ts ?? "") : null }
        : block,
  );
}

/** What was only streamed and never journalled is gone with the turn: a fresh load would not show it either. */
function endTurn(draft: LogDraft, end: EndedTurn): void {
  const turn = draft.lastTurn();
  if (turn === null) return;
  turn.end = end;
  draft.streams = 0;
  turn.blocks = turn.blocks.filter((block) => !("isStreaming" in block && block.isStreaming));
  if (end.reason === "node_restarted") markLost(turn.blocks, end.seq);
}

/** A node that restarts withdraws what was open just before it ends the turn; what was withdrawn earlier was meant. */
function markLost(blocks: Block[], end: number): void {
  for (let seq = end - 1; ; seq--) {
    const at = blocks.findLastIndex((block) => block.kind === "ask" && block.resolution?.seq === seq);
    const ask = blocks[at];
    if (ask?.kind !== "ask" || ask.resolution?.outcome !== "withdrawn") return;
    blocks[at] = { ...ask, isLost: true };
  }
}

type EndedTurn = NonNullable<Log["turns"][number]["end"]>;

/** True when the delta changed something. */
function foldDelta(draft: LogDraft, delta: Delta): boolean {
  const kind = delta.kind === "text" ? "prose" : "thought";
  const blocks = draft.turns.at(-1)?.blocks ?? [];
  const known = blocks.findLast(
    (block): block is TextBlock => block.kind === kind && block.messageId === delta.message_id,
  );
  // The durable block is there already: the delta is late.
  if (known !== undefined && !known.isStreaming) return false;
  const points = codePoints(delta.text);
  if (known === undefined) {
    // Its beginning is missing: the durable block will bring all.
    if (delta.offset !== 0) return false;
    draft.streams += 1;
    draft.add({
      kind,
      key: textKey(kind, delta.message_id, 0),
      ts: "",
      parent: delta.parent ?? null,
      messageId: delta.message_id,
      text: delta.text,
      isStreaming: true,
      points,
    });
    return true;
  }
  const isRestart = delta.offset === 0;
  if (!isRestart && (delta.offset > known.points || delta.offset + points <= known.points)) return false;
  const kept = delta.offset === known.points ? known.text : firstPoints(known.text, delta.offset);
  const next = { ...known, text: kept + delta.text, points: delta.offset + points };
  return draft.change(isStreamOf(delta.message_id, kind), () => next);
}

function codePoints(text: string): number {
  let count = text.length;
  for (let index = 0; index < text.length - 1; index++) {
    const unit = text.charCodeAt(index);
    if (unit >= 0xd800 && unit < 0xdc00) {
      count--;
      index++;
    }
  }
  return count;
}

function firstPoints(text: string, count: number): string {
  let index = 0;
  for (let points = 0; points < count && index < text.length; points++) {
    index += (text.codePointAt(index) ?? 0) > 0xffff ? 2 : 1;
  }
  return text.slice(0, index);
}

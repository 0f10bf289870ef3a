/** What the logbook shows: turns, and in each the blocks that its events and deltas make. All values are immutable. */
import type {
  ApprovalRequested,
  ApprovalResolved,
  Attachment,
  Notice,
  Rewound,
  ToolCall,
  ToolCallUpdate,
  TurnEnded,
} from "../wire/wire.gen.ts";

interface BlockBase {
  /** Unique within the session and stable from the first delta to the durable block. */
  readonly key: string;
  /** RFC 3339 of its first event; empty while only deltas are known. */
  readonly ts: string;
  /** The sub-agent's tool call that it belongs to. */
  readonly parent: string | null;
}

/** What the agent says (`prose`) or thinks (`thought`). */
export interface TextBlock extends BlockBase {
  readonly kind: "prose" | "thought";
  readonly messageId: string;
  readonly text: string;
  /** Built from deltas; the durable block will replace it. */
  readonly isStreaming: boolean;
  /** Length of `text` in code points: offsets of deltas count these. Kept only while streaming. */
  readonly points: number;
}

/** What the agent did. `pending` until its first update. */
export interface ToolBlock extends BlockBase {
  readonly kind: "tool";
  readonly toolCallId: string;
  readonly name: string;
  readonly toolKind: ToolCall["kind"];
  readonly title: string;
  readonly input: ToolCall["input"];
  readonly status: "pending" | ToolCallUpdate["status"];
  readonly content: ToolCallUpdate["content"];
  /** RFC 3339 of the update that closed it. */
  readonly endedAt: string | null;
}

/** What the agent needs, and the answer. */
export interface AskBlock extends BlockBase {
  readonly kind: "ask";
  readonly request: ApprovalRequested;
  readonly resolution: ApprovalResolved | null;
  /** The node restarted while it was open: nobody withdrew it. */
  readonly isLost?: true;
}

export interface NoticeBlock extends BlockBase {
  readonly kind: "notice";
  readonly level: Notice["level"];
  readonly code: string;
  readonly text: string;
}

/** A setting of the session changed. */
export interface ChangeBlock extends BlockBase {
  readonly kind: "change";
  readonly what: "mode" | "model" | "title";
  readonly value: string;
  readonly by: string | null;
}

/** What a person said into a turn that was running. */
export interface SteerBlock extends BlockBase {
  readonly kind: "steer";
  readonly messageId: string;
  readonly text: string;
  readonly attachments: readonly Attachment[];
  readonly by: string;
}

export type Block = TextBlock | ToolBlock | AskBlock | NoticeBlock | ChangeBlock | SteerBlock;

/** The session went back: the turns whose `undone` is the id of this turn count no more. */
export interface Rewind {
  /** Number of the first turn that was undone; null where it has not been loaded. */
  readonly before: number | null;
  readonly files: Rewound["files"];
  readonly by: string;
}

export interface TurnBlocks {
  readonly id: string;
  /** The `seq` of its first event. */
  readonly seq: number;
  /**
   * 1 for the first turn of the session; null while earlier events have not been loaded. Turns that were undone are not
   * counted by those after them, so a number may stand twice: once undone, once not.
   */
  readonly number: number | null;
  /** Id of the rewind that undid it, of several the last; null for what counts. */
  readonly undone: string | null;
  /** Set when this is no turn but the mark of going back, with what happened until the next turn began. */
  readonly rewind: Rewind | null;
  readonly startedAt: string;
  /** What the person asked; null until its event comes. */
  readonly prompt: {
    readonly messageId: string;
    readonly text: string;
    readonly attachments: readonly Attachment[];
    readonly by: string;
  } | null;
  readonly blocks: readonly Block[];
  /** Set when the turn is over. */
  readonly end: {
    /** The `seq` of its last event. */
    readonly seq: number;
    /** The agent's own name for this point, without which nothing can begin here; null where it gave none. */
    readonly anchor: string | null;
    readonly at: string;
    readonly reason: TurnEnded["stop_reason"];
    readonly error: string | null;
  } | null;
}

export interface Log {
  /** The `seq` of the last event folded in. */
  readonly head: number;
  /** The `seq` of the first event folded in; 0 when there is none yet. 1 = nothing earlier exists. */
  readonly first: number;
  /** Blocks that come before the first turn. What happens between turns follows the turn before it. */
  readonly preamble: readonly Block[];
  readonly turns: readonly TurnBlocks[];
  /** How many blocks are streaming: where none is, a durable block has nothing to replace and need not look. */
  readonly streams: number;
}

export const EMPTY_LOG: Log = { head: 0, first: 0, preamble: [], turns: [], streams: 0 };

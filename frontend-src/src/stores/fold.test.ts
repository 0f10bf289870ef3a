import { describe, expect, it } from "vitest";
import type { Delta } from "../wire/wire.gen.ts";
import { EMPTY_LOG, type Log } from "./blocks.ts";
import type { JournalEvent } from "./facts.ts";
import { foldLog } from "./fold.ts";

const TURN = { turn: "t1" };

/** Journal events with their `seq` filled in. */
function journal(...events: object[]): JournalEvent[] {
  return events.map(
    (event, index) => ({ ts: `2026-11-21T00:00:0${index % 10}Z`, ...event, seq: index + 1 }) as JournalEvent,
  );
}

function delta(offset: number, text: string, more: Partial<Delta> = {}): Delta {
  return { type: "delta", message_id: "m1", kind: "text", offset, text, ...more };
}

const PROMPT = { type: "user_message", ...TURN, message_id: "p1", text: "go", attachments: [], by: "ada" };
const OPENED = foldLog(EMPTY_LOG, journal({ type: "turn_started", ...TURN }, PROMPT));

function texts(log: Log): string[] {
  return (log.turns.at(-1)?.blocks ?? []).map((block) => ("text" in block ? block.text : block.kind));
}

const WHOLE = journal(
  { type: "notice", level: "info", code: "hello", text: "before the first turn" },
  { type: "turn_started", ...TURN },
  PROMPT,
  { type: "agent_message", ...TURN, message_id: "m1", text: "Looking." },
  { type: "tool_call", ...TURN, tool_call_id: "c1", name: "Bash", kind: "execute", title: "ls", input: {} },
  { type: "tool_call_update", ...TURN, tool_call_id: "c1", status: "in_progress", content: [] },
  { type: "approval_requested", ...TURN, approval: "a1", kind: "tool", title: "ls", input: {}, options: [] },
  { type: "approval_resolved", ...TURN, approval: "a1", outcome: "selected", option: "once", by: "ada" },
  {
    type: "tool_call_update",
    ...TURN,
    tool_call_id: "c1",
    status: "completed",
    content: [{ type: "text", text: "a" }],
  },
  { type: "turn_ended", ...TURN, stop_reason: "end_turn" },
  { type: "mode_changed", mode: "plan", by: "ada" },
  { type: "turn_started", turn: "t2" },
  { type: "turn_ended", turn: "t2", stop_reason: "error", error: "The agent crashed." },
);

describe("foldLog", () => {
  it("gives the same log for every cut of the journal", () => {
    const whole = foldLog(EMPTY_LOG, WHOLE);
    for (let cut = 0; cut <= WHOLE.length; cut++) {
      expect(foldLog(foldLog(EMPTY_LOG, WHOLE.slice(0, cut)), WHOLE.slice(cut))).toEqual(whole);
    }
  });

  it("changes nothing when events come a second time", () => {
    const whole = foldLog(EMPTY_LOG, WHOLE);
    expect(foldLog(whole, WHOLE)).toBe(whole);
  });

  it("numbers turns from 1, and not at all while earlier events are missing", () => {
    expect(foldLog(EMPTY_LOG, WHOLE).turns.map((turn) => turn.number)).toEqual([1, 2]);
    expect(foldLog(EMPTY_LOG, WHOLE.slice(5)).turns.map((turn) => turn.number)).toEqual([null]);
  });

  it("keeps the identity of turns and blocks that a batch does not touch", () => {
    const before = foldLog(EMPTY_LOG, WHOLE.slice(0, 12));
    const after = foldLog(before, WHOLE.slice(12));
    expect(after.turns[0]).toBe(before.turns[0]);
    expect(after.turns[1]).not.toBe(before.turns[1]);
  });

  it("closes a tool call with its last update and its approval with the answer", () => {
    const blocks = foldLog(EMPTY_LOG, WHOLE).turns[0]?.blocks ?? [];
    expect(blocks.find((block) => block.kind === "tool")).toMatchObject({ status: "completed", endedAt: WHOLE[8]?.ts });
    expect(blocks.find((block) => block.kind === "ask")).toMatchObject({ resolution: { option: "once" } });
  });
});

describe("deltas", () => {
  it("append by offset and ignore what is there already", () => {
    const log = foldLog(OPENED, [delta(0, "Hel"), delta(3, "lo"), delta(3, "lo"), delta(4, "o!")]);
    expect(texts(log)).toEqual(["Hello!"]);
  });

  it("count code points, not UTF-16 units", () => {
    expect(texts(foldLog(OPENED, [delta(0, "a😀"), delta(2, "b"), delta(2, "bc")]))).toEqual(["a😀bc"]);
  });

  it("restart the block at offset 0", () => {
    expect(texts(foldLog(OPENED, [delta(0, "Hello"), delta(0, "Hello wor")]))).toEqual(["Hello wor"]);
  });

  it("wait for the durable block when their beginning is missing", () => {
    expect(texts(foldLog(OPENED, [delta(5, "wor")]))).toEqual([]);
    expect(texts(foldLog(OPENED, [delta(0, "He"), delta(5, "wor")]))).toEqual(["He"]);
  });

  it("are superseded by the durable block under the same key", () => {
    const streaming = foldLog(OPENED, [delta(0, "Hel")]);
    const durable = { type: "agent_message", ...TURN, message_id: "m1", text: "Hello.", seq: 3, ts: "" } as const;
    const log = foldLog(streaming, [durable, delta(3, "late")]);
    expect(texts(log)).toEqual(["Hello."]);
    expect(log.turns[0]?.blocks[0]?.key).toBe(streaming.turns[0]?.blocks[0]?.key);
  });

  it("of text and thought with one message id are two blocks", () => {
    expect(texts(foldLog(OPENED, [delta(0, "a", { kind: "thought" }), delta(0, "b")]))).toEqual(["a", "b"]);
  });

  it("that were never journalled go with the end of the turn", () => {
    const streaming = foldLog(OPENED, [delta(0, "Hel")]);
    const end = { type: "turn_ended", ...TURN, stop_reason: "cancelled", seq: 3, ts: "" } as const;
    expect(texts(foldLog(streaming, [end]))).toEqual([]);
  });
});

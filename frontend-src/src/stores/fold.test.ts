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

  it("puts what grew beside journalled events where the journal has it", () => {
    const added = { type: "user_message", ...TURN, message_id: "p2", text: "and this", attachments: [], by: "ada" };
    const call = {
      type: "tool_call",
      ...TURN,
      tool_call_id: "c1",
      name: "Bash",
      kind: "execute",
      title: "ls",
      input: {},
    };
    const said = { type: "agent_message", ...TURN, message_id: "m1", text: "Looking." };
    const events = journal({ type: "turn_started", ...TURN }, PROMPT, added, call, said);
    const before = foldLog(EMPTY_LOG, [...events.slice(0, 2), delta(0, "Look")]);
    const other = delta(0, "Also", { message_id: "m2" });
    const live = foldLog(foldLog(before, [...events.slice(2, 4), other]), events.slice(4));
    expect(texts(live)).toEqual([...texts(foldLog(EMPTY_LOG, events)), "Also"]);
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

  it("tells what was withdrawn for the restart of the node from what was withdrawn before", () => {
    const ask = (approval: string) => ({
      type: "approval_requested",
      ...TURN,
      approval,
      kind: "question",
      options: [],
    });
    const withdrawn = (approval: string) => ({ type: "approval_resolved", ...TURN, approval, outcome: "withdrawn" });
    const asks = (stop_reason: string) => {
      const begun = [{ type: "turn_started", ...TURN }, PROMPT, ask("a"), withdrawn("a"), ask("b"), ask("c")];
      const ended = [withdrawn("b"), withdrawn("c"), { type: "turn_ended", ...TURN, stop_reason }];
      const blocks = foldLog(EMPTY_LOG, journal(...begun, ...ended)).turns[0]?.blocks ?? [];
      return blocks.map((block) => block.kind === "ask" && block.isLost);
    };
    expect(asks("node_restarted")).toEqual([undefined, true, true]);
    expect(asks("cancelled")).toEqual([undefined, undefined, undefined]);
  });

  it("closes a tool call with its last update and its approval with the answer", () => {
    const blocks = foldLog(EMPTY_LOG, WHOLE).turns[0]?.blocks ?? [];
    expect(blocks.find((block) => block.kind === "tool")).toMatchObject({ status: "completed", endedAt: WHOLE[8]?.ts });
    expect(blocks.find((block) => block.kind === "ask")).toMatchObject({ resolution: { option: "once" } });
  });
});

describe("going back", () => {
  const turn = (id: string, text: string): object[] => [
    { type: "turn_started", turn: id },
    { type: "user_message", turn: id, message_id: `p${id}`, text, attachments: [], by: "ada" },
    { type: "agent_message", turn: id, message_id: `m${id}`, text: `did ${text}` },
    { type: "turn_ended", turn: id, stop_reason: "end_turn", anchor: `a${id}` },
  ];
  const back = (id: string, files: object[] = []): object => ({
    type: "rewound",
    message_id: `p${id}`,
    files,
    by: "ada",
    native_id: "n",
    resume_at: null,
  });
  const EVENTS = journal(
    ...turn("t1", "one"),
    ...turn("t2", "two"),
    ...turn("t3", "three"),
    back("t2", [{ path: "/w/a", insertions: 1, deletions: 0 }]),
    { type: "mode_changed", mode: "plan", by: "ada" },
    ...turn("t4", "two again"),
    back("t4"),
    ...turn("t5", "two at last"),
  );

  it("gives the same log for every cut of the journal", () => {
    const whole = foldLog(EMPTY_LOG, EVENTS);
    for (let cut = 0; cut <= EVENTS.length; cut++) {
      expect(foldLog(foldLog(EMPTY_LOG, EVENTS.slice(0, cut)), EVENTS.slice(cut))).toEqual(whole);
    }
  });

  it("keeps what was undone and counts only what was not", () => {
    const { turns } = foldLog(EMPTY_LOG, EVENTS);
    expect(turns.map((one) => [one.id, one.number, one.undone])).toEqual([
      ["t1", 1, null],
      ["t2", 2, "w13"],
      ["t3", 3, "w13"],
      ["w13", null, null],
      ["t4", 2, "w19"],
      ["w19", null, null],
      ["t5", 2, null],
    ]);
    expect(turns[3]?.rewind).toEqual({ before: 2, files: [{ path: "/w/a", insertions: 1, deletions: 0 }], by: "ada" });
  });

  it("puts what happens before the next turn behind the going back", () => {
    expect(foldLog(EMPTY_LOG, EVENTS).turns[3]?.blocks.map((block) => block.kind)).toEqual(["change"]);
  });

  it("undoes all that is here when the prompt is older", () => {
    const log = foldLog(EMPTY_LOG, EVENTS.slice(8, 13));
    expect(log.turns.map((one) => [one.id, one.undone])).toEqual([
      ["t3", "w13"],
      ["w13", null],
    ]);
    expect(log.turns[1]?.rewind?.before).toBeNull();
  });

  it("a second time goes further back, over what was undone before", () => {
    const log = foldLog(EMPTY_LOG, journal(...turn("t1", "one"), ...turn("t2", "two"), back("t2"), back("t1")));
    expect(log.turns.map((one) => one.undone)).toEqual(["w10", "w10", "w10", null]);
  });

  it("tells where a turn ended and by what name the agent knows that point", () => {
    expect(foldLog(EMPTY_LOG, EVENTS).turns[0]).toMatchObject({ seq: 1, end: { seq: 4, anchor: "at1" } });
  });
});

it("shows what was said into a running turn in its place, under the prompt that began it", () => {
  const steer = { ...PROMPT, message_id: "p2", text: "and this" };
  const said = { type: "agent_message", ...TURN, message_id: "m1", text: "Looking." };
  const [turn] = foldLog(EMPTY_LOG, journal({ type: "turn_started", ...TURN }, PROMPT, said, steer)).turns;
  expect(turn?.prompt?.text).toBe("go");
  expect(turn?.blocks.map((block) => block.kind)).toEqual(["prose", "steer"]);
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

import { describe, expect, it } from "vitest";

import type { Block, Log, ToolBlock, TurnBlocks } from "../stores/blocks.ts";
import { lastLines, ledgerLine, readable, relative } from "./ledger.ts";
import { allRows, findTick, lastKey, rowsAfter, rowsOf, tickOf, withinOf } from "./rows.ts";

function turn(id: string, blocks: readonly Block[], more: Partial<TurnBlocks> = {}): TurnBlocks {
  return {
    id,
    seq: 1,
    number: 1,
    undone: null,
    rewind: null,
    startedAt: "",
    prompt: null,
    blocks: [...blocks],
    end: null,
    ...more,
  };
}

function logOf(turns: readonly TurnBlocks[], streams = 0): Log {
  return { head: 1, first: 1, preamble: [], streams, turns };
}

function tool(id: string, more: Partial<ToolBlock> = {}): ToolBlock {
  return {
    kind: "tool",
    key: `c${id}`,
    ts: "2026-01-01T00:00:00Z",
    parent: null,
    toolCallId: id,
    name: "Read",
    toolKind: "read",
    title: "",
    input: {},
    status: "completed",
    content: [],
    endedAt: null,
    ...more,
  };
}

describe("rows", () => {
  it("fold runs of three or more reads and leave shorter runs alone", () => {
    const blocks: Block[] = [tool("1"), tool("2"), tool("3"), tool("4", { toolKind: "execute" }), tool("5"), tool("6")];
    expect(rowsOf(blocks).map((row) => [row.kind, row.key])).toEqual([
      ["fold", "fc1"],
      ["block", "c4"],
      ["block", "c5"],
      ["block", "c6"],
    ]);
  });

  it("never fold a failed or running call away", () => {
    const blocks = [tool("1"), tool("2"), tool("3", { status: "failed" }), tool("4", { status: "in_progress" })];
    expect(rowsOf(blocks).every((row) => row.kind === "block")).toBe(true);
  });

  it("indent what a sub-agent did", () => {
    const blocks = [tool("a", { toolKind: "think" }), tool("b", { parent: "a" }), tool("c", { parent: "b" })];
    expect(rowsOf(blocks).map((row) => withinOf(row).length)).toEqual([0, 1, 2]);
    expect(rowsOf(blocks).map((row) => (row.kind === "block" ? row.inside : -1))).toEqual([2, 1, 0]);
  });

  it("put what parallel sub-agents did under their own calls", () => {
    const blocks = [tool("a", { toolKind: "think" }), tool("b", { toolKind: "think" })];
    const later = [
      tool("a1", { parent: "a" }),
      tool("b1", { parent: "b" }),
      tool("a2", { parent: "a", toolKind: "edit" }),
    ];
    expect(rowsOf([...blocks, ...later]).map((row) => row.key)).toEqual(["ca", "ca1", "ca2", "cb", "cb1"]);
    expect(rowsOf([tool("x", { parent: "x" }), tool("y", { parent: "gone" })]).map((row) => row.key)).toEqual([
      "cy",
      "cx",
    ]);
  });

  it("show an ask in the line of its call, and alone when the call is not there", () => {
    const request = { approval: "1", tool_call_id: "a", kind: "tool", title: "", input: {}, options: [] };
    const ask = { kind: "ask", key: "a1", ts: "", parent: null, request, resolution: null } as unknown as Block;
    const rows = rowsOf([tool("a", { toolKind: "execute" }), ask]);
    expect(rows.map((row) => [row.key, row.kind === "block" ? row.asks.length : 0])).toEqual([["ca", 1]]);
    expect(rows.map(tickOf)).toEqual(["ask"]);
    expect(rowsOf([ask]).map((row) => row.key)).toEqual(["a1"]);
  });

  it("do not mark a call as failed that was not wanted", () => {
    const options = [{ id: "n", name: "No", kind: "reject_once" }];
    const request = { approval: "1", tool_call_id: "a", kind: "question", title: "", input: {}, options };
    const resolution = { outcome: "selected", option: "n" };
    const ask = { kind: "ask", key: "a1", ts: "", parent: null, request, resolution } as unknown as Block;
    const call = tool("a", { name: "AskUserQuestion", toolKind: "other", status: "failed" });
    expect(rowsOf([call, ask]).map(tickOf)).toEqual([null]);
    expect(rowsOf([call]).map(tickOf)).toEqual(["error"]);
    const input = { questions: [{ question: "Which one?" }] };
    expect(ledgerLine({ ...call, input }, "/w", true)).toEqual({ verb: "Ask you", object: "Which one?", result: "" });
  });

  it("tell of many tries in a row only the last", () => {
    const retry = (key: string): Block => ({
      kind: "notice",
      key,
      ts: "",
      parent: null,
      level: "warning",
      code: "api_retry",
      text: key,
    });
    const rows = rowsOf([retry("1"), retry("2"), tool("a", { toolKind: "execute" }), retry("3")]);
    expect(rows.map((row) => row.key)).toEqual(["2", "ca", "3"]);
  });

  it("count what came after the row that was last, without the turn's end", () => {
    const log = logOf([turn("t", [tool("1")])]);
    const key = lastKey(allRows(log));
    expect(key).toBe("c1");
    const grown = turn("t", [tool("1"), tool("2", { toolKind: "edit" }), tool("3", { toolKind: "edit" })]);
    expect(rowsAfter(allRows(logOf([grown])), key)).toBe(2);
    expect(rowsAfter(allRows(log), "gone")).toBe(0);
  });

  it("are those of the whole turn when the last text has grown, and the others stay as they are", () => {
    const text = (words: string): Block => ({
      kind: "prose",
      key: "mone",
      ts: "",
      parent: null,
      messageId: "one",
      text: words,
      isStreaming: true,
      points: 0,
    });
    const reads = [tool("1"), tool("2"), tool("3"), tool("4", { toolKind: "execute" })];
    const rowsWith = (blocks: readonly Block[]) => allRows(logOf([turn("grows", blocks)], 1));
    const before = rowsWith([...reads, text("a")]);
    const after = rowsWith([...reads, text("a b")]);
    expect(after.slice(1, -1)).toEqual(rowsOf([...reads, text("a b")]));
    expect(after[1]).toBe(before[1]);
    const changed = [...reads.slice(0, 3), tool("4", { toolKind: "execute", status: "failed" }), text("a b c")];
    expect(rowsWith(changed).slice(1, -1)).toEqual(rowsOf(changed));
    expect(rowsWith([...changed, tool("5")]).slice(1, -1)).toEqual(rowsOf([...changed, tool("5")]));
  });

  it("have unique keys and find the next edit and error", () => {
    const rows = allRows(logOf([turn("t", [tool("1", { toolKind: "edit" }), tool("2", { status: "failed" })])]));
    expect(new Set(rows.map((row) => row.key)).size).toBe(rows.length);
    expect(findTick(rows, 0, 1, "edit")).toBe(1);
    expect(findTick(rows, 3, -1, "error")).toBe(2);
    expect(findTick(rows, 0, -1, "edit")).toBe(-1);
  });
});

describe("what sub-agents did", () => {
  const blocks = [
    tool("a", { toolKind: "think" }),
    tool("a1", { parent: "a", toolKind: "execute" }),
    tool("b", { toolKind: "think", parent: "a" }),
    tool("b1", { parent: "b", toolKind: "execute" }),
    tool("z", { toolKind: "execute" }),
  ];

  it("goes under the line of its call and comes back, that of its own sub-agents too", () => {
    const keys = (shut: string[]) =>
      allRows(logOf([turn("t", blocks)]), { isOpen: () => false, shut: new Set(shut) }).map((row) => row.key);
    expect(keys([])).toEqual(["ut", "ca", "ca1", "cb", "cb1", "cz", "xt"]);
    expect(keys(["cb"])).toEqual(["ut", "ca", "ca1", "cb", "cz", "xt"]);
    expect(keys(["ca"])).toEqual(["ut", "ca", "cz", "xt"]);
  });

  it("stays together also where its call is of an earlier turn", () => {
    const late = ["x", "y", "x", "y"].map((parent, index) => tool(`${index}`, { parent, toolKind: "execute" }));
    expect(rowsOf(late).map((row) => row.key)).toEqual(["c0", "c2", "c1", "c3"]);
  });
});

describe("going back", () => {
  const rewind = { before: 2, files: [], by: "ada" };
  const edit = tool("1", { toolKind: "edit" });
  const turns = [
    turn("t1", []),
    turn("t2", [edit], { undone: "w9", number: 2 }),
    turn("w5", [], { undone: "w9", number: null, rewind }),
    turn("w9", [], { number: null, rewind }),
    turn("t3", [], { number: 2 }),
  ];
  const rows = (open: boolean) => allRows(logOf(turns), { isOpen: () => open, shut: new Set() });

  it("folds what it undid under one line", () => {
    expect(rows(false).map((row) => row.key)).toEqual(["ut1", "xt1", "bw9", "ut3", "xt3"]);
    expect(rows(true).map((row) => row.key)).toEqual(["ut1", "xt1", "bw9", "ut2", "c1", "xt2", "bw5", "ut3", "xt3"]);
    expect(rows(true).find((row) => row.kind === "back")).toMatchObject({ undone: 1, isUndone: false });
  });

  it("marks nothing of it in the ruler", () => {
    expect(rows(true).map(tickOf)).toEqual(["prompt", null, null, null, null, null, null, "prompt", null]);
  });
});

describe("a ledger line", () => {
  it("names a path inside the project without the project", () => {
    expect(relative("/w/src/a.py", "/w")).toBe("src/a.py");
    expect(relative("/work/a.py", "/w")).toBe("/work/a.py");
    const edit = tool("1", {
      toolKind: "edit",
      input: { file_path: "/w/a" },
      content: [{ type: "diff", path: "/w/a", old_text: "x\n", new_text: "y\n" }],
    });
    expect(ledgerLine(edit, "/w")).toEqual({ verb: "Edit", object: "a", result: "+1 −1" });
  });

  it("shows the first line of a command and that it failed", () => {
    const run = tool("1", { toolKind: "execute", status: "failed", input: { command: "make test\nls" } });
    expect(ledgerLine(run, "/w")).toEqual({ verb: "Run", object: "make test", result: "failed" });
  });

  it.each(["search", "read"] as const)("calls a command that is a %s what its ask called it", (toolKind) => {
    const command = { name: "shell", input: { command: "ls -la" } };
    const run = tool("1", { ...command, toolKind });
    expect(ledgerLine(run, "/w")).toMatchObject({ verb: "Run", object: "ls -la" });
    const others = [tool("2", { ...command, toolKind }), tool("3", { toolKind })];
    expect(rowsOf([run, ...others]).map((row) => row.kind)).toEqual(["block", "block", "block"]);
  });

  it("keeps the end of what was printed", () => {
    expect(lastLines("a\nb\nc\n", 2)).toBe("b\nc");
  });
});

it("shows what a tool said without the tag that is meant for the model", () => {
  expect(readable("<tool_use_error>String not found.</tool_use_error>")).toBe("String not found.");
  expect(readable("a <tool_use_error> in a text")).toBe("a <tool_use_error> in a text");
});

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { ARMED_AFTER_MS } from "../logbook/arming.svelte.ts";
import { askedFiles } from "../logbook/asked.ts";
import { WireError } from "../wire/errors.ts";
import type { ApprovalRequested, InboxItem } from "../wire/wire.gen.ts";
import { grouped, Leaving } from "./leaving.svelte.ts";
import { contentOf, differencesOf } from "./tail.ts";
import { canPick, Picking } from "./picking.svelte.ts";

const OPTIONS: ApprovalRequested["options"] = [
  { id: "y", name: "Allow once", kind: "allow_once" },
  { id: "n", name: "Deny", kind: "reject_once" },
];

function item(approval: string, more: Partial<ApprovalRequested> = {}, path = "/w"): InboxItem {
  const request = { type: "approval_requested", approval, kind: "tool", title: approval, input: {}, options: OPTIONS };
  return {
    type: "approval",
    session: { id: "s", node: "n", path, title: "t" } as InboxItem["session"],
    approval: { ...(request as ApprovalRequested), ts: `2026-01-01T00:00:0${approval}Z`, ...more },
  };
}

describe("asks that are over", () => {
  const resolved = { type: "approval_resolved", approval: "1", outcome: "selected", option: "y", by: "bea" };

  function leaving(answer: () => Promise<unknown> = () => Promise.resolve({ head: 9, events: [resolved] })): Leaving {
    return new Leaving({ call: () => answer() as Promise<never> }, "over");
  }

  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("stay for a moment in their place and say who answered", async () => {
    const list = leaving();
    list.update([item("1"), item("2")]);
    list.update([item("2")]);
    expect(list.rows.map((row) => [row.item.approval.approval, row.told])).toEqual([
      ["1", "over"],
      ["2", null],
    ]);
    await vi.advanceTimersByTimeAsync(0);
    expect(list.rows[0]?.told).toBe("Allowed once by bea");
    await vi.advanceTimersByTimeAsync(6000);
    expect(list.rows.map((row) => row.item.approval.approval)).toEqual(["2"]);
  });

  it("say that the node restarted where nobody answered for that", async () => {
    const withdrawn = (approval: string) => ({ type: "approval_resolved", approval, outcome: "withdrawn" });
    const end = (stop_reason: string) => ({ type: "turn_ended", turn: "t", stop_reason });
    const told = async (...events: object[]) => {
      const list = leaving(() => Promise.resolve({ head: 9, events }));
      list.update([item("1")]);
      list.update([]);
      await vi.advanceTimersByTimeAsync(0);
      return list.rows[0]?.told;
    };
    const lost = "not answered: the machine's node restarted";
    expect(await told(withdrawn("1"), withdrawn("2"), end("node_restarted"))).toBe(lost);
    expect(await told(withdrawn("1"), end("cancelled"))).toBe("withdrawn");
    expect(await told(withdrawn("1"), { type: "notice" }, end("node_restarted"))).toBe("withdrawn");
  });

  it("are over also when the machine cannot say how", async () => {
    const list = leaving(() => Promise.reject(new WireError("node_offline", "It is away.")));
    list.update([item("1")]);
    list.update([]);
    await vi.advanceTimersByTimeAsync(0);
    expect(list.rows[0]?.told).toBe("over");
    list.close();
    await vi.advanceTimersByTimeAsync(6000);
    expect(list.rows).toHaveLength(1);
  });

  it("wait again when they come again", async () => {
    const list = leaving();
    list.update([item("1")]);
    list.update([]);
    list.update([item("1")]);
    await vi.advanceTimersByTimeAsync(6000);
    expect(list.rows.map((row) => row.told)).toEqual([null]);
  });

  it("are grouped by machine and folder, the oldest first", () => {
    const list = leaving();
    list.update([item("3", {}, "/a"), item("1", {}, "/b"), item("2", {}, "/a")]);
    expect(grouped(list.rows).map((group) => [group.path, group.rows.length])).toEqual([
      ["/b", 1],
      ["/a", 2],
    ]);
  });
});

describe("what a row shows of a call", () => {
  const update = (tool_call_id: string, path: string) => ({
    type: "tool_call_update",
    tool_call_id,
    content: [{ type: "diff", path, new_text: "x" }],
  });
  const events = [update("c", "/w/first"), update("other", "/w/no"), update("c", "/w/last")];
  const calls = { call: () => Promise.resolve({ head: 9, events }) as Promise<never> };

  it("is what it told last", async () => {
    const asked = item("1", { tool_call_id: "c" }).approval;
    expect(await contentOf(calls, { node: "n", session: "s" }, asked)).toMatchObject([{ path: "/w/last" }]);
    expect(await contentOf(calls, { node: "n", session: "s" }, item("1").approval)).toEqual([]);
  });
});

describe("the change of a piece of a file", () => {
  const FILE = ["one", "two", "three", "four", "five"].join("\n");
  const piece = { file_path: "/w/a", old_string: "four", new_string: "4" };

  async function shown(input: object, read: () => unknown): Promise<readonly string[]> {
    const calls = {
      call: (op: string) =>
        op === "files.read" ? Promise.resolve().then(read) : Promise.resolve({ head: 1, events: [] }),
    };
    const { approval } = item("1", { tool_call_id: "c", input: { ...piece, ...input } });
    const content = await differencesOf(calls as never, { node: "n", session: "s" }, approval);
    return askedFiles(approval, content, "/w").flatMap((file) => file.hunks.map((hunk) => hunk.header));
  }

  it("has the numbers of its lines where the file can be read, and is shown as it is where not", async () => {
    const alone = ["@@ -1,1 +1,1 @@"];
    const whole = () => ({ content: FILE, truncated: false });
    expect(await shown({}, whole)).toEqual(["@@ -1,5 +1,5 @@"]);
    expect(await shown({ old_string: "o", new_string: "0", replace_all: true }, whole)).toEqual(["@@ -1,5 +1,5 @@"]);
    expect(await shown({ old_string: "o" }, whole)).toEqual(alone);
    expect(await shown({ old_string: "six" }, whole)).toEqual(alone);
    expect(await shown({}, () => ({ content: FILE, truncated: true }))).toEqual(alone);
    const refused = () => {
      throw new WireError("forbidden", "You may not read it.");
    };
    expect(await shown({}, refused)).toEqual(alone);
  });
});

describe("answering several at once", () => {
  it("is for what a yes or a no says enough about", () => {
    expect(canPick(item("1"))).toBe(true);
    expect(canPick(item("1", { kind: "plan" }))).toBe(false);
    expect(canPick(item("1", { options: OPTIONS.slice(0, 1) }))).toBe(false);
  });

  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const ask = (id: string, input = {}) => item(id, { input });

  function setUp(...items: InboxItem[]) {
    const picking = new Picking();
    const done: string[] = [];
    const leave = items.map((one) => {
      const decide = (isAllowed: boolean) => done.push(`${isAllowed ? "allow" : "deny"} ${one.approval.approval}`);
      return picking.offer(one, { decide });
    });
    return { picking, done, leave };
  }

  it("answers those that are picked and can still be, and counts the risky ones", () => {
    const { picking, done, leave } = setUp(ask("1"), ask("2", { command: "rm -rf /" }), ask("3"));
    picking.toggle(item("1"));
    vi.advanceTimersByTime(ARMED_AFTER_MS);
    picking.decide(true);
    expect(done).toEqual(["allow 1"]);
    picking.all();
    expect([picking.picked.length, picking.risky]).toEqual([3, 1]);
    leave[1]?.();
    picking.toggle(item("3"));
    vi.advanceTimersByTime(ARMED_AFTER_MS);
    picking.decide(false);
    expect(done).toEqual(["allow 1", "deny 1"]);
    picking.clear();
    expect(picking.picked).toEqual([]);
  });

  it("answers all of them or, in the moment after another choice, none", () => {
    const { picking, done, leave } = setUp(ask("1"), ask("2"), ask("3"), ask("4"));
    const press = () => {
      picking.decide(true);
      return done.splice(0).length;
    };
    picking.all();
    expect([picking.isSettling, press()]).toEqual([true, 0]);
    vi.advanceTimersByTime(ARMED_AFTER_MS);
    expect([picking.isSettling, press()]).toEqual([false, 4]);
    leave[3]?.(); // answered elsewhere: what a press would do is something else now
    expect([picking.isSettling, press()]).toEqual([true, 0]);
    vi.advanceTimersByTime(ARMED_AFTER_MS);
    expect(press()).toBe(3);
    picking.toggle(item("2"));
    expect(press()).toBe(0);
    vi.advanceTimersByTime(ARMED_AFTER_MS);
    leave[1]?.(); // not one of those that are picked
    expect(press()).toBe(2);
  });
});

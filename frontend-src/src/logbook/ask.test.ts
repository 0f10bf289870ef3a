import { render, screen } from "@testing-library/svelte";
import { tick } from "svelte";
import { SvelteMap } from "svelte/reactivity";
import { beforeEach, describe, expect, it, vi } from "vitest";

import type { AskBlock } from "../stores/blocks.ts";
import type { ApprovalRequested } from "../wire/wire.gen.ts";
import { answerOf } from "./answers.ts";
import Ask from "./Ask.svelte";

const waiting = new SvelteMap<string, ApprovalRequested>();
vi.mock(import("../stores/session.svelte.ts"), async (original) => ({
  ...(await original()),
  acquireSession: () => ({
    store: {
      get facts() {
        return { approvals: [...waiting.values()], path: "/w" };
      },
      log: { preamble: [], turns: [] },
    } as never,
    release: () => undefined,
  }),
}));

function request(approval: string, more: Partial<ApprovalRequested> = {}): ApprovalRequested {
  const options: ApprovalRequested["options"] = [
    { id: "y", name: "Allow once", kind: "allow_once" },
    { id: "r", name: "Allow git for this session", kind: "allow_session" },
    { id: "n", name: "No", kind: "reject_once" },
  ];
  return { type: "approval_requested", approval, kind: "tool", title: approval, input: {}, options, ...more };
}

async function settle(): Promise<void> {
  await tick();
  await tick();
}

describe("the focus in an ask", () => {
  const onleave = vi.fn();

  beforeEach(async () => {
    onleave.mockClear();
    waiting.clear();
    waiting.set("one", request("one")).set("two", request("two"));
    render(Ask, { node: "n", session: "s", onleave });
    await settle();
  });

  it("goes to the next ask, and to the composer after the last", async () => {
    screen.getByRole("group", { name: "one" }).focus();
    waiting.delete("one");
    await settle();
    expect(document.activeElement).toBe(screen.getByRole("group", { name: "two" }));
    expect(onleave).not.toHaveBeenCalled();
    waiting.delete("two");
    await settle();
    expect(onleave).toHaveBeenCalledOnce();
  });

  it("stays where it is when it stood elsewhere", async () => {
    const field = document.body.appendChild(document.createElement("input"));
    field.focus();
    waiting.clear();
    await settle();
    expect([document.activeElement, onleave.mock.calls.length]).toEqual([field, 0]);
    field.remove();
  });

  it("is told of in an alert that goes with the answer", async () => {
    expect(screen.getByRole("alert").textContent).toContain("one");
    waiting.clear();
    await settle();
    expect(screen.queryByRole("alert")).toBeNull();
  });
});

describe("what became of an ask", () => {
  function answered(option: string, more: Partial<ApprovalRequested> = {}): string {
    const resolution = { type: "approval_resolved", approval: "a", outcome: "selected", option, by: "ada" } as const;
    const block: AskBlock = { kind: "ask", key: "a", ts: "", parent: null, request: request("a", more), resolution };
    return answerOf(block);
  }

  it("is told in the past tense", () => {
    expect(answered("y")).toBe("Allowed once by ada");
    expect(answered("n")).toBe("Denied by ada");
    expect(answered("r")).toBe("Allowed git for this session by ada");
    expect(answered("y", { kind: "question" })).toBe("Answered by ada");
    expect(answered("n", { kind: "question" })).toBe("Skipped by ada");
  });
});

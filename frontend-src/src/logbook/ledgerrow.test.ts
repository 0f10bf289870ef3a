import { render, screen } from "@testing-library/svelte";
import { describe, expect, it, vi } from "vitest";
import type { ToolBlock } from "../stores/blocks.ts";
import LedgerRow from "./LedgerRow.svelte";

const CALL: ToolBlock = {
  kind: "tool",
  key: "c1",
  ts: "2026-01-01T00:00:00Z",
  parent: null,
  toolCallId: "1",
  name: "Task",
  toolKind: "think",
  title: "Read the tests",
  input: {},
  status: "completed",
  content: [],
  endedAt: "2026-01-01T00:00:12Z",
};

describe("the line of a sub-agent's call", () => {
  it("tells how much is under it and how long it took, and folds that", () => {
    const onfold = vi.fn();
    const row = { block: CALL, folder: "/w", isOpen: false, ontoggle: vi.fn(), onfold };
    const { container } = render(LedgerRow, { ...row, inside: 3 });
    const fold = screen.getByRole("button", { name: "3 steps" });
    expect(fold.getAttribute("aria-expanded")).toBe("true");
    expect(container.textContent).toContain("12 s");
    fold.click();
    expect(onfold).toHaveBeenCalledOnce();
    expect(row.ontoggle).not.toHaveBeenCalled();
  });

  it("runs a clock while the sub-agent works", () => {
    const block: ToolBlock = {
      ...CALL,
      status: "in_progress",
      endedAt: null,
      ts: new Date(Date.now() - 65_000).toISOString(),
    };
    const row = { folder: "/w", isOpen: false, ontoggle: vi.fn() };
    expect(render(LedgerRow, { ...row, block, inside: 2 }).container.textContent).toMatch(/1:0\d/);
    expect(render(LedgerRow, { ...row, block }).container.textContent).not.toContain("1:0");
  });

  it("has nothing to fold for any other call", () => {
    render(LedgerRow, { block: CALL, folder: "/w", isOpen: false, ontoggle: vi.fn() });
    expect(screen.queryByRole("button", { name: /step/ })).toBeNull();
  });
});

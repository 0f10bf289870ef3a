import { fireEvent, render, screen } from "@testing-library/svelte";
import { expect, it, vi } from "vitest";

import { common } from "../strings/common.ts";
import Strips from "./Strips.svelte";

function refused(code: string): { onretry: () => void } {
  const onretry = vi.fn();
  const others = { oncopy: vi.fn(), ontrynow: vi.fn(), onagain: vi.fn(), onsize: vi.fn() };
  render(Strips, {
    phase: { kind: "refused", code, detail: "This terminal has 16 readers, which is the limit." },
    isReadOnly: false,
    isLetterboxed: false,
    clipboard: null,
    link: null,
    isAtTop: false,
    onretry,
    ...others,
  });
  return { onretry };
}

it("a terminal with too many readers says so and is tried again by hand", async () => {
  const { onretry } = refused("conflict");
  expect(screen.getByRole("alert").textContent).toContain("16 readers");
  await fireEvent.click(screen.getByRole("button", { name: common.tryAgain }));
  expect(onretry).toHaveBeenCalledOnce();
});

it("what trying again does not mend offers no such thing", () => {
  refused("forbidden");
  expect(screen.getByRole("alert")).toBeTruthy();
  expect(screen.queryByRole("button")).toBeNull();
});

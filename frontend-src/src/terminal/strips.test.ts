import { fireEvent, render, screen } from "@testing-library/svelte";
import { expect, it, vi } from "vitest";

import { ARMED_AFTER_MS } from "../logbook/arming.svelte.ts";
import { common } from "../strings/common.ts";
import { terminalWords as words } from "../strings/terminal.ts";
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

function wanting(what: { clipboard?: string; link?: string }) {
  const oncopy = vi.fn();
  const others = { ontrynow: vi.fn(), onretry: vi.fn(), onagain: vi.fn(), onsize: vi.fn() };
  const props = {
    phase: { kind: "attached" } as const,
    isReadOnly: false,
    isLetterboxed: false,
    clipboard: what.clipboard ?? null,
    link: what.link ?? null,
    isAtTop: false,
    oncopy,
    ...others,
  };
  return { oncopy, ...render(Strips, props) };
}

it("a press that was on its way to another text copies nothing", async () => {
  vi.useFakeTimers();
  const { oncopy, rerender } = wanting({ clipboard: "harmless" });
  const allow = () => fireEvent.click(screen.getByRole("button", { name: words.allow }));
  await allow();
  await vi.advanceTimersByTimeAsync(ARMED_AFTER_MS);
  await rerender({ clipboard: "rm -rf ~" });
  await allow();
  expect(oncopy).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(ARMED_AFTER_MS);
  await allow();
  expect(oncopy).toHaveBeenCalledExactlyOnceWith("rm -rf ~");
  vi.useRealTimers();
});

it("what cannot be seen in a text for the clipboard is written out", () => {
  wanting({ clipboard: "ls\n\u202erm" });
  expect(screen.getByRole("alert").textContent).toContain("ls[U+000A][U+202E]rm");
});

it.each([
  ["https://b\u0430nk.example/", "https://xn--bnk-6cd.example/"],
  ["https://bank.example\u202e@evil.example/", "https://bank.example%E2%80%AE@evil.example/"],
  ["https:\\\\evil.example\\@bank.example", "https://evil.example/@bank.example"],
  ["not\u202ean address", "not[U+202E]an address"],
])("the address %j is shown as %j", (target, shown) => {
  wanting({ link: target });
  expect(screen.getByRole("alert").textContent).toContain(shown);
});

it.each([
  "javascript:alert(1)",
  "file:///etc/passwd",
  "data:text/html,x",
  "vscode://x",
  " jAvAsCrIpT:1",
  "//evil",
  "/x",
])("the address %j is not opened", (target) => {
  wanting({ link: target });
  expect(screen.queryByRole("button", { name: words.openLink })).toBeNull();
});

import { fireEvent } from "@testing-library/svelte";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { frame } from "./frame.svelte.ts";
import { listenToKeys } from "./keys.ts";
import { router } from "./router.svelte.ts";
import { BURST_MS, isEnterOfWord } from "./typing.ts";

let stop: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  router.go({ name: "home" });
  document.body.innerHTML =
    '<div data-keys="own"><textarea id="terminal"></textarea></div><textarea id="field"></textarea>' +
    '<a href="/x" id="link">x</a>';
  stop = listenToKeys();
});

afterEach(() => {
  stop();
  frame.isKeyMapOpen = false;
  vi.useRealTimers();
});

async function press(keys: string, more: KeyboardEventInit = {}): Promise<void> {
  for (const key of keys.split(" ")) await fireEvent.keyDown(document.activeElement ?? document.body, { key, ...more });
}

async function type(id: string): Promise<void> {
  document.getElementById(id)?.focus();
  await press("l s");
}

describe("letters after a terminal that has gone", () => {
  it("open nothing, however long one waits", async () => {
    await type("terminal");
    document.getElementById("terminal")?.remove();
    await press("c");
    vi.advanceTimersByTime(10 * BURST_MS);
    await press("l e a r Enter ?");
    expect(router.route).toEqual({ name: "home" });
    expect(frame.isKeyMapOpen).toBe(false);
  });

  it("are keys again after a click, and after Escape", async () => {
    for (const act of [() => fireEvent.pointerDown(document.body), () => press("Escape")]) {
      frame.isKeyMapOpen = false;
      await type("terminal");
      document.getElementById("terminal")?.blur();
      await press("?");
      expect(frame.isKeyMapOpen).toBe(false);
      await act();
      await press("?");
      expect(frame.isKeyMapOpen).toBe(true);
    }
  });

  it("are none for a moment where the page has given the focus to something else", async () => {
    await type("terminal");
    document.getElementById("link")?.focus();
    await press("? ?");
    vi.advanceTimersByTime(BURST_MS - 1);
    await press("?");
    expect(frame.isKeyMapOpen).toBe(false);
    vi.advanceTimersByTime(BURST_MS);
    await press("?");
    expect(frame.isKeyMapOpen).toBe(true);
  });

  it("are keys at once after a way out, which Escape alone is not in a terminal", async () => {
    await type("terminal");
    await press("Escape");
    document.getElementById("terminal")?.blur();
    await press("?");
    expect(frame.isKeyMapOpen).toBe(false);
    await type("terminal");
    await press("Escape", { ctrlKey: true, shiftKey: true });
    document.getElementById("terminal")?.blur();
    await press("?");
    expect(frame.isKeyMapOpen).toBe(true);
  });

  it("are keys at once after the Enter of a plain field", async () => {
    await type("field");
    await press("Enter");
    document.getElementById("field")?.blur();
    await press("?");
    expect(frame.isKeyMapOpen).toBe(true);
  });
});

it("an Enter right behind a letter that has opened a field is not meant for it", async () => {
  const enter = new KeyboardEvent("keydown", { key: "Enter" });
  expect(isEnterOfWord(enter)).toBe(false);
  await press("c");
  expect(router.route).toMatchObject({ name: "new" });
  expect(isEnterOfWord(enter)).toBe(true);
  expect(isEnterOfWord(new KeyboardEvent("keydown", { key: "a" }))).toBe(false);
  vi.advanceTimersByTime(BURST_MS);
  expect(isEnterOfWord(enter)).toBe(false);
});

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { DraftKeeper, draftOf } from "./drafts.ts";
import { MOST_CHARACTERS, refusalOf, withTaken } from "./prompt.ts";

describe("a long prompt", () => {
  it("is refused with its length and the limit", () => {
    expect(refusalOf("a".repeat(MOST_CHARACTERS))).toBeNull();
    expect(refusalOf("a".repeat(MOST_CHARACTERS + 1))).toMatch(/262,145 characters.*262,144/);
  });

  it("is counted in characters, of which one may be two units", () => {
    expect(refusalOf("😀".repeat(MOST_CHARACTERS))).toBeNull();
    expect(refusalOf("😀".repeat(MOST_CHARACTERS + 1))).toContain("262,145");
  });
});

describe("a prompt that is taken back", () => {
  it("comes after what is being written", () => {
    expect(withTaken("", "old")).toBe("old");
    expect(withTaken(" \n", "old")).toBe("old");
    expect(withTaken("new\n", "old")).toBe("new\n\nold");
  });
});

describe("a draft", () => {
  let keeper: DraftKeeper;

  beforeEach(() => {
    vi.useFakeTimers();
    localStorage.clear();
    keeper = new DraftKeeper("n", "s");
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("is kept once the typing rests", () => {
    keeper.keep("a");
    vi.advanceTimersByTime(400);
    keeper.keep("ab");
    vi.advanceTimersByTime(400);
    expect(draftOf("n", "s")).toBe("");
    vi.advanceTimersByTime(100);
    expect(draftOf("n", "s")).toBe("ab");
  });

  it("is kept at once when the page goes away, and forgotten at once when it was sent", () => {
    keeper.keep("ab");
    keeper.flush();
    expect(draftOf("n", "s")).toBe("ab");
    keeper.keep("abc");
    keeper.keep("");
    expect(draftOf("n", "s")).toBe("");
    vi.advanceTimersByTime(1000);
    expect(draftOf("n", "s")).toBe("");
  });
});

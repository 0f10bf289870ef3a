import { describe, expect, it } from "vitest";

import { barSequence, withModifiers } from "./keys.ts";

const none = { ctrl: false, alt: false };

describe("the key row", () => {
  it("sends arrows by the terminal's cursor mode", () => {
    expect(barSequence("ArrowUp", none, false)).toBe("\x1b[A");
    expect(barSequence("ArrowUp", none, true)).toBe("\x1bOA");
    expect(barSequence("ArrowLeft", { ctrl: true, alt: false }, true)).toBe("\x1b[1;5D");
  });

  it("applies Ctrl and Alt to typed text", () => {
    expect(withModifiers("c", { ctrl: true, alt: false })).toBe("\x03");
    expect(withModifiers("[", { ctrl: true, alt: false })).toBe("\x1b");
    expect(withModifiers("b", { ctrl: false, alt: true })).toBe("\x1bb");
    expect(withModifiers("1", { ctrl: true, alt: false })).toBe("1");
  });

  it("sends plain keys as they are", () => {
    expect(barSequence("|", none, false)).toBe("|");
    expect(barSequence("Tab", none, false)).toBe("\t");
    expect(barSequence("Escape", none, true)).toBe("\x1b");
  });
});

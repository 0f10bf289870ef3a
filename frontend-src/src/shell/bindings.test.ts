import { describe, expect, it } from "vitest";
import { BINDINGS, strokeOf, takenBy, written } from "./bindings.ts";

function event(key: string, more: KeyboardEventInit = {}): KeyboardEvent {
  return new KeyboardEvent("keydown", { key, ...more });
}

describe("the table of keys", () => {
  it("has no two keys that get into each other's way", () => {
    for (const one of BINDINGS) expect(takenBy(one.id, one.keys, {})?.id).toBeUndefined();
  });

  it("writes a stroke as its table does", () => {
    expect(strokeOf(event("k", { ctrlKey: true }))).toBe("Ctrl+k");
    expect(strokeOf(event("K", { ctrlKey: true, shiftKey: true }))).toBe("Ctrl+Shift+k");
    expect(strokeOf(event("k", { metaKey: true }))).toBe("Ctrl+k");
    expect(strokeOf(event("A", { shiftKey: true }))).toBe("A");
    expect(strokeOf(event("?", { shiftKey: true }))).toBe("?");
    expect(strokeOf(event("F6", { shiftKey: true }))).toBe("Shift+F6");
    expect(strokeOf(event("Shift", { shiftKey: true }))).toBeNull();
  });

  it("reads as people write it", () => {
    expect(["Ctrl+k", "Ctrl+Shift+g", "A", "g n", "Ctrl+."].map(written)).toEqual([
      "Ctrl K",
      "Ctrl Shift G",
      "Shift A",
      "g n",
      "Ctrl .",
    ]);
  });

  it("knows whose key a new one would take, chords and what was changed included", () => {
    expect(takenBy("nextEdit", "x", {})?.id).toBe("nextError");
    expect(takenBy("nextEdit", "g", {})?.id).toBe("goNeeds");
    expect(takenBy("nextEdit", "x", { nextError: "q" })).toBeNull();
    expect(takenBy("nextEdit", "q", { nextError: "q" })?.id).toBe("nextError");
    expect(takenBy("nextEdit", "x", { nextError: "" })).toBeNull();
  });

  it("lets a question have letters that the page has too: they act only inside it", () => {
    expect(takenBy("deny", "e", {})).toBeNull();
    expect(takenBy("deny", "a", {})?.id).toBe("allowOnce");
  });
});

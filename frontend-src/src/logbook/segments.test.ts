import { expect, it } from "vitest";

import { segments } from "./segments.ts";

it("cuts between paragraphs, not inside fences and lists", () => {
  const text = "one\n\ntwo\n\n```\na\n\nb\n```\n\n- x\n\n- y\n\n  z\n\nend";
  expect(segments(text)).toEqual(["one\n", "two\n", "```\na\n\nb\n```\n\n- x\n\n- y\n\n  z\n", "end"]);
  expect(segments(text).join("\n")).toBe(text);
});

it("keeps finished segments as text grows", () => {
  const whole = "a\n\nb **c**\n\nd `e`\n\nf";
  for (let length = 1; length < whole.length; length++) {
    const now = segments(whole.slice(0, length)).slice(0, -1);
    expect(segments(whole).slice(0, now.length)).toEqual(now);
  }
});

import { expect, it } from "vitest";

import { shownName } from "./names.ts";

it("writes out what cannot be seen in a name", () => {
  expect(shownName("a\nb")).toBe("a[U+000A]b");
  expect(shownName("invoice\u202efdp.exe")).toBe("invoice[U+202E]fdp.exe");
  expect(shownName("a\u200bb\u0085")).toBe("a[U+200B]b[U+0085]");
  expect(shownName("\u3164.txt")).toBe("[U+3164].txt");
  expect(shownName("a\u{e0041}\u2800")).toBe("a[U+E0041][U+2800]");
});

it("leaves every name that can be read as it is", () => {
  for (const name of ["-rf", "čaj.txt", "日本.md", "عربي", "a b.txt"]) expect(shownName(name)).toBe(name);
});

import { expect, it } from "vitest";
import { shownTitle } from "./titles.ts";

it("drops what turns or breaks a line", () => {
  expect(shownTitle("laptop\u202e4mv\u202c")).toBe("laptop4mv");
  expect(shownTitle("one\r\ntwo\u0007")).toBe("one two");
});

it("leaves joined emoji and other scripts", () => {
  for (const title of ["👩‍💻 works", "عربي", "日本", "می‌خواهم"]) expect(shownTitle(title)).toBe(title);
});

it("has nothing left of a title that shows nothing", () => {
  for (const title of ["\u3164", "\u115f \u1160", "\u2800", "\u{e0041}", "\u200d\ufe0f", "\u0301", "\u180e"])
    expect(shownTitle(title)).toBe("");
  expect(shownTitle("\u3164a")).toBe("\u3164a");
});

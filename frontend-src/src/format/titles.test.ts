import { expect, it } from "vitest";
import { shownTitle } from "./titles.ts";

it("drops what turns or breaks a line", () => {
  expect(shownTitle("laptop\u202e4mv\u202c")).toBe("laptop4mv");
  expect(shownTitle("one\r\ntwo\u0007")).toBe("one two");
});

it("leaves joined emoji and other scripts", () => {
  for (const title of ["👩‍💻 works", "عربي", "日本", "می‌خواهم"]) expect(shownTitle(title)).toBe(title);
});

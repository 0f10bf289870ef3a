import { expect, it } from "vitest";

import { asOneLine, cleaned, linesOf, runsAtOnce } from "./pasting.ts";

it("takes out what could end a bracketed paste or move the cursor, and keeps tabs and lines", () => {
  expect(cleaned("a\x1b[201~rm -rf /\r\nb\tc\rd\x00\x7f\x9b31me")).toBe("a[201~rm -rf /\nb\tc\nd31me");
  expect(cleaned("ökonomisch 木 🙂")).toBe("ökonomisch 木 🙂");
});

it("knows what would run without Enter", () => {
  expect(runsAtOnce("ls", false)).toBe(false);
  expect(runsAtOnce("ls\n", false)).toBe(true);
  expect(runsAtOnce("ls\npwd", true)).toBe(false);
});

it("makes one line that runs nothing", () => {
  expect(asOneLine("  cd x \n\n\tmake\n")).toBe("cd x make");
  expect(linesOf("a\nb\n")).toEqual(["a", "b"]);
});

import { describe, expect, it } from "vitest";

import { hunksBetween, linesOf, markWords, pairsOf, tally, textOf } from "./rows.ts";

const hunk = {
  header: "@@ -10,4 +10,5 @@ def total():",
  lines: [" same", "-x = old_name(1)", "-gone", "+x = new_name(1)", " tail", "\\ No newline at end of file"],
};

describe("lines of a hunk", () => {
  it("carry the numbers of the old and the new file", () => {
    expect(linesOf(hunk).map(({ kind, old, now }) => [kind, old, now])).toEqual([
      ["same", 10, 10],
      ["del", 11, null],
      ["del", 12, null],
      ["add", null, 11],
      ["same", 13, 12],
      ["note", null, null],
    ]);
  });

  it("are marked where the words differ and keep their whole text", () => {
    const lines = linesOf(hunk);
    expect(lines[1]?.pieces.filter((piece) => piece.isMarked).map((piece) => piece.text)).toEqual(["old_name"]);
    expect(lines[3]?.pieces.filter((piece) => piece.isMarked).map((piece) => piece.text)).toEqual(["new_name"]);
    expect(lines.map(textOf)).toEqual(hunk.lines.map((line) => line.slice(1)));
  });

  it("stand side by side with what took their place", () => {
    const pairs = pairsOf(linesOf(hunk)).map(({ left, right }) => [left && textOf(left), right && textOf(right)]);
    expect(pairs).toEqual([
      ["same", "same"],
      ["x = old_name(1)", "x = new_name(1)"],
      ["gone", null],
      ["tail", "tail"],
      [" No newline at end of file", " No newline at end of file"],
    ]);
  });
});

describe("word marks", () => {
  it("are left out where nearly everything differs or lines are very long", () => {
    expect(markWords("abc", "xyz")[0]).toEqual([{ text: "abc", isMarked: false }]);
    const long = "a".repeat(2000);
    expect(markWords(long, `${long}b`)[0]).toEqual([{ text: long, isMarked: false }]);
  });
});

it("counts added and removed lines", () => {
  expect(tally([hunk])).toEqual({ added: 1, removed: 2 });
});

it("finds the hunks between two texts", () => {
  const hunks = hunksBetween("a\nb\nc\n", "a\nB\nc\n");
  expect(hunks).toEqual([{ header: "@@ -1,3 +1,3 @@", lines: [" a", "-b", "+B", " c"] }]);
});

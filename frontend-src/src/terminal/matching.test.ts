import { Terminal } from "@xterm/headless";
import { expect, it } from "vitest";

import { expressionOf, linesIn, matchesIn, type Wanted } from "./matching.ts";

const COLUMNS = 10;

async function found(output: string, wanted: Partial<Wanted> & { text: string }, most?: number) {
  const terminal = new Terminal({ cols: COLUMNS, rows: 5, scrollback: 2000, allowProposedApi: true });
  await new Promise<void>((done) => terminal.write(output, done));
  const buffer = terminal.buffer.active;
  const expression = expressionOf({ isCase: true, isRegex: true, ...wanted });
  if (expression === null) throw new Error("No pattern.");
  return matchesIn(buffer, linesIn(buffer), expression, most).map(({ row, column, cells }) => [row, column, cells]);
}

it("takes the ends of a line where the line was written, not where it is wrapped", async () => {
  const output = "abcabcabcabcabc\r\nabc";
  expect(await found(output, { text: "^abc" })).toEqual([
    [0, 0, 3],
    [2, 0, 3],
  ]);
  expect(await found(output, { text: "abc$" })).toEqual([
    [1, 2, 3],
    [2, 0, 3],
  ]);
});

it("finds what goes on in the next row", async () => {
  expect(await found("12345678abcd", { text: "abc" })).toEqual([[0, 8, 3]]);
  expect(await found("x".repeat(25), { text: "^x+$" })).toEqual([[0, 0, 25]]);
});

it("counts cells where characters take two, or several make one", async () => {
  expect(await found("漢字a漢", { text: "a" })).toEqual([[0, 4, 1]]);
  expect(await found("e\u0301漢x", { text: "漢x" })).toEqual([[0, 1, 3]]);
  // The ninth and tenth cell: the wide one begins the next row.
  expect(await found("123456789漢字", { text: "9漢" })).toEqual([[0, 8, 4]]);
  expect(await found("123456789漢字", { text: "字" })).toEqual([[1, 2, 2]]);
});

it("takes a text as it stands, and cases as one where they shall be", async () => {
  expect(await found("a.b axb", { text: "a.b", isRegex: false })).toEqual([[0, 0, 3]]);
  expect(await found("(x)\\", { text: "(x)\\", isRegex: false })).toEqual([[0, 0, 4]]);
  expect(await found("Ab aB", { text: "ab", isCase: false })).toHaveLength(2);
  expect(await found("Ab aB", { text: "ab" })).toEqual([]);
});

it("finds nothing where a pattern needs nothing, and keeps the newest of too many", async () => {
  expect(await found("abc", { text: "x*" })).toEqual([]);
  expect(await found("a\r\naa\r\na", { text: "a" }, 2)).toEqual([
    [1, 1, 1],
    [2, 0, 1],
  ]);
});

it("knows what is no pattern", () => {
  expect(expressionOf({ text: "(", isCase: true, isRegex: true })).toBeNull();
  expect(expressionOf({ text: "(", isCase: true, isRegex: false })).not.toBeNull();
});

it("divides a line without end: a pattern may take the square of its length", async () => {
  const matches = await found("a".repeat(2500), { text: "a+" });
  expect(matches).toEqual([
    [0, 0, 1000],
    [100, 0, 1000],
    [200, 0, 500],
  ]);
});

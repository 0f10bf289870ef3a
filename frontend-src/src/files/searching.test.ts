import { describe, expect, it } from "vitest";

import type { Calls } from "../stores/client.ts";
import { WireError } from "../wire/errors.ts";
import type { Handlers } from "../wire/subscriptions.ts";
import { FindFiles, globs, GrepFiles, markedParts } from "./searching.svelte.ts";

/** Subscriptions whose events the test gives. */
function fake() {
  const opened: { params: Record<string, unknown>; handlers: Handlers<never, never>; isClosed: boolean }[] = [];
  const calls = {
    call: () => Promise.reject(new Error("not called")),
    subscribe: (_op: string, params: Record<string, unknown>, handlers: Handlers<never, never>) => {
      const one = { params, handlers, isClosed: false };
      opened.push(one);
      return { close: () => (one.isClosed = true) };
    },
  } as unknown as Calls;
  const say = (index: number, event: object) => opened[index]?.handlers.onEvent(event as never);
  return { calls, opened, say };
}

const file = (path: string) => ({ path, type: "file" });

describe("files by name", () => {
  it("come best first, over all batches", () => {
    const { calls, say } = fake();
    const find = new FindFiles(calls, "vm", { path: "/w" });
    find.run("main");
    say(0, { type: "found", entries: [file("docs/domain.md"), file("m/a/i/n.txt")] });
    say(0, { type: "found", entries: [file("src/main.py")] });
    expect(find.found.map((one) => one.path)).toEqual(["src/main.py", "docs/domain.md", "m/a/i/n.txt"]);
    say(0, { type: "done", found: 3, truncated: true });
    expect([find.state, find.isTruncated]).toEqual(["done", true]);
  });

  it("of an earlier search do not come any more, and stay in sight until the next are here", () => {
    const { calls, opened, say } = fake();
    const find = new FindFiles(calls, "vm", { path: "/w" });
    find.run("ma");
    say(0, { type: "found", entries: [file("ma")] });
    find.run("man");
    expect(opened[0]?.isClosed).toBe(true);
    expect(find.found).toHaveLength(1);
    say(0, { type: "found", entries: [file("late")] });
    say(1, { type: "done", found: 0, truncated: false });
    expect(find.found).toEqual([]);
  });
});

describe("lines by content", () => {
  it("are grouped by file, and a file in two parts is one", () => {
    const { calls, opened, say } = fake();
    const grep = new GrepFiles(calls, "vm", { path: "/w" });
    grep.run({ query: "x", regex: true, include: ["*.ts"] });
    expect(opened[0]?.params).toMatchObject({ path: "/w", query: "x", regex: true, include: ["*.ts"], limit: 1000 });
    opened[0]?.handlers.onStart?.({ root: "/w", engine: "ripgrep" } as never);
    const line = (number: number) => ({ line: number, text: "x", spans: [[0, 1]] });
    say(0, { type: "matched", path: "a", lines: [line(1)] });
    say(0, { type: "matched", path: "a", lines: [line(2)] });
    say(0, { type: "matched", path: "b", lines: [line(1)] });
    expect(grep.files.map(({ path, lines }) => [path, lines.length])).toEqual([
      ["a", 2],
      ["b", 1],
    ]);
    expect(grep.count).toBe(3);
    expect(grep.at({ path: "a", bytes: null })).toEqual({ path: "/w/a" });
  });

  it("stop coming when the search is cancelled; what was found stays", () => {
    const { calls, opened, say } = fake();
    const grep = new GrepFiles(calls, "vm", { path: "/w" });
    grep.run({ query: "x" });
    say(0, { type: "matched", path: "a", lines: [{ line: 1, text: "x", spans: [] }] });
    grep.cancel();
    expect([grep.state, grep.files.length, opened[0]?.isClosed]).toEqual(["cancelled", 1, true]);
  });

  it("tell why they cannot be searched", () => {
    const { calls, opened } = fake();
    const grep = new GrepFiles(calls, "vm", { path: "/w" });
    grep.run({ query: "(", regex: true });
    opened[0]?.handlers.onPause?.(new WireError("invalid", "The bracket is not closed."));
    expect([grep.state, grep.problem?.message]).toEqual(["failed", "The bracket is not closed."]);
  });
});

it("splits globs at commas and blanks", () => {
  expect(globs(" *.ts, docs/  ")).toEqual(["*.ts", "docs/"]);
});

it("marks what fits in a line, counted in characters", () => {
  const line = { line: 1, text: "  😀 foo bar foo", spans: [[4, 7] as [number, number], [12, 15] as [number, number]] };
  expect(markedParts(line)).toEqual([
    { text: "😀 ", isMarked: false },
    { text: "foo", isMarked: true },
    { text: " bar ", isMarked: false },
    { text: "foo", isMarked: true },
  ]);
});

import { Terminal } from "@xterm/xterm";
import { expect, it, vi } from "vitest";

import { CommandMarks } from "./marks.ts";

const PROMPT = "\x1b]133;A\x07$ \x1b]133;B\x07";

function shown() {
  const terminal = new Terminal({ cols: 40, rows: 10, scrollback: 50, allowProposedApi: true });
  const onFound = vi.fn();
  const onEnd = vi.fn();
  const marks = new CommandMarks(terminal, String, onFound, onEnd);
  const select = vi.spyOn(terminal, "selectLines");
  const sign = vi.spyOn(terminal, "registerDecoration");
  const write = (text: string) => new Promise<void>((done) => terminal.write(text, done));
  const run = (command: string, output: string, code: number) =>
    write(`${PROMPT}${command}\r\n\x1b]133;C\x07${output}\x1b]133;D;${code}\x07`);
  return { marks, onEnd, onFound, run, select, sign, terminal, write };
}

it("goes from command to command and back to the end", async () => {
  const { marks, onFound, run, select, write } = shown();
  await run("one", "1\r\n", 0);
  await run("two", "2\r\n2\r\n", 0);
  await write(PROMPT);
  expect(onFound).toHaveBeenCalled();
  for (const by of [-1, -1, -1, 1] as const) expect(marks.step(by)).toBe(true);
  expect(select.mock.calls.map(([from]) => from)).toEqual([2, 0, 0, 2]);
});

it("selects what a command has written: all of it, and no more", async () => {
  const { marks, run, select, write } = shown();
  await run("one", "1\r\n1\r\n", 0);
  await run("printf x", "x", 0);
  await write(`\r\n${PROMPT}`);
  expect(marks.selectOutput()).toBe(true);
  expect(select).toHaveBeenLastCalledWith(4, 4);
  marks.step(-1);
  marks.step(-1);
  marks.selectOutput();
  expect(select).toHaveBeenLastCalledWith(1, 2);
});

it("signs commands that have failed, not those that were not run", async () => {
  const { run, sign, write } = shown();
  await run("true", "", 0);
  await write(`${PROMPT}\r\n\x1b]133;D;1\x07`);
  expect(sign).not.toHaveBeenCalled();
  await run("false", "", 1);
  expect(sign).toHaveBeenCalledOnce();
});

it("tells how commands have ended, where the shell says so", async () => {
  const { onEnd, run, write } = shown();
  await run("true", "", 0);
  await run("false", "", 2);
  await write(`${PROMPT}x\r\n\x1b]133;C\x07\x1b]133;D\x07\x1b]133;D;1\x07`);
  await run("clear", "\x1b[H\x1b[2J\x1b[3J", 3);
  await run("much", "x\r\n".repeat(100), 4);
  expect(onEnd.mock.calls).toEqual([[0], [2], [null], [3], [4]]);
});

it("forgets what has left the scrollback and keeps a bounded number", async () => {
  const { marks, run, terminal, write } = shown();
  await run("old", "", 0);
  await write("x\r\n".repeat(100));
  expect(marks.isEmpty).toBe(true);
  for (let n = 0; n < 30; n++) await write(`${PROMPT}\x1b]133;C\x07\r`.repeat(50));
  expect(terminal.markers.length).toBe(2000);
});

it("knows no commands without the shell's word, and none in full-screen programs", async () => {
  const { marks, run, write } = shown();
  expect(marks.step(-1)).toBe(false);
  expect(marks.selectOutput()).toBe(false);
  await write("\x1b[?1049h");
  await run("inside", "", 0);
  expect(marks.isEmpty).toBe(true);
});

import { Terminal } from "@xterm/xterm";
import { expect, it } from "vitest";

import { silence } from "./queries.ts";

/** What the terminal types by itself when a program writes `text`. */
async function answers(text: string, isSilent: boolean): Promise<string> {
  const terminal = new Terminal({ cols: 20, rows: 5, allowProposedApi: true });
  silence(terminal.parser, () => isSilent);
  let typed = "";
  terminal.onData((data) => (typed += data));
  await new Promise<void>((resolve) => {
    terminal.write(text, resolve);
  });
  terminal.dispose();
  return typed;
}

const QUESTIONS = ["\x1b[c", "\x1b[>c", "\x1b[6n", "\x1b[?6n", "\x1b[5n", "\x1b[?2026$p", "\x1b[4$p", "\x1bP$qm\x1b\\"];

it.each(QUESTIONS)("is asked %j: answers, and is silent about old output", async (question) => {
  expect(await answers(question, false)).not.toBe("");
  expect(await answers(question, true)).toBe("");
});

it("still obeys while it is silent", async () => {
  const terminal = new Terminal({ cols: 20, rows: 5, allowProposedApi: true });
  silence(terminal.parser, () => true);
  await new Promise<void>((resolve) => {
    terminal.write("\x1b]10;#ff0000\x1b\\\x1b[3;4Hhere", resolve);
  });
  expect(terminal.buffer.active.getLine(2)?.translateToString(true)).toBe("   here");
  terminal.dispose();
});

it.each(["10;?", "10;?;red", "4;1;?;2;red"])("a question among colours (%s) is passed over too", async (text) => {
  const terminal = new Terminal({ cols: 20, rows: 5, allowProposedApi: true });
  const heard: string[] = [];
  for (const code of [4, 10])
    terminal.parser.registerOscHandler(code, (data) => {
      heard.push(data);
      return true;
    });
  silence(terminal.parser, () => true);
  await new Promise<void>((resolve) => {
    terminal.write(`\x1b]${text}\x07`, resolve);
  });
  expect(heard).toEqual([]);
  terminal.dispose();
});

import { Terminal } from "@xterm/xterm";
import { expect, it } from "vitest";

import { wholeText } from "./reading.ts";

it("gives lines as they were written, however they were wrapped", async () => {
  const terminal = new Terminal({ cols: 10, rows: 4, allowProposedApi: true });
  const long = "a line with words that is wider than ten columns";
  await new Promise<void>((done) => terminal.write(`${long}\r\n\r\nshort  \r\n${"x".repeat(20)}\r\n`, done));
  expect(wholeText(terminal.buffer.active)).toBe(`${long}\n\nshort  \n${"x".repeat(20)}`);
});

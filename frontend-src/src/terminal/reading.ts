/** The text of a terminal as lines were written, not as they were wrapped. */
import type { IBuffer } from "@xterm/xterm";

/** What is needed of xterm's buffer. */
export type Lines = Pick<IBuffer, "length" | "getLine">;

/** Every line of the buffer once, wrapped rows joined, empty lines at the end left out. */
export function wholeText(buffer: Lines): string {
  const lines: string[] = [];
  for (let row = 0; row < buffer.length; row++) {
    const line = buffer.getLine(row);
    if (line === undefined) continue;
    const goesOn = buffer.getLine(row + 1)?.isWrapped === true;
    const text = line.translateToString(!goesOn);
    lines.push(line.isWrapped ? (lines.pop() ?? "") + text : text);
  }
  while (lines.at(-1) === "") lines.pop();
  return lines.join("\n");
}

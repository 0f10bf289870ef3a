/**
 * Streaming Markdown cut where it may be cut, so that what is finished is parsed once.
 *
 * A cut is a blank line outside a code fence that is followed by a line at the margin which opens no list: such a line
 * always begins a new block (CommonMark, "Container blocks").
 */
const FENCE = /^ {0,3}(`{3,}|~{3,})/;
const CONTINUES = /^(?:\s|[-*+]\s|\d+[.)]\s|>|\|)/;

/** A link's target that is defined elsewhere in the text: then the text is one piece. */
const DEFINITION = /^ {0,3}\[[^\]]+\]:\s/m;

/** Parts that give `text` when put together; all but the last are final. */
export function segments(text: string): string[] {
  if (DEFINITION.test(text)) return [text];
  const lines = text.split("\n");
  const out: string[] = [];
  let start = 0;
  let fence: string | null = null;
  for (const [index, line] of lines.entries()) {
    const mark = FENCE.exec(line)?.[1];
    if (fence !== null) {
      if (mark?.startsWith(fence) === true) fence = null;
      continue;
    }
    const isAfterBlank = index > start && lines[index - 1]?.trim() === "";
    // The last line may still grow into anything.
    if (isAfterBlank && line.trim() !== "" && !CONTINUES.test(line) && index < lines.length) {
      out.push(lines.slice(start, index).join("\n"));
      start = index;
    }
    if (mark !== undefined) fence = mark;
  }
  out.push(lines.slice(start).join("\n"));
  return out;
}

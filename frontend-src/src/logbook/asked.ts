/** What an ask shows: its heading, and the differences that it would make. */
import { hunksBetween } from "../diff/rows.ts";
import { askedText } from "../pages/asked.ts";
import type { Log, ToolBlock } from "../stores/blocks.ts";
import { ask as words } from "../strings/logbook.ts";
import type { ApprovalRequested, DiffFile } from "../wire/wire.gen.ts";
import { relative } from "./ledger.ts";

/** A member of the input when it is a text. */
export function inputWord(request: ApprovalRequested, name: string): string | null {
  const value = request.input[name];
  return typeof value === "string" ? value : null;
}

const squeezed = (text: string): string => text.replace(/\s+/g, " ").trim();

/** The heading of an ask; a title that only repeats the command below it gives way to plain words. */
export function askHeading(request: ApprovalRequested): string {
  if (request.kind !== "tool") return request.kind === "question" ? words.questionTitle : words.planTitle;
  const isRepeated = squeezed(askedText(request)).startsWith(squeezed(request.title.replace(/(\.\.\.|…)$/, "")));
  return isRepeated && "command" in request.input ? words.commandTitle : request.title;
}

function fileOf(path: string, before: string | null, now: string): DiffFile | null {
  const hunks = hunksBetween(before ?? "", now);
  return hunks && { path, status: before === null ? "added" : "modified", binary: false, hunks };
}

function lines(piece: string): string {
  return piece === "" || piece.endsWith("\n") ? piece : `${piece}\n`;
}

/**
 * The files that would change. The call's own difference comes first, because it knows the whole file; else what the
 * input says. Empty when the ask changes no file, or by too much to compare.
 */
export function askedFiles(request: ApprovalRequested, content: ToolBlock["content"], folder: string): DiffFile[] {
  const told = content.flatMap((part) => (part.type === "diff" ? [part] : []));
  if (told.length > 0) {
    return told.flatMap((part) => fileOf(relative(part.path, folder), part.old_text ?? null, part.new_text) ?? []);
  }
  const path = inputWord(request, "file_path") ?? inputWord(request, "path");
  const now = inputWord(request, "new_string") ?? inputWord(request, "content");
  if (path === null || now === null) return [];
  const before = inputWord(request, "old_string");
  // A piece out of a file says nothing of the file's end.
  const file =
    before === null
      ? fileOf(relative(path, folder), null, now)
      : fileOf(relative(path, folder), lines(before), lines(now));
  return file === null ? [] : [file];
}

/** Whether the input names a piece of a file only, which says nothing of where in the file it stands. */
export function isFragment(request: ApprovalRequested): boolean {
  return inputWord(request, "file_path") !== null && inputWord(request, "old_string") !== null;
}

/** The change of a piece as a change of the whole file; null unless the piece stands there, and only once. */
export function placedIn(text: string, request: ApprovalRequested): ToolBlock["content"][number] | null {
  const [path, before, now] = ["file_path", "old_string", "new_string"].map((name) => inputWord(request, name));
  if (path == null || before == null || before === "" || now == null) return null;
  const pieces = text.split(before);
  if (pieces.length < 2 || (pieces.length > 2 && request.input["replace_all"] !== true)) return null;
  return { type: "diff", path, old_text: text, new_text: pieces.join(now) };
}

/** The call that an ask is about; null when it is not in the log (any more). */
export function callOf(log: Log, request: ApprovalRequested): ToolBlock | null {
  if (request.tool_call_id == null) return null;
  for (const turn of log.turns.toReversed()) {
    const found = turn.blocks.find((block) => block.kind === "tool" && block.toolCallId === request.tool_call_id);
    if (found?.kind === "tool") return found;
  }
  return null;
}

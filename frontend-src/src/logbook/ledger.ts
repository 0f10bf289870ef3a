/** A tool call as one line of the ledger: verb, object, result. */
import { log as words } from "../strings/logbook.ts";
import type { ToolBlock } from "../stores/blocks.ts";
import { hunksBetween, tally } from "../diff/rows.ts";

export interface LedgerLine {
  verb: string;
  object: string;
  /** `+1 −1`, `failed`, a count; empty when there is nothing worth a word. */
  result: string;
}

/** Input fields that name what a call is about, in order of how well they do. */
const OBJECT_FIELDS = [
  "command",
  "file_path",
  "path",
  "notebook_path",
  "pattern",
  "query",
  "url",
  "description",
  "subject",
  "name",
];

function firstField(input: Readonly<Record<string, unknown>>): string {
  for (const field of OBJECT_FIELDS) {
    const value = input[field];
    if (typeof value === "string" && value !== "") return value;
  }
  return "";
}

/** A path inside the project without the project's folder. */
export function relative(path: string, folder: string): string {
  const base = folder.endsWith("/") ? folder : `${folder}/`;
  return path.startsWith(base) ? path.slice(base.length) : path;
}

const sums = new WeakMap<ToolBlock["content"], { added: number; removed: number } | null>();

/** How many lines the call's diffs add and remove; null when it has none, or one that is too large to compare. */
export function changedLines(content: ToolBlock["content"]): { added: number; removed: number } | null {
  const known = sums.get(content);
  if (known !== undefined) return known;
  const diffs = content.filter((part) => part.type === "diff");
  const hunks = diffs.map((part) => hunksBetween(part.old_text ?? "", part.new_text));
  const total = diffs.length === 0 || hunks.includes(null) ? null : tally(hunks.flatMap((some) => some ?? []));
  sums.set(content, total);
  return total;
}

export function ledgerLine(block: ToolBlock, folder: string): LedgerLine {
  const isOwnName = block.toolKind === "other" || block.toolKind === "think";
  const verb = isOwnName ? block.name : words.verbs[block.toolKind];
  const object = relative(firstField(block.input) || block.title, folder).split("\n", 1)[0] ?? "";
  return { verb, object, result: resultOf(block) };
}

function resultOf(block: ToolBlock): string {
  if (block.status === "failed") return words.failed;
  const lines = changedLines(block.content);
  return lines === null ? "" : `+${String(lines.added)} −${String(lines.removed)}`;
}

/** The text that a tool printed. */
export function outputOf(block: ToolBlock): string {
  return block.content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n");
}

/** The end of a failed call's output, which tells why. */
export function lastLines(text: string, count: number): string {
  return text.trimEnd().split("\n").slice(-count).join("\n");
}

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

/** What the page calls tools whose own names say nothing to people. */
const OWN_VERBS: Readonly<Partial<Record<string, string>>> = {
  AskUserQuestion: words.ownVerbs.question,
  ExitPlanMode: words.ownVerbs.plan,
  TodoWrite: words.ownVerbs.todo,
};

/** The words of the first question of a call that asks some. */
function questionOf(input: Readonly<Record<string, unknown>>): string {
  const list: unknown = input["questions"];
  const first: unknown = Array.isArray(list) ? list[0] : null;
  const text: unknown = typeof first === "object" && first !== null && "question" in first ? first.question : null;
  return typeof text === "string" ? text : "";
}

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

/** What a call did, as its ask calls it: a command is run, also where it only lists or reads files. */
export function verbKind(block: ToolBlock): ToolBlock["toolKind"] {
  const isCommand = typeof block.input["command"] === "string";
  return isCommand && (block.toolKind === "read" || block.toolKind === "search") ? "execute" : block.toolKind;
}

/** `isDeclined`: it did not run because that was not wanted, so it has not failed. */
export function ledgerLine(block: ToolBlock, folder: string, isDeclined = false): LedgerLine {
  const isOwnName = block.toolKind === "other" || block.toolKind === "think";
  const verb = isOwnName ? (OWN_VERBS[block.name] ?? block.name) : words.verbs[verbKind(block)];
  const about = questionOf(block.input) || firstField(block.input) || block.title;
  const object = relative(about, folder).split("\n", 1)[0] ?? "";
  return { verb, object: object === block.name ? "" : object, result: isDeclined ? "" : resultOf(block) };
}

/** The CLI wraps what it has to say about a call in a tag that is meant for the model. */
const TAG = /^\s*<(tool_use_error|error)>([\s\S]*?)<\/\1>\s*$/;

/** What a tool printed, as people read it. */
export function readable(text: string): string {
  return TAG.exec(text)?.[2] ?? text;
}

function resultOf(block: ToolBlock): string {
  if (block.status === "failed") return words.failed;
  const lines = changedLines(block.content);
  return lines === null ? "" : `+${String(lines.added)} −${String(lines.removed)}`;
}

/** The text that a tool printed. */
export function outputOf(block: ToolBlock): string {
  return block.content.flatMap((part) => (part.type === "text" ? [readable(part.text)] : [])).join("\n");
}

/** The end of a failed call's output, which tells why. */
export function lastLines(text: string, count: number): string {
  return text.trimEnd().split("\n").slice(-count).join("\n");
}

/** A turn in one sentence, for those who listen. */
import type { TurnBlocks } from "../stores/blocks.ts";
import { log as words } from "../strings/logbook.ts";
import { verbKind } from "./ledger.ts";

export function turnSummary(turn: TurnBlocks): string {
  if (turn.end === null) return "";
  const { reason, error } = turn.end;
  if (reason !== "end_turn") return `${words.ends[reason]}${error === null ? "" : ` ${error}`}`;
  const tools = turn.blocks.filter((block) => block.kind === "tool" && block.status === "completed");
  const commands = tools.filter((block) => block.kind === "tool" && verbKind(block) === "execute").length;
  const paths = new Set<string>();
  for (const block of tools) {
    if (block.kind !== "tool") continue;
    for (const part of block.content) if (part.type === "diff") paths.add(part.path);
  }
  return words.summary(commands, paths.size);
}

/** What an approval is about, as text that can be read whole. */
import type { ApprovalRequested } from "../wire/wire.gen.ts";

/** Members of an agent's input that say it all when they are there. */
const TELLING = ["command", "file_path", "path", "url", "pattern", "query"];

/** The full command, path or address; else the whole input as JSON. Never cut: who allows must see all of it. */
export function askedText(approval: ApprovalRequested): string {
  for (const key of TELLING) {
    const value = approval.input[key];
    if (typeof value === "string" && value !== "") return value;
    if (Array.isArray(value) && value.every((part) => typeof part === "string")) return value.join(" ");
  }
  return Object.keys(approval.input).length === 0 ? "" : JSON.stringify(approval.input, null, 2);
}

/** What became of an ask, in a few words of its line. */
import type { AskBlock } from "../stores/blocks.ts";
import { log as words } from "../strings/logbook.ts";

export function isPendingAsk(block: AskBlock): boolean {
  return block.resolution === null;
}

/** `Allow once by ada`, `waits for you`, `withdrawn`. */
export function answerOf({ request, resolution }: AskBlock): string {
  if (resolution === null) return words.waiting;
  if (resolution.outcome === "expired") return words.expired;
  if (resolution.outcome === "withdrawn") return words.withdrawn;
  const option = request.options.find((one) => one.id === resolution.option);
  return [option?.name ?? resolution.option ?? "", resolution.by ? words.by(resolution.by) : ""].join(" ").trim();
}

/** What became of an ask, in a few words of its line. */
import type { AskBlock } from "../stores/blocks.ts";
import { log as words } from "../strings/logbook.ts";

export function isPendingAsk(block: AskBlock): boolean {
  return block.resolution === null;
}

/** Whether somebody, or the passing of time, said no to a call: then it did not fail, it was not wanted. */
export function isDeclined(asks: readonly AskBlock[]): boolean {
  const last = asks.at(-1);
  if (last?.resolution == null) return false;
  const { request, resolution } = last;
  if (resolution.outcome !== "selected") return true;
  return request.options.find((one) => one.id === resolution.option)?.kind.startsWith("reject") ?? false;
}

/** The chosen option in the past tense: `Allowed once`; a rule keeps its own words. */
function chosenOf(request: AskBlock["request"], id: string | null | undefined): string {
  const option = request.options.find((one) => one.id === id);
  const said = words.answers[request.kind];
  if (option?.kind === "allow_once") return said.yes;
  if (option?.kind === "reject_once") return said.no;
  const name = option?.name ?? id ?? "";
  return name.startsWith("Allow ") ? words.allowed(name.slice("Allow ".length)) : name;
}

/** `Allowed once by ada`, `waits for you`, `withdrawn`. */
export function answerOf({ request, resolution, isLost }: Pick<AskBlock, "request" | "resolution" | "isLost">): string {
  if (resolution === null) return words.waiting;
  if (resolution.outcome === "expired") return request.kind === "question" ? words.expiredQuestion : words.expired;
  if (isLost) return words.lost;
  if (resolution.outcome === "withdrawn") return words.withdrawn;
  return [chosenOf(request, resolution.option), resolution.by ? words.by(resolution.by) : ""].join(" ").trim();
}

/** What a setting of the session was changed to, in the words of its agent. */
import type { ChangeBlock } from "../stores/blocks.ts";

interface Choice {
  readonly id: string;
  readonly name: string;
}
/** What is read of a ProviderInfo. */
interface Choices {
  readonly modes: readonly Choice[];
  readonly models: readonly Choice[];
}

/** The name of the mode or model where the agent (still) has it, else its id. */
export function changedTo({ what, value }: Pick<ChangeBlock, "what" | "value">, agent: Choices | undefined): string {
  if (what === "title") return value;
  const [id = "", ...rest] = value.split(" · ");
  const choices = agent?.[what === "mode" ? "modes" : "models"];
  return [choices?.find((choice) => choice.id === id)?.name ?? id, ...rest].join(" · ");
}

/** How a terminal's program ended, in words and as a state. */
import { terminalWords as words } from "../strings/terminal.ts";
import type { Terminal } from "../wire/wire.gen.ts";

export interface End {
  state: "done" | "failed";
  /** `with exit code 2`, `by SIGKILL`; empty when nobody knows. */
  how: string;
}

/** `code` 0 is an end as it should be; anything else is worth a look. */
export function endOf({ code, signal }: Pick<Terminal, "code" | "signal">): End {
  if (signal != null) return { state: "failed", how: words.bySignal(signal) };
  if (code == null) return { state: "failed", how: "" };
  return { state: code === 0 ? "done" : "failed", how: words.withCode(code) };
}

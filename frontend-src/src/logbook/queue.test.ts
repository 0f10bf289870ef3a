import { describe, expect, it } from "vitest";

import type { QueuedPrompt } from "../wire/wire.gen.ts";
import { beforeAt } from "./moving.ts";

const queue: QueuedPrompt[] = ["a", "b", "c"].map((id) => ({ message_id: id, text: id, attachments: [], by: "ada" }));

/** What the node does with the answer. */
function moved(from: number, to: number): string {
  const before = beforeAt(queue, from, to);
  const prompt = queue[from];
  if (before === null || prompt === undefined) return "abc";
  const rest = queue.filter((one) => one !== prompt);
  const at = before === undefined ? rest.length : rest.findIndex((one) => one.message_id === before);
  return [...rest.slice(0, at), prompt, ...rest.slice(at)].map((one) => one.message_id).join("");
}

describe("moving a prompt of the queue", () => {
  it("puts it at the place that was meant, up and down", () => {
    expect(moved(0, 1)).toBe("bac");
    expect(moved(0, 2)).toBe("bca");
    expect(moved(2, 0)).toBe("cab");
    expect(moved(1, 0)).toBe("bac");
  });

  it("asks for nothing when it stays or there is no such place", () => {
    expect(beforeAt(queue, 1, 1)).toBeNull();
    expect(beforeAt(queue, 2, 3)).toBeNull();
    expect(beforeAt(queue, 0, -1)).toBeNull();
    expect(beforeAt([], 0, 0)).toBeNull();
  });
});

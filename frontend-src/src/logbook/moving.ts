/** Places in a queue. */
import type { QueuedPrompt } from "../wire/wire.gen.ts";

/**
 * The prompt before which the one at `from` must be put to stand at `to` (both from 0) once it has left its place;
 * undefined for the end, null when it stands there already or there is no such place.
 */
export function beforeAt(queue: readonly QueuedPrompt[], from: number, to: number): string | undefined | null {
  if (from === to || to < 0 || to >= queue.length || queue[from] === undefined) return null;
  const rest = queue.filter((_, index) => index !== from);
  return rest[to]?.message_id;
}

/** How long something in the log took. */
import { duration } from "../format/format.ts";

/** Shorter than this is as good as at once: no number is quieter than `0.0 s`. */
const WORTH_MS = 50;

/** Between two RFC 3339 times; empty while one is unknown or when it was over at once. */
export function tookOf(from: string, to: string | null): string {
  if (from === "" || to === null || to === "") return "";
  const ms = Date.parse(to) - Date.parse(from);
  return ms < WORTH_MS ? "" : duration(ms);
}

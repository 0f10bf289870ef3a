/** A whole session as a file on this device. */
import type { Calls } from "../stores/client.ts";

export type Format = "markdown" | "json";

const TYPES: Record<Format, string> = { markdown: "text/markdown", json: "application/x-ndjson" };

/** Fetches the document part by part. Rejects with WireError: then there is none. */
export async function exported(
  calls: Pick<Calls, "call">,
  target: { node: string; session: string },
  format: Format,
): Promise<{ name: string; document: Blob }> {
  const parts: string[] = [];
  let after = 0;
  for (;;) {
    const part = await calls.call("session.export", { ...target, format, after });
    parts.push(part.content);
    const next = part.next_after ?? null;
    // A part that leads no further would be asked for without end.
    if (next === null || next <= after) return { name: part.name, document: new Blob(parts, { type: TYPES[format] }) };
    after = next;
  }
}

/** Hands a document to the browser's own downloads. */
export function download(name: string, document: Blob): void {
  const url = URL.createObjectURL(document);
  const link = window.document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser has taken it over by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

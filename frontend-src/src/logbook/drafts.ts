/** What was typed and not sent, kept on this device so that a reload loses nothing. */

function keyOf(node: string, session: string): string {
  return `switchyard.draft.${node}/${session}`;
}

export function draftOf(node: string, session: string): string {
  try {
    return localStorage.getItem(keyOf(node, session)) ?? "";
  } catch (error) {
    if (error instanceof DOMException) return "";
    throw error;
  }
}

export function keepDraft(node: string, session: string, text: string): void {
  try {
    if (text === "") localStorage.removeItem(keyOf(node, session));
    else localStorage.setItem(keyOf(node, session), text);
  } catch (error) {
    // Storage is full or forbidden: the draft lives as long as the page.
    if (!(error instanceof DOMException)) throw error;
  }
}

/**
 * Copies text. Over plain http browsers have no clipboard API; the old command still works there.
 *
 * False when the browser refuses both: then the text must be selected for the person to copy.
 */
export async function copyText(text: string): Promise<boolean> {
  if (isSecureContext) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
    }
  }
  const holder = document.createElement("textarea");
  holder.value = text;
  holder.className = "aloud";
  const before = document.activeElement;
  (document.querySelector("dialog[open]") ?? document.body).append(holder);
  holder.select();
  // Deprecated without a successor over plain http.
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  const isDone = document.execCommand("copy");
  holder.remove();
  if (before instanceof HTMLElement) before.focus();
  return isDone;
}

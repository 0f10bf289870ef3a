/**
 * OSC 52: a program asks to set the clipboard. Only after the user's yes; reading the clipboard is never answered.
 *
 * `Pc ; Pd` with Pd in base64 (xterm ctlseqs). `?` as Pd asks to read.
 */
const MAX_BYTES = 1024 * 1024;

/** The text that the sequence would put on the clipboard; null when it asks to read, is empty, too long or garbage. */
export function clipboardRequest(data: string): string | null {
  const separator = data.indexOf(";");
  const payload = data.slice(separator + 1);
  if (separator < 0 || payload === "?" || payload === "" || payload.length > (MAX_BYTES * 4) / 3) return null;
  try {
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

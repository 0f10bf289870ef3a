/**
 * Where the page lives. Main may serve it under a sub-path, which it names in `<meta name="switchyard-base">`;
 * every address of the page is made here.
 */

function basePath(): string {
  const named = document.querySelector<HTMLMetaElement>('meta[name="switchyard-base"]')?.content ?? "/";
  return named.endsWith("/") ? named : `${named}/`;
}

/** The path under which the page is served; begins and ends with a slash. */
export const BASE = basePath();

/** The address of `path` (no leading slash) below the base. */
export function at(path: string): string {
  return BASE + path;
}

/** The WebSocket address of `path` (no leading slash) below the base. */
export function socketAt(path: string): string {
  const url = new URL(at(path), location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

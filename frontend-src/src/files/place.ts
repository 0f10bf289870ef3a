/** Where something lies on a machine. A name need not be UTF-8: then its bytes go along, and they are what counts. */
import { at } from "../wire/base.ts";

export interface Place {
  /** Absolute; U+FFFD stands for bytes that are no UTF-8. */
  readonly path: string;
  /** Base64 of the path's bytes, only where it is not UTF-8. */
  readonly bytes?: string | undefined;
}

/** The parameters that name `place` in a call. */
export function named(place: Place): { path: string } | { path_bytes: string } {
  return place.bytes === undefined ? { path: place.path } : { path_bytes: place.bytes };
}

/** The parameters that name `place` as the target of a move or a copy. */
export function target(place: Place): { to: string } | { to_bytes: string } {
  return place.bytes === undefined ? { to: place.path } : { to_bytes: place.bytes };
}

/** What an answer names. */
export function placeOf(answer: { path: string; path_bytes?: string | null }): Place {
  return answer.path_bytes == null ? { path: answer.path } : { path: answer.path, bytes: answer.path_bytes };
}

export function isSame(one: Place, other: Place): boolean {
  return one.path === other.path && one.bytes === other.bytes;
}

function bytesOf(text: string, base64: string | null | undefined): string {
  if (base64 != null) return atob(base64);
  return String.fromCharCode(...new TextEncoder().encode(text));
}

function joined(folder: string, name: string): string {
  return folder.endsWith("/") ? folder + name : `${folder}/${name}`;
}

/** What lies in `folder` under a name or a relative path; `bytes` are those of a name that is not UTF-8. */
export function inside(folder: Place, name: string, bytes?: string | null): Place {
  const path = joined(folder.path, name);
  if (folder.bytes === undefined && bytes == null) return { path };
  return { path, bytes: btoa(joined(bytesOf(folder.path, folder.bytes), bytesOf(name, bytes))) };
}

/** The folder that `place` lies in; `/` in itself. */
export function above(place: Place): Place {
  const cut = (text: string) => text.slice(0, Math.max(1, text.lastIndexOf("/")));
  const path = cut(place.path);
  if (place.bytes === undefined) return { path };
  const bytes = cut(atob(place.bytes));
  const text = new TextDecoder().decode(Uint8Array.from(bytes, (character) => character.charCodeAt(0)));
  // The folder itself may well be UTF-8.
  return text.includes("\ufffd") ? { path, bytes: btoa(bytes) } : { path: text };
}

/** The last part of the path. */
export function nameOf(place: Place): string {
  return place.path.slice(place.path.lastIndexOf("/") + 1) || "/";
}

function query(place: Place, more: Record<string, string> = {}): string {
  return new URLSearchParams({ ...named(place), ...more }).toString();
}

/** Where the bytes of a file are read and written; `isInline` asks to be shown and not to be kept. */
export function contentAddress(node: string, place: Place, isInline = false): string {
  return at(`api/nodes/${encodeURIComponent(node)}/files/content?${query(place, isInline ? { inline: "1" } : {})}`);
}

/** Where an upload goes that can be continued; `offset` is how much of it is there. */
export function uploadAddress(node: string, place: Place, upload: string, offset: number): string {
  const more = { upload, offset: String(offset) };
  return at(`api/nodes/${encodeURIComponent(node)}/files/content?${query(place, more)}`);
}

/** Where a folder can be had as one zip file. */
export function archiveAddress(node: string, place: Place): string {
  return at(`api/nodes/${encodeURIComponent(node)}/files/archive?${query(place)}`);
}

/** Numbers, times and sizes as people read them. */

import { shownTitle } from "./titles.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `0.2 s`, `14 s`, `3 min`, `1 h 20 min`. */
export function duration(ms: number): string {
  if (ms < 0) return "0 s";
  if (ms < 9.95 * SECOND) return `${(ms / SECOND).toFixed(1)} s`;
  if (ms < MINUTE) return `${Math.round(ms / SECOND)} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`;
  const minutes = Math.floor((ms % HOUR) / MINUTE);
  if (ms >= DAY) return `${Math.floor(ms / DAY)} d`;
  return minutes === 0 ? `${Math.floor(ms / HOUR)} h` : `${Math.floor(ms / HOUR)} h ${minutes} min`;
}

/** Like `duration`, but in whole units: `0 s`, `6 s`, `3 min`. For what nobody measures. */
export function whole(ms: number): string {
  return ms < MINUTE - SECOND / 2 ? `${Math.max(0, Math.round(ms / SECOND))} s` : duration(Math.max(ms, MINUTE));
}

/** A running clock: `0:42`, `12:03`, `1:02:03`. */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / SECOND));
  const two = (value: number) => String(value).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}:${two(seconds % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
}

/** How long ago, in one unit: `now`, `3 min`, `5 h`, `2 d`, `4 w`. */
export function age(then: string | number | null, now: number): string {
  if (then === null || then === "") return "";
  const ms = now - (typeof then === "number" ? then : Date.parse(then));
  if (ms < MINUTE) return "now";
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h`;
  if (ms < 21 * DAY) return `${Math.floor(ms / DAY)} d`;
  return `${Math.floor(ms / (7 * DAY))} w`;
}

/** The full time in the reader's own zone and language, for titles. */
export function fullTime(then: string): string {
  return then === "" ? "" : new Date(then).toLocaleString();
}

/** `312 B`, `4.2 KB`, `17 MB`; powers of 1000. */
export function bytes(size: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let value = size;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 9.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit] ?? ""}`;
}

/** `1 file`, `3 files`. */
export function count(value: number, one: string, many = `${one}s`): string {
  return `${value.toLocaleString("en")} ${value === 1 ? one : many}`;
}

/** The last part of a path, which is how people call a folder; shown, never sent. */
export function baseName(path: string): string {
  const parts = path.split(/[\\/]/).filter((part) => part !== "");
  return shownTitle(parts.at(-1) ?? path);
}

/** The path with the machine's home folder written `~`. */
export function shortPath(path: string, home: string | null | undefined): string {
  if (home == null || home === "" || home === "/") return path;
  if (path === home) return "~";
  return path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path;
}

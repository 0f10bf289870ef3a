/** The keyboard of the whole page. What belongs to one part (log, ask, terminal) listens there itself. */
import { prefs } from "../stores/prefs.svelte.ts";
import { frame } from "./frame.svelte.ts";
import { router } from "./router.svelte.ts";
import type { Route } from "./routes.ts";

/** After `g` the second letter must follow within this. */
const CHORD_MS = 1200;
const PLACES: Partial<Record<string, Route>> = {
  n: { name: "needs" },
  s: { name: "home" },
  m: { name: "machines" },
};
/** In the order in which F6 goes through them. */
const REGIONS = ["sidebar", "log", "composer", "panel"];

/** Letters are text there and not keys. A terminal names itself with `data-keys="own"`. */
export function takesText(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.closest('input, textarea, select, [data-keys="own"]') !== null;
}

/** What a part is for comes first: its field, then its own stop, then whatever it has. */
const STOPS = ["textarea", '[tabindex="0"]', "a[href], button:not(:disabled), input"];

/** Puts the focus into a part of the page (`data-region`); false when it is not there. */
export function focusRegion(name: string): boolean {
  const region = document.querySelector<HTMLElement>(`[data-region="${name}"]`);
  if (region === null) return false;
  const inside = STOPS.flatMap((stop) => [...region.querySelectorAll<HTMLElement>(stop)]);
  // What is hidden does not take the focus, and the next is tried.
  return [...(region.tabIndex >= 0 ? [region] : []), ...inside].some((target) => {
    target.focus();
    return document.activeElement === target;
  });
}

function nextRegion(step: number): void {
  const here = document.activeElement?.closest("[data-region]")?.getAttribute("data-region") ?? "";
  const from = REGIONS.indexOf(here);
  for (let tries = 1; tries <= REGIONS.length; tries++) {
    const at = (((from + step * tries) % REGIONS.length) + REGIONS.length) % REGIONS.length;
    if (focusRegion(REGIONS[at] ?? "")) return;
  }
}

/** True when the key was one with Ctrl or Cmd, or F6, and has been used. */
function onCommand(event: KeyboardEvent): boolean {
  if (event.key === "F6") {
    nextRegion(event.shiftKey ? -1 : 1);
    return true;
  }
  if (!(event.ctrlKey || event.metaKey) || event.altKey) return false;
  const key = event.key.toLowerCase();
  if (key === "k" && !event.shiftKey) frame.isPaletteOpen = true;
  else if (key === "b" && !event.shiftKey) frame.toggleSidebar();
  else if (key === "j" && !event.shiftKey) frame.togglePanel("terminal");
  else if (key === "g" && event.shiftKey) frame.togglePanel("changes");
  else return false;
  return true;
}

/** Listens until the returned function is called. */
export function listenToKeys(): () => void {
  let chordUntil = 0;

  function onLetter(event: KeyboardEvent): boolean {
    if (event.ctrlKey || event.metaKey || event.altKey || !prefs.values.hasLetters) return false;
    if (performance.now() < chordUntil) {
      chordUntil = 0;
      const place = PLACES[event.key];
      if (place === undefined) return false;
      router.go(place);
      return true;
    }
    if (event.key === "g") chordUntil = performance.now() + CHORD_MS;
    else if (event.key === "?") frame.isKeyMapOpen = true;
    else if (event.key === "/" || event.key === "i") return focusRegion("composer");
    else return false;
    return true;
  }

  function onKeydown(event: KeyboardEvent): void {
    // A terminal sends Ctrl B and Ctrl J to its program; it is left with F6 or Ctrl Shift Esc.
    const isOwn = event.target instanceof Element && event.target.closest('[data-keys="own"]') !== null;
    if (event.defaultPrevented || document.querySelector("dialog[open]") !== null) return;
    if (isOwn && event.key !== "F6") return;
    if (onCommand(event) || (!takesText(event.target) && onLetter(event))) event.preventDefault();
  }

  document.addEventListener("keydown", onKeydown);
  return () => document.removeEventListener("keydown", onKeydown);
}

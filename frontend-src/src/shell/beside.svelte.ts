/** Opening sessions side by side: by dragging a row, by Ctrl and a click, by key, from the palette. */
import { frame } from "./frame.svelte.ts";
import { canOpenBeside, closed, opened, placesOf, stepped } from "./panes.ts";
import { routeOf, router } from "./router.svelte.ts";
import type { Place, SessionRoute } from "./routes.ts";

/** The session that a link leads to; null for any other element. */
export function linkedSession(target: EventTarget | null): Place | null {
  const link = target instanceof Element ? target.closest<HTMLAnchorElement>("a[href]") : null;
  const route = link === null ? null : routeOf(new URL(link.href));
  return route?.name === "session" ? { node: route.node, session: route.session } : null;
}

/** The panes that a session would be opened beside: those on screen, or those that were left last. */
function current(): SessionRoute | null {
  if (router.route.name === "session") return router.route;
  return frame.lastWork?.name === "session" ? frame.lastWork : null;
}

/** Whether there is something beside which it could stand, and room. */
export function canStandBeside(place: Place): boolean {
  const route = current();
  return route !== null && canOpenBeside(route, place);
}

/** Opens a session beside what is open, alone where nothing is; one that is open already becomes active. */
export function openBeside(place: Place, at?: number): void {
  const route = current();
  router.go(route === null ? { name: "session", ...place, panel: null } : opened(route, place, at));
}

/** Closes a pane; false when it is the only one. */
export function closePane(place?: Place): boolean {
  const { route } = router;
  if (route.name !== "session") return false;
  const left = closed(route, place ?? route);
  if (left === null) return false;
  router.go(left);
  return true;
}

/** Makes the next or previous pane active; false when there is one only. */
export function stepPane(step: 1 | -1): boolean {
  const { route } = router;
  if (route.name !== "session" || placesOf(route).length < 2) return false;
  router.go(stepped(route, step), { replace: true });
  return true;
}

class Dragging {
  /** The session whose row is being dragged. */
  place: Place | null = $state.raw(null);
}
export const dragging = new Dragging();

/** Follows rows that are dragged and clicks with Ctrl; until the returned function is called. */
export function listenForPanes(): () => void {
  const events = new AbortController();
  const { signal } = events;
  document.addEventListener("dragstart", (event) => (dragging.place = linkedSession(event.target)), { signal });
  document.addEventListener("dragend", () => (dragging.place = null), { signal });
  document.addEventListener(
    "click",
    (event) => {
      const isTwin = (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.button === 0;
      const place = isTwin && !event.defaultPrevented ? linkedSession(event.target) : null;
      // Where there is nothing beside which it could stand, it is a new tab as everywhere.
      if (place === null || router.route.name !== "session" || !canStandBeside(place)) return;
      event.preventDefault();
      openBeside(place);
    },
    { signal },
  );
  return () => events.abort();
}

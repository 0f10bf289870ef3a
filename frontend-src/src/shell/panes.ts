/** Sessions side by side, as values: the address says which are open, in what order, and which one is active. */
import { MAX_PANES, type Place, type Route, type SessionRoute } from "./routes.ts";

export function placeKey({ node, session }: Place): string {
  return `${node}/${session}`;
}

function isSame(one: Place, other: Place): boolean {
  return one.node === other.node && one.session === other.session;
}

/** All sessions that are open, in order. */
export function placesOf(route: SessionRoute): readonly Place[] {
  const others = route.beside ?? [];
  const at = activeAt(route);
  const own = { node: route.node, session: route.session };
  return [...others.slice(0, at), own, ...others.slice(at)];
}

/** Where among `placesOf` the active one stands. */
export function activeAt(route: SessionRoute): number {
  return Math.min(route.at ?? 0, route.beside?.length ?? 0);
}

/** The route of those places with the one at `at` active; null when there is none. */
function routeOf(places: readonly Place[], at: number, panel: SessionRoute["panel"]): SessionRoute | null {
  const own = places[at];
  if (own === undefined) return null;
  const beside = places.filter((_, index) => index !== at);
  return {
    name: "session",
    ...own,
    panel,
    ...(beside.length > 0 ? { beside } : {}),
    ...(at > 0 ? { at } : {}),
  };
}

/** The same panes with that one active; the route itself when it is, or is not there. */
export function activated(route: SessionRoute, place: Place): SessionRoute {
  const places = placesOf(route);
  const at = places.findIndex((one) => isSame(one, place));
  return at === activeAt(route) ? route : (routeOf(places, at, route.panel) ?? route);
}

/** The pane after (`step` 1) or before (−1) the active one, round and round. */
export function stepped(route: SessionRoute, step: 1 | -1): SessionRoute {
  const places = placesOf(route);
  const at = (activeAt(route) + step + places.length) % places.length;
  return routeOf(places, at, route.panel) ?? route;
}

export function canOpenBeside(route: SessionRoute, place: Place): boolean {
  const places = placesOf(route);
  return places.length < MAX_PANES && !places.some((one) => isSame(one, place));
}

/** With that session at `at` (the end when absent), active; what is open already only becomes active. */
export function opened(route: SessionRoute, place: Place, at = placesOf(route).length): SessionRoute {
  if (!canOpenBeside(route, place)) return activated(route, place);
  return routeOf(placesOf(route).toSpliced(at, 0, place), at, route.panel) ?? route;
}

/** Without that session; null when it was the last. The one that takes its place is active. */
export function closed(route: SessionRoute, place: Place): SessionRoute | null {
  const places = placesOf(route);
  const gone = places.findIndex((one) => isSame(one, place));
  if (gone === -1) return route;
  const was = activeAt(route);
  const left = places.toSpliced(gone, 1);
  return routeOf(left, gone < was ? was - 1 : Math.min(was, left.length - 1), route.panel);
}

/** How many panes of at least `min` pixels fit, and from which on they are shown so that the active one is among them. */
export function shownFrom(route: SessionRoute, width: number, min: number): { from: number; count: number } {
  const all = placesOf(route).length;
  const count = Math.min(all, Math.max(1, Math.floor(width / min)));
  return { from: Math.min(Math.max(0, activeAt(route) - count + 1), all - count), count };
}

/**
 * Where a click on a link leads while panes are open: a session that is in one of them only becomes active there. All
 * else is gone to.
 */
export function followed(current: Route, target: Route): Route {
  if (current.name !== "session" || target.name !== "session") return target;
  if (current.beside === undefined || target.beside !== undefined || target.seq !== undefined) return target;
  return placesOf(current).some((one) => isSame(one, target)) ? activated(current, target) : target;
}

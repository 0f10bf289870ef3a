import { at, BASE } from "../wire/base.ts";
import { followed } from "./panes.ts";
import { formatRoute, parseRoute, type Route } from "./routes.ts";

/** The route of an address of this origin, null for those that are not of the page. */
export function routeOf(url: URL | Location): Route | null {
  if (url.origin !== location.origin || !url.pathname.startsWith(BASE) || url.hash !== "") return null;
  if (url.pathname.startsWith(at("api/"))) return null;
  return parseRoute(url.pathname.slice(BASE.length), new URLSearchParams(url.search));
}

function current(): Route {
  const path = location.pathname.startsWith(BASE) ? location.pathname.slice(BASE.length) : "";
  return parseRoute(path, new URLSearchParams(location.search));
}

/** The one place that reads and writes the address bar. */
class Router {
  route: Route = $state.raw(current());

  /** Follows history and clicks on the page's own links; call once. */
  start(): void {
    window.addEventListener("popstate", () => (this.route = current()));
    document.addEventListener("click", (event) => this.#onClick(event));
  }

  go(route: Route, how: { replace?: boolean } = {}): void {
    this.#show(href(route), how.replace ?? false);
  }

  #show(url: string, isReplacing: boolean): void {
    if (url === location.pathname + location.search) return;
    if (isReplacing) history.replaceState(null, "", url);
    else history.pushState(null, "", url);
    this.route = current();
  }

  #onClick(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (link === null || link.target !== "" || link.hasAttribute("download")) return;
    const route = routeOf(new URL(link.href));
    if (route === null) return;
    event.preventDefault();
    this.go(followed(this.route, route));
  }
}

export const router = new Router();

/** The address of a route, for links. */
export function href(route: Route): string {
  return at(formatRoute(route));
}

/** Every address of the page, below its base. Whatever is open has one, so that it can be linked, reloaded and left. */

export type PanelTab = "changes" | "files" | "terminal";

export type Route =
  | { name: "home" }
  | { name: "needs" }
  | { name: "machines" }
  | { name: "machine"; node: string }
  | { name: "project"; node: string; path: string; panel: PanelTab | null }
  | { name: "session"; node: string; session: string; panel: PanelTab | null }
  | { name: "new"; node: string | null; path: string | null }
  | { name: "settings" }
  | { name: "more" }
  | { name: "unknown" };

export const PANEL_TABS: readonly PanelTab[] = ["changes", "files", "terminal"];

function panelOf(query: URLSearchParams): PanelTab | null {
  return PANEL_TABS.find((tab) => tab === query.get("panel")) ?? null;
}

/** The folder that a route's tail names: `home/me` is `/home/me`, `C:\me` stays. */
function folderOf(tail: string): string {
  return /^[A-Za-z]:/.test(tail) ? tail : `/${tail}`;
}

/** An address whose percent signs mean nothing is no address of ours. */
function decoded(path: string): string[] | null {
  try {
    return path.split("/").map(decodeURIComponent);
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}

/** The route of `path` (below the base, no leading slash) with its query. */
export function parseRoute(path: string, query: URLSearchParams): Route {
  const parts = decoded(path.replace(/\/+$/, ""));
  if (parts === null) return { name: "unknown" };
  const [first = "", node, kind, ...rest] = parts;
  if (first === "m" && node !== undefined && node !== "") {
    if (kind === undefined) return { name: "machine", node };
    if (kind === "p") return { name: "project", node, path: folderOf(rest.join("/")), panel: panelOf(query) };
    const session = rest[0];
    if (kind === "s" && session !== undefined && rest.length === 1) {
      return { name: "session", node, session, panel: panelOf(query) };
    }
    return { name: "unknown" };
  }
  if (parts.length > 1) return { name: "unknown" };
  switch (first) {
    case "":
    case "login":
      return { name: "home" };
    case "m":
      return { name: "machines" };
    case "new":
      return { name: "new", node: query.get("machine"), path: query.get("path") };
    case "needs":
    case "settings":
    case "more":
      return { name: first };
    default:
      return { name: "unknown" };
  }
}

function queryOf(values: Record<string, string | null>): string {
  const kept = Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== null);
  return kept.length === 0 ? "" : `?${new URLSearchParams(kept).toString()}`;
}

/** The path (below the base) and query of a route; `parseRoute` reads it back. */
export function formatRoute(route: Route): string {
  switch (route.name) {
    case "home":
    case "unknown":
      return "";
    case "machines":
      return "m";
    case "machine":
      return `m/${encodeURIComponent(route.node)}`;
    case "project": {
      const folder = route.path.replace(/^\//, "").split("/").map(encodeURIComponent).join("/");
      return `m/${encodeURIComponent(route.node)}/p/${folder}${queryOf({ panel: route.panel })}`;
    }
    case "session": {
      const { node, session, panel } = route;
      return `m/${encodeURIComponent(node)}/s/${encodeURIComponent(session)}${queryOf({ panel })}`;
    }
    case "new":
      return `new${queryOf({ machine: route.node, path: route.path })}`;
    case "needs":
    case "settings":
    case "more":
      return route.name;
  }
}

/** One level up the tree, where Back on a phone goes; null at the top. */
export function parentRoute(route: Route, folder: string | null = null): Route | null {
  switch (route.name) {
    case "session":
      if (route.panel !== null) return { ...route, panel: null };
      return folder === null
        ? { name: "machine", node: route.node }
        : { name: "project", node: route.node, path: folder, panel: null };
    case "project":
      return route.panel !== null ? { ...route, panel: null } : { name: "machine", node: route.node };
    case "machine":
      return { name: "machines" };
    case "machines":
    case "settings":
      return { name: "more" };
    case "home":
    case "needs":
    case "more":
      return null;
    case "new":
    case "unknown":
      return { name: "home" };
  }
}

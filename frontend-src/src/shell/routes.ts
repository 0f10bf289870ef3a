/** Every address of the page, below its base. Whatever is open has one, so that it can be linked, reloaded and left. */

export type PanelTab = "changes" | "files" | "terminal";

export type Route =
  | { name: "home" }
  | { name: "needs" }
  | { name: "machines"; filter?: MachineFilter }
  | { name: "add" }
  | { name: "machine"; node: string }
  | ProjectRoute
  | SessionRoute
  | { name: "new"; node: string | null; path: string | null }
  | { name: "settings"; section?: SettingsSection }
  | { name: "audit"; filter?: AuditFilter }
  | { name: "more" }
  | { name: "unknown" };

/** What the panel beside shows. */
interface PanelRoute {
  panel: PanelTab | null;
  /** The terminal that is shown; absent where none is named, and beside any other part. */
  terminal?: string;
}

export interface ProjectRoute extends PanelRoute {
  name: "project";
  node: string;
  path: string;
}

export interface Place {
  node: string;
  session: string;
}

/** `node` and `session` are what the panel, the keys and the tree are about; others may stand beside. */
export interface SessionRoute extends Place, PanelRoute {
  name: "session";
  /** The other sessions that are open, in order; absent when there are none. */
  beside?: readonly Place[];
  /** Where among them this one stands; absent for first. */
  at?: number;
  /** The `seq` of an event whose turn is to be shown. */
  seq?: number;
}

/** Sessions that can be open side by side. */
export const MAX_PANES = 4;

/** Parts of the settings, each with an address of its own; `audit` has filters and so is a route by itself. */
export const SECTIONS = ["look", "keys", "account", "devices", "tokens", "people"] as const;
export type SettingsSection = (typeof SECTIONS)[number];

/** Which machines the list shows; null where nothing is asked for. */
export interface MachineFilter {
  state: "online" | "offline" | "problem" | null;
  /** `key=value`. */
  label: string | null;
  /** A feature, `terminal`, or the id of a provider. */
  capability: string | null;
}

/** Which acts the audit shows; null where nothing is asked for. */
export interface AuditFilter {
  who: string | null;
  action: string | null;
  node: string | null;
}

export const ALL_MACHINES: MachineFilter = { state: null, label: null, capability: null };
export const ALL_ACTS: AuditFilter = { who: null, action: null, node: null };

export const PANEL_TABS: readonly PanelTab[] = ["changes", "files", "terminal"];

function panelOf(query: URLSearchParams): PanelRoute {
  const panel = PANEL_TABS.find((tab) => tab === query.get("panel")) ?? null;
  const terminal = query.get("terminal") ?? "";
  return { panel, ...(panel === "terminal" && terminal !== "" ? { terminal } : {}) };
}

function panelQuery({ panel, terminal }: PanelRoute): Record<string, string | null> {
  return { panel, terminal: panel === "terminal" ? (terminal ?? null) : null };
}

function besideOf(own: Place, query: URLSearchParams): Pick<SessionRoute, "beside" | "at"> {
  const seen = new Set([`${own.node}/${own.session}`]);
  const beside: Place[] = [];
  for (const part of (query.get("beside") ?? "").split(",")) {
    const [node = "", session = "", ...rest] = part.split("/");
    if (node === "" || session === "" || rest.length > 0 || seen.has(part)) continue;
    seen.add(part);
    beside.push({ node, session });
  }
  const kept = beside.slice(0, MAX_PANES - 1);
  const at = Math.min(Number(query.get("at") ?? 0), kept.length);
  return { ...(kept.length > 0 ? { beside: kept } : {}), ...(Number.isInteger(at) && at > 0 ? { at } : {}) };
}

function seqOf(query: URLSearchParams): Pick<SessionRoute, "seq"> {
  const seq = Number(query.get("seq") ?? 0);
  return Number.isSafeInteger(seq) && seq > 0 ? { seq } : {};
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

function withFilter<R extends object, F extends object>(route: R, filter: F): R & { filter?: F } {
  return Object.values(filter).every((value) => value === null) ? route : { ...route, filter };
}

function machineFilterOf(query: URLSearchParams): MachineFilter {
  const state = (["online", "offline", "problem"] as const).find((one) => one === query.get("state")) ?? null;
  return { state, label: query.get("label"), capability: query.get("can") };
}

function settingsOf(rest: readonly string[], query: URLSearchParams): Route {
  const [first = null] = rest;
  if (rest.length > 1) return { name: "unknown" };
  if (first === null) return { name: "settings" };
  if (first === "audit") {
    const filter = { who: query.get("who"), action: query.get("what"), node: query.get("machine") };
    return withFilter({ name: "audit" }, filter);
  }
  const section = SECTIONS.find((one) => one === first);
  return section === undefined ? { name: "unknown" } : { name: "settings", section };
}

/** The route of `path` (below the base, no leading slash) with its query. */
export function parseRoute(path: string, query: URLSearchParams): Route {
  const parts = decoded(path.replace(/\/+$/, ""));
  if (parts === null) return { name: "unknown" };
  const [first = "", node, kind, ...rest] = parts;
  if (first === "m" && node !== undefined && node !== "") {
    if (kind === undefined) return { name: "machine", node };
    if (kind === "p") return { name: "project", node, path: folderOf(rest.join("/")), ...panelOf(query) };
    const session = rest[0];
    if (kind === "s" && session !== undefined && rest.length === 1) {
      const place = { node, session };
      return { name: "session", ...place, ...panelOf(query), ...besideOf(place, query), ...seqOf(query) };
    }
    return { name: "unknown" };
  }
  if (first === "settings") return settingsOf(parts.slice(1), query);
  if (parts.length > 1) return { name: "unknown" };
  switch (first) {
    case "":
    case "login":
      return { name: "home" };
    case "m":
      return withFilter({ name: "machines" }, machineFilterOf(query));
    case "new":
      return { name: "new", node: query.get("machine"), path: query.get("path") };
    case "needs":
    case "add":
    case "more":
      return { name: first };
    default:
      return { name: "unknown" };
  }
}

function queryOf(values: Record<string, string | null>): string {
  const kept = Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== null);
  if (kept.length === 0) return "";
  // Both may stand in a query as they are (RFC 3986, 3.4), and can be read there.
  return `?${new URLSearchParams(kept).toString().replaceAll("%2F", "/").replaceAll("%2C", ",")}`;
}

/** The path (below the base) and query of a route; `parseRoute` reads it back. */
export function formatRoute(route: Route): string {
  switch (route.name) {
    case "home":
    case "unknown":
      return "";
    case "machines": {
      const { state, label, capability } = route.filter ?? ALL_MACHINES;
      return `m${queryOf({ state, label, can: capability })}`;
    }
    case "machine":
      return `m/${encodeURIComponent(route.node)}`;
    case "project": {
      const folder = route.path.replace(/^\//, "").split("/").map(encodeURIComponent).join("/");
      return `m/${encodeURIComponent(route.node)}/p/${folder}${queryOf(panelQuery(route))}`;
    }
    case "session": {
      const { node, session, beside = [], at, seq } = route;
      const others = beside.map((place) => `${place.node}/${place.session}`).join(",");
      const query = queryOf({
        ...panelQuery(route),
        beside: others === "" ? null : others,
        at: at === undefined ? null : String(at),
        seq: seq === undefined ? null : String(seq),
      });
      return `m/${encodeURIComponent(node)}/s/${encodeURIComponent(session)}${query}`;
    }
    case "new":
      return `new${queryOf({ machine: route.node, path: route.path })}`;
    case "settings":
      return route.section === undefined ? "settings" : `settings/${route.section}`;
    case "audit": {
      const { who, action, node } = route.filter ?? ALL_ACTS;
      return `settings/audit${queryOf({ who, what: action, machine: node })}`;
    }
    case "needs":
    case "add":
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
    case "add":
      return { name: "machines" };
    case "settings":
      return route.section === undefined ? { name: "more" } : { name: "settings" };
    case "audit":
      return { name: "settings" };
    case "machines":
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

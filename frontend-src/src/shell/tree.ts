/** The sidebar's tree: machine › project › session, each level with the worst state of its children. */
import { baseName } from "../format/format.ts";
import { nodeState, sessionState, worst, type State } from "../stores/state.ts";
import type { Node, Project, SessionSummary } from "../wire/wire.gen.ts";
import type { TreeItem } from "../ui/tree-item.ts";
import { formatRoute } from "./routes.ts";
import { session as sessionWords } from "../strings/pages.ts";

/** Rows of one project; the rest is one click away on the project's own page. */
const SESSIONS_SHOWN = 8;

export interface Row extends TreeItem {
  kind: "machine" | "project" | "session" | "more";
  node: string;
  state: State;
  /** Pending approvals of it and everything below. */
  needs: number;
  session: SessionSummary | null;
  branch: string | null;
  /** RFC 3339 of what the age is told of; null where none is shown. */
  since: string | null;
}

export interface World {
  nodes: readonly Node[];
  /** Newest first, of all nodes. */
  sessions: readonly SessionSummary[];
  /** What a node says about its folders, where it has been asked. */
  projects: (node: string) => readonly Project[];
  isShut: (id: string) => boolean;
  /** Id of the row of what is open: a session that is looked at is never counted among the rest. */
  current: string | null;
  /** Address of a path of `formatRoute`. */
  link: (path: string) => string;
}

/** What is to be drawn, in order; what is inside a shut row is left out. */
export function treeRows(world: World): Row[] {
  return world.nodes.flatMap((node) => {
    const own = world.sessions.filter((session) => session.node === node.id && session.status !== "native");
    const id = `m/${node.id}`;
    const row: Row = {
      id,
      kind: "machine",
      level: 1,
      label: node.name,
      isOpen: !world.isShut(id),
      href: world.link(formatRoute({ name: "machine", node: node.id })),
      node: node.id,
      state: nodeState(node, own),
      needs: needsOf(own),
      session: null,
      branch: null,
      since: node.status === "offline" ? node.last_seen : null,
    };
    return row.isOpen ? [row, ...folders(world, node, own)] : [row];
  });
}

function needsOf(sessions: readonly SessionSummary[]): number {
  return sessions.reduce((sum, session) => sum + session.pending_approvals, 0);
}

function folders(world: World, node: Node, sessions: readonly SessionSummary[]): Row[] {
  const known = new Map(world.projects(node.id).map((project) => [project.path, project]));
  const byPath = new Map<string, SessionSummary[]>();
  for (const session of sessions) byPath.set(session.path, [...(byPath.get(session.path) ?? []), session]);
  for (const project of known.values()) {
    if (project.pinned && !byPath.has(project.path)) byPath.set(project.path, []);
  }
  const paths = [...byPath.keys()].sort((a, b) => {
    const pins = Number(known.get(b)?.pinned ?? false) - Number(known.get(a)?.pinned ?? false);
    return pins === 0 ? baseName(a).localeCompare(baseName(b), undefined, { numeric: true }) : pins;
  });
  return paths.flatMap((path) => folder(world, node, path, byPath.get(path) ?? [], known.get(path)));
}

function folder(
  world: World,
  node: Node,
  path: string,
  sessions: readonly SessionSummary[],
  project: Project | undefined,
): Row[] {
  const id = `p/${node.id}${path}`;
  const link = world.link(formatRoute({ name: "project", node: node.id, path, panel: null }));
  const row: Row = {
    id,
    kind: "project",
    level: 2,
    label: project?.name ?? baseName(path),
    isOpen: sessions.length === 0 ? null : !world.isShut(id),
    href: link,
    node: node.id,
    state: worst(sessions.map(sessionState)),
    needs: needsOf(sessions),
    session: null,
    branch: project?.git_branch ?? null,
    since: null,
  };
  if (row.isOpen !== true) return [row];
  const isShown = (session: SessionSummary, index: number) =>
    index < SESSIONS_SHOWN || leafId(session) === world.current;
  const shown = sessions.filter(isShown).map((session) => leaf(world, session));
  const hidden = sessions.filter((session, index) => !isShown(session, index));
  if (hidden.length > 0) {
    const state = worst(hidden.map(sessionState));
    shown.push({ ...row, id: `${id}/more`, kind: "more", level: 3, isOpen: null, label: `${hidden.length}`, state });
  }
  return [row, ...shown];
}

function leafId({ node, id }: SessionSummary): string {
  return `s/${node}/${id}`;
}

function leaf(world: World, session: SessionSummary): Row {
  const { node, id } = session;
  return {
    id: leafId(session),
    kind: "session",
    level: 3,
    label: session.title || sessionWords.noTitle,
    isOpen: null,
    href: world.link(formatRoute({ name: "session", node, session: id, panel: null })),
    node,
    state: sessionState(session),
    needs: session.pending_approvals,
    session,
    branch: null,
    since: session.updated,
  };
}

/** What the palette offers, and which of it fits what was typed. */
import { baseName } from "../format/format.ts";
import type { IconName } from "../ui/icons.ts";
import type { Node, Project, SessionSummary } from "../wire/wire.gen.ts";
import type { Route } from "./routes.ts";

export interface Entry {
  id: string;
  group: "act" | "go" | "session" | "project" | "machine";
  name: string;
  /** Where it is; searched too. */
  detail: string;
  icon: IconName;
  /** Where it leads, or what it does. */
  to: Route | (() => void);
}

export interface Known {
  nodes: readonly Node[];
  sessions: readonly SessionSummary[];
  projects: (node: string) => readonly Project[];
  /** Acts of what is on screen and the main places: before everything else. */
  places: readonly Entry[];
  /** What is rarely looked for, after everything else. */
  rest?: readonly Entry[];
}

/** How many acts stand before the rest while nothing is typed. */
const ACTS_FIRST = 4;

export function sessionEntry({ node, id, path, title }: SessionSummary, machine: string): Entry {
  return {
    id: `s/${node}/${id}`,
    group: "session",
    name: title,
    detail: `${machine} : ${baseName(path)}`,
    icon: "log",
    to: { name: "session", node, session: id, panel: null },
  };
}

/** Everything that can be gone to; sessions newest first. */
export function entries(known: Known): Entry[] {
  const nameOf = new Map(known.nodes.map((node) => [node.id, node.name]));
  const sessions = known.sessions.map((session) => sessionEntry(session, nameOf.get(session.node) ?? session.node));
  const projects = known.nodes.flatMap((node) =>
    known.projects(node.id).map((project): Entry => {
      const to: Route = { name: "project", node: node.id, path: project.path, panel: null };
      const detail = `${node.name} : ${project.path}`;
      return { id: `p/${node.id}${project.path}`, group: "project", name: project.name, detail, icon: "folder", to };
    }),
  );
  const machines = known.nodes.map((node): Entry => {
    const to: Route = { name: "machine", node: node.id };
    return { id: `m/${node.id}`, group: "machine", name: node.name, detail: node.status, icon: "machine", to };
  });
  return [...known.places, ...sessions, ...projects, ...machines, ...(known.rest ?? [])];
}

/** Those that hold every word typed, best first: a name that begins with it, then a name, then a place; else in order. */
export function matching(all: readonly Entry[], query: string, limit: number): Entry[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) {
    let acts = 0;
    return all.filter((entry) => entry.group !== "act" || ++acts <= ACTS_FIRST).slice(0, limit);
  }
  const scored = all.flatMap((entry) => {
    const rank = rankOf(entry, words);
    return rank === null ? [] : [{ entry, rank }];
  });
  return scored
    .sort((a, b) => a.rank - b.rank)
    .slice(0, limit)
    .map(({ entry }) => entry);
}

function rankOf(entry: Entry, words: readonly string[]): number | null {
  const name = entry.name.toLowerCase();
  const detail = entry.detail.toLowerCase();
  let rank = 0;
  for (const word of words) {
    if (name.startsWith(word)) rank += 0;
    else if (name.includes(word)) rank += 1;
    else if (detail.includes(word)) rank += 2;
    else return null;
  }
  return rank;
}

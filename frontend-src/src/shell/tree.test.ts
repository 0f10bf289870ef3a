import { describe, expect, it } from "vitest";
import { NODES, PROJECTS, SESSIONS } from "../../dev/world.ts";
import { treeRows, type World } from "./tree.ts";

function rows(more: Partial<World> = {}) {
  return treeRows({
    nodes: NODES,
    sessions: SESSIONS,
    projects: (node) => PROJECTS[node] ?? [],
    isShut: () => false,
    current: null,
    link: (path) => `/${path}`,
    ...more,
  });
}

describe("the tree", () => {
  it("gives each level the worst state of its children", () => {
    const states = Object.fromEntries(rows().map((row) => [row.id, row.state]));
    expect(states).toMatchObject({
      "m/laptop": "needs",
      "p/laptop/home/ada/ledger": "needs",
      "p/laptop/home/ada/site": "failed",
      "m/workstation": "running",
      "m/vps": "offline",
      "s/vps/s8": "offline",
    });
  });

  it("leaves out what is inside a shut row", () => {
    const shown = rows({ isShut: (id) => id === "m/laptop" });
    expect(shown.filter((row) => row.node === "laptop").map((row) => row.id)).toEqual(["m/laptop"]);
    expect(shown.find((row) => row.id === "m/laptop")?.needs).toBe(1);
  });

  it("puts pinned folders first and keeps one that has no session", () => {
    const pinned = { path: "/zz", name: "zz", sessions: 0, pinned: true, last_used: null };
    const own = rows({ projects: () => [pinned] }).filter((row) => row.node === "laptop" && row.kind === "project");
    expect(own.map((row) => row.label)).toEqual(["zz", "ledger", "site"]);
  });

  it("shows eight sessions of a folder and counts the rest with their worst state", () => {
    const [first] = SESSIONS;
    if (first === undefined) throw new Error("no session");
    const idle = { ...first, status: "idle" as const, pending_approvals: 0 };
    const many = Array.from({ length: 11 }, (_, index) => ({ ...idle, id: `x${index}`, unread: index === 10 }));
    const own = rows({ sessions: many }).filter((row) => row.level === 3);
    expect(own).toHaveLength(9);
    expect(own.at(-1)).toMatchObject({ kind: "more", label: "3", state: "done" });
  });

  it("shows the open session also beyond the first eight", () => {
    const [first] = SESSIONS;
    if (first === undefined) throw new Error("no session");
    const many = Array.from({ length: 11 }, (_, index) => ({ ...first, id: `x${index}` }));
    const own = rows({ sessions: many, current: `s/${first.node}/x9` }).filter((row) => row.level === 3);
    expect(own.slice(8).map((row) => row.session?.id ?? row.label)).toEqual(["x9", "2"]);
  });

  it("leaves sessions that the agents' own programs made to the folder's page", () => {
    const native = SESSIONS.map((session) => ({ ...session, status: "native" as const }));
    expect(rows({ sessions: native }).some((row) => row.kind === "session")).toBe(false);
  });
});

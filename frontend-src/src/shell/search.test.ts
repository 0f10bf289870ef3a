import { describe, expect, it } from "vitest";
import { NODES, PROJECTS, SESSIONS } from "../../dev/world.ts";
import { entries, matching } from "./search.ts";

const ALL = entries({ nodes: NODES, sessions: SESSIONS, projects: (node) => PROJECTS[node] ?? [], places: [] });

describe("the palette", () => {
  it("finds by every word, in the name or the place", () => {
    expect(matching(ALL, "import ledger", 9).map((entry) => entry.name)).toEqual([
      "Why is the import of 2,000 rows slow?",
    ]);
  });

  it("puts a name that begins with the word first", () => {
    expect(matching(ALL, "site", 9)[0]).toMatchObject({ group: "project", name: "site" });
  });

  it("offers the newest when nothing is typed, and no more than asked for", () => {
    expect(matching(ALL, " ", 3)).toEqual(ALL.slice(0, 3));
  });

  it("keeps room for sessions beside many acts while nothing is typed, and finds every act by its name", () => {
    const act = (name: string) => ({
      id: name,
      group: "act" as const,
      name,
      detail: "",
      icon: "log" as const,
      to: () => undefined,
    });
    const acts = ["Stop", "Rename", "Archive", "Delete", "Panel: Files", "Panel: Terminal"].map(act);
    const all = entries({ nodes: NODES, sessions: SESSIONS, projects: () => [], places: acts, rest: [act("Keys")] });
    expect(matching(all, "", 8).filter((entry) => entry.group === "session")).toHaveLength(4);
    expect(matching(all, "terminal", 8)[0]?.name).toBe("Panel: Terminal");
    expect(matching(all, "keys", 8)[0]?.name).toBe("Keys");
  });

  it("finds nothing rather than something else", () => {
    expect(matching(ALL, "zzz", 9)).toEqual([]);
  });
});

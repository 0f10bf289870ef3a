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

  it("finds nothing rather than something else", () => {
    expect(matching(ALL, "zzz", 9)).toEqual([]);
  });
});

import { describe, expect, it } from "vitest";

import { WireError } from "../wire/errors.ts";
import { Changes, grouped } from "./changes.svelte.ts";

describe("the files of a status", () => {
  it("are grouped by what happened, staged and changed again counting twice", () => {
    const groups = grouped([
      { path: "a", index: "M", worktree: "M" },
      { path: "b", index: ".", worktree: "D" },
      { path: "c", index: "?", worktree: "?" },
      { path: "d", index: "U", worktree: "U" },
      { path: "e", index: "R", worktree: ".", renamed_from: "old" },
    ]);
    expect(groups.map((group) => [group.name, group.changes.map((change) => change.path + change.letter)])).toEqual([
      ["conflicts", ["dU"]],
      ["staged", ["aM", "eR"]],
      ["changed", ["aM", "bD"]],
      ["untracked", ["c?"]],
    ]);
    expect(groups[1]?.changes[1]?.from).toBe("old");
  });
});

function fake(answers: Record<string, unknown>) {
  const calls: [string, object][] = [];
  const call = (op: string, params: object): Promise<never> => {
    calls.push([op, params]);
    const answer = answers[op];
    return answer instanceof WireError ? Promise.reject(answer) : Promise.resolve(answer as never);
  };
  return { calls, call };
}

const STATUS = {
  root: "/w",
  branch: "main",
  ahead: 0,
  behind: 0,
  state: "clean",
  files: [{ path: "a", index: "M", worktree: "." }],
};

describe("the changes of a folder", () => {
  it("fetch a diff when a file is opened and again on refresh", async () => {
    const wire = fake({
      "git.status": STATUS,
      "git.diff": { files: [{ path: "a", status: "modified", binary: false, hunks: [] }] },
    });
    const changes = new Changes(wire as never, "n", "/w");
    await changes.refresh();
    const change = changes.groups[0]?.changes[0];
    if (change === undefined) throw new Error("no change");
    await changes.toggle(change);
    await changes.refresh();
    expect(wire.calls.filter(([op]) => op === "git.diff")).toEqual([
      ["git.diff", { node: "n", path: "/w", file: "a", staged: true }],
      ["git.diff", { node: "n", path: "/w", file: "a", staged: true }],
    ]);
    expect(changes.diffs.get(change.key)?.file?.path).toBe("a");
  });

  it("tell a folder without a repository from a failure", async () => {
    const changes = new Changes(
      fake({ "git.status": new WireError("not_found", "No repository.") }) as never,
      "n",
      "/w",
    );
    await changes.refresh();
    expect(changes.isNoRepository).toBe(true);
  });

  it("show thousands of files in parts", async () => {
    const files = Array.from({ length: 1500 }, (_, index) => ({ path: `f${index}`, index: "?", worktree: "?" }));
    const changes = new Changes(fake({ "git.status": { ...STATUS, files } }) as never, "n", "/w");
    await changes.refresh();
    const group = changes.groups[0];
    if (group === undefined) throw new Error("no group");
    expect([changes.shown(group).length, changes.more(group)]).toEqual([300, 1000]);
    changes.showMore(group);
    expect([changes.shown(group).length, changes.more(group)]).toEqual([1300, 200]);
    changes.showMore(group);
    expect([changes.shown(group).length, changes.more(group)]).toEqual([1500, 0]);
  });
});

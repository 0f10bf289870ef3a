import { expect, it } from "vitest";

import { History } from "./history.svelte.ts";

const commit = (id: string) => ({ id, parents: [], author: "A", email: "a@b", date: "", subject: id, refs: [] });

it("reads the history by pages and each commit once", async () => {
  const calls: [string, Record<string, unknown>][] = [];
  const call = (op: string, params: object): Promise<never> => {
    calls.push([op, params as Record<string, unknown>]);
    if (op === "git.show") return Promise.resolve({ commit: commit("1"), files: [] } as never);
    const isFirst = !("cursor" in params);
    return Promise.resolve({ commits: [commit(isFirst ? "1" : "2")], next_cursor: isFirst ? "c" : null } as never);
  };
  const history = new History({ call }, "vm", "/w", "a.py");
  await history.refresh();
  expect(history.hasMore).toBe(true);
  await history.more();
  await history.more();
  expect([history.commits.map((one) => one.id), history.hasMore]).toEqual([["1", "2"], false]);
  for (let turn = 0; turn < 3; turn++) await history.toggle(commit("1"));
  expect(calls.map(([op, params]) => [op, params["file"], params["cursor"] ?? params["ref"]])).toEqual([
    ["git.log", "a.py", undefined],
    ["git.log", "a.py", "c"],
    ["git.show", "a.py", "1"],
  ]);
  expect(history.open.has("1")).toBe(true);
});

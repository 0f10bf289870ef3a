import { describe, expect, it } from "vitest";

import { WireError } from "../wire/errors.ts";
import { filesOf, GitActs } from "./acts.svelte.ts";
import type { Change } from "./changes.svelte.ts";

const STATUS = { root: "/w", branch: "main", ahead: 0, behind: 0, state: "clean", files: [] };

function fake(answer: () => unknown = () => STATUS) {
  const calls: [string, Record<string, unknown>][] = [];
  const taken: unknown[] = [];
  const call = async (op: string, params: object): Promise<never> => {
    calls.push([op, params as Record<string, unknown>]);
    await Promise.resolve();
    const given = answer();
    if (given instanceof WireError) throw given;
    return given as never;
  };
  return { calls, taken, acts: new GitActs({ call }, "vm", "/w", (status) => taken.push(status)) };
}

const change = (path: string, bytes: string | null = null): Change => ({
  key: path,
  group: "changed",
  path,
  bytes,
  from: null,
  letter: "M",
});

it("names files by their bytes where they are not UTF-8", () => {
  expect(filesOf([change("-rf"), change("\ufffd", "/w==")])).toEqual({ files: ["-rf"], files_bytes: ["/w=="] });
});

describe("an act on a repository", () => {
  it("takes the status that it answers", async () => {
    const { acts, calls, taken } = fake();
    expect(await acts.stage([change("a\nb")])).toBe(true);
    expect(calls).toEqual([["git.stage", { node: "vm", path: "/w", files: ["a\nb"], files_bytes: [] }]]);
    expect([taken, acts.busy]).toEqual([[STATUS], null]);
  });

  it("waits until the one before it is over", async () => {
    const { acts, calls } = fake();
    const first = acts.push();
    expect(acts.busy).toBe("push");
    expect(await acts.pull()).toBe(false);
    await first;
    expect(calls.map(([op]) => op)).toEqual(["git.push"]);
  });

  it("makes a branch at HEAD or elsewhere, or only switches", async () => {
    const { acts, calls } = fake();
    await acts.checkout("a");
    await acts.checkout("b", "");
    await acts.checkout("c", "v1");
    const at = { node: "vm", path: "/w" };
    expect(calls.map(([, params]) => params)).toEqual([
      { ...at, branch: "a" },
      { ...at, branch: "b", create: true },
      { ...at, branch: "c", create: true, start: "v1" },
    ]);
  });

  it("offers to pull after a push that was refused, and a way on when both sides have gone on", async () => {
    let answer: unknown = new WireError("conflict", "The remote has commits that are not here: pull first.");
    const { acts } = fake(() => answer);
    expect(await acts.push()).toBe(false);
    expect([acts.problem?.message, acts.remedies]).toEqual([
      "The remote has commits that are not here: pull first.",
      ["pull"],
    ]);
    await acts.pull();
    expect(acts.remedies).toEqual(["merge", "rebase"]);
    await acts.pull("rebase");
    expect(acts.remedies).toEqual([]);
    answer = STATUS;
    await acts.fetch();
    expect([acts.problem, acts.failed]).toEqual([null, null]);
  });

  it("offers nothing after failures that no button mends", async () => {
    const { acts } = fake(() => new WireError("forbidden", "The remote refuses this account."));
    await acts.push();
    expect([acts.failed, acts.remedies]).toEqual(["push", []]);
  });
});

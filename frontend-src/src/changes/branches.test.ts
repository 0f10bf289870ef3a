import { expect, it } from "vitest";

import { matching } from "./branches.svelte.ts";

const branch = (name: string, kind: "local" | "remote", upstream: string | null = null) => ({
  name,
  kind,
  upstream,
  commit: "c",
  subject: "s",
  date: "",
  is_current: false,
});

it("offers each branch once: a remote one only while nothing here follows it", () => {
  const all = [branch("main", "local", "origin/main"), branch("origin/main", "remote"), branch("origin/new", "remote")];
  expect(matching(all, "").map((one) => one.name)).toEqual(["main", "origin/new"]);
  expect(matching(all, " NEW").map((one) => one.name)).toEqual(["origin/new"]);
});

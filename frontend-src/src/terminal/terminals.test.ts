import { expect, it } from "vitest";

import type { Terminal } from "../wire/wire.gen.ts";
import { Terminals } from "./terminals.svelte.ts";

const terminal = (id: string): Terminal => ({
  terminal: id,
  name: id,
  path: "/w",
  command: [],
  cols: 80,
  rows: 24,
  running: true,
  created: id,
  readers: 1,
});

it("keeps a terminal that ended before one's eyes until it is closed or started again", async () => {
  let there = ["1", "2"];
  const calls: string[] = [];
  const call = (op: string): Promise<never> => {
    calls.push(op);
    if (op === "terminal.open") there.push("3");
    const answer = op === "terminal.list" ? { terminals: there.map(terminal) } : { terminal: "3" };
    return Promise.resolve(answer as never);
  };
  const terminals = new Terminals({ call }, "vm", "/w");
  await terminals.refresh();
  there = ["2"];
  await terminals.ended("1");
  expect(terminals.list.map(({ terminal, running }) => [terminal, running])).toEqual([
    ["1", false],
    ["2", true],
  ]);
  await terminals.open(terminals.list[0]);
  expect(terminals.list.map((one) => one.terminal)).toEqual(["2", "3"]);
  there = ["3"];
  await terminals.ended("2");
  await terminals.close("2");
  expect(terminals.list.map((one) => one.terminal)).toEqual(["3"]);
  expect(calls).not.toContain("terminal.close");
});

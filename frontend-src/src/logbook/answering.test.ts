import { expect, it } from "vitest";

import { WireError } from "../wire/errors.ts";
import { Answering } from "./answering.svelte.ts";

const target = { node: "n", session: "s", approval: "a" };

function setUp(failure?: WireError) {
  const sent: object[] = [];
  let now = 0;
  const call = (_op: string, params: object): Promise<never> => {
    sent.push(params);
    return failure === undefined ? Promise.resolve({ seq: 1 } as never) : Promise.reject(failure);
  };
  const answering = new Answering({ call } as never, target, () => now);
  return { sent, answering, wait: (ms: number) => (now += ms) };
}

it("ignores a tap that comes with the ask", async () => {
  const { sent, answering, wait } = setUp();
  await answering.answer({ option: "allow" });
  expect(sent).toEqual([]);
  wait(400);
  await answering.answer({ option: "allow" });
  expect(sent).toEqual([{ ...target, option: "allow" }]);
});

it("answers once", async () => {
  const { sent, answering, wait } = setUp();
  wait(500);
  await Promise.all([answering.answer({ option: "allow" }), answering.answer({ option: "deny" })]);
  await answering.answer({ option: "deny" });
  expect(sent).toHaveLength(1);
});

it("tells who was first and lets a passing failure be tried again", async () => {
  const late = setUp(new WireError("conflict", "Bob answered: Allow once."));
  late.wait(500);
  await late.answering.answer({ option: "deny" });
  expect([late.answering.problem, late.answering.isOver]).toEqual(["Bob answered: Allow once.", true]);
  const cut = setUp(new WireError("link_lost", "The link broke."));
  cut.wait(500);
  await cut.answering.answer({ option: "deny" });
  await cut.answering.answer({ option: "deny" });
  expect([cut.sent.length, cut.answering.isOver]).toEqual([2, false]);
});

it("ignores a tap that was meant for what stood in its place before", async () => {
  const { sent, answering, wait } = setUp();
  wait(500);
  answering.standsAt(0);
  answering.standsAt(1);
  await answering.answer({ option: "allow" });
  expect(sent).toEqual([]);
  wait(400);
  answering.standsAt(1);
  await answering.answer({ option: "allow" });
  expect(sent).toHaveLength(1);
});

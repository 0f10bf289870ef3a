import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { WireError } from "../wire/errors.ts";
import { Answering } from "./answering.svelte.ts";
import { ARMED_AFTER_MS } from "./arming.svelte.ts";

const target = { node: "n", session: "s", approval: "a" };

function setUp(failure?: WireError) {
  const sent: object[] = [];
  const call = (_op: string, params: object): Promise<never> => {
    sent.push(params);
    return failure === undefined ? Promise.resolve({ seq: 1 } as never) : Promise.reject(failure);
  };
  return { sent, answering: new Answering({ call } as never, target) };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it("takes a press only a moment after the ask has come", () => {
  const { answering } = setUp();
  vi.advanceTimersByTime(ARMED_AFTER_MS - 1);
  expect(answering.isArmed).toBe(false);
  vi.advanceTimersByTime(1);
  expect(answering.isArmed).toBe(true);
});

it("takes a press only a moment after it has moved", () => {
  const { answering } = setUp();
  vi.advanceTimersByTime(ARMED_AFTER_MS);
  answering.standsAt(0);
  expect(answering.isArmed).toBe(true);
  answering.standsAt(1);
  expect(answering.isArmed).toBe(false);
  vi.advanceTimersByTime(ARMED_AFTER_MS);
  answering.standsAt(1);
  expect(answering.isArmed).toBe(true);
});

it("answers once", async () => {
  const { sent, answering } = setUp();
  await Promise.all([answering.answer({ option: "allow" }), answering.answer({ option: "deny" })]);
  await answering.answer({ option: "deny" });
  expect(sent).toEqual([{ ...target, option: "allow" }]);
});

it("tells who was first and lets a passing failure be tried again", async () => {
  const late = setUp(new WireError("conflict", "Bob answered: Allow once."));
  await late.answering.answer({ option: "deny" });
  expect([late.answering.problem, late.answering.isOver]).toEqual(["Bob answered: Allow once.", true]);
  const cut = setUp(new WireError("link_lost", "The link broke."));
  await cut.answering.answer({ option: "deny" });
  await cut.answering.answer({ option: "deny" });
  expect([cut.sent.length, cut.answering.isOver]).toEqual([2, false]);
});

import { beforeEach, expect, it, vi } from "vitest";

import { NODES, SESSIONS } from "../../dev/world.ts";
import type { InboxItem } from "../wire/wire.gen.ts";
import { auth } from "./auth.svelte.ts";
import { answerable, forMe } from "./mine.ts";
import { nodes } from "./nodes.svelte.ts";
import { sessionState } from "./state.ts";

const waiting = SESSIONS.filter((session) => session.pending_approvals > 0);
const items = waiting.map((session) => ({ type: "approval", session }) as InboxItem);

beforeEach(() => {
  nodes.list = NODES;
  vi.restoreAllMocks();
});

it("who may act is told what waits", () => {
  vi.spyOn(auth, "canActOn").mockReturnValue(true);
  expect(items.length).toBeGreaterThan(0);
  expect(answerable(items)).toEqual(items);
  for (const session of waiting) expect(forMe(session)).toBe(session);
});

it("who may only look there is needed for nothing", () => {
  const here = waiting[0]?.node;
  vi.spyOn(auth, "canActOn").mockImplementation((node) => node?.id !== here);
  expect(answerable(items).map((item) => item.session.node)).not.toContain(here);
  for (const session of SESSIONS.filter((one) => one.node === here).map(forMe)) {
    expect(session.pending_approvals).toBe(0);
    expect(sessionState(session)).not.toBe("needs");
  }
});

import { cleanup, render } from "@testing-library/svelte";
import { flushSync, tick } from "svelte";
import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { NODES } from "../../dev/world.ts";
import MachineHealth from "../pages/machines/MachineHealth.svelte";
import LinkStrip from "../shell/LinkStrip.svelte";
import { router } from "../shell/router.svelte.ts";
import { link } from "./link.svelte.ts";
import { nodes } from "./nodes.svelte.ts";

const away = NODES.slice(0, 1).map((node) => ({ ...node, status: "offline" as const }));

beforeEach(() => vi.useFakeTimers({ now: Date.parse("2026-01-01T00:00:00Z") }));

afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

/** The machine that was last seen `ms` before now. */
function lastSeen(ms: number): typeof away {
  return away.map((node) => ({ ...node, last_seen: new Date(Date.now() - ms).toISOString() }));
}

async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
  flushSync();
}

it("ages move on by themselves, in all rows by one clock that stops with the last row", async () => {
  const rows = Array.from({ length: 50 }, () => lastSeen(0).map((node) => render(MachineHealth, { node }))).flat();
  const texts = () => [...new Set(rows.map(({ container }) => container.textContent.trim()))];
  expect(texts()).toEqual(["Offline for a moment"]);
  expect(vi.getTimerCount()).toBe(1);
  await pass(80_000);
  expect(texts()).toEqual(["Offline for 1 min"]);
  await pass(240_000);
  expect(texts()).toEqual(["Offline for 5 min"]);
  expect(vi.getTimerCount()).toBe(1);
  for (const row of rows) row.unmount();
  await tick();
  expect(vi.getTimerCount()).toBe(0);
});

it("the link's strip counts a machine's absence in seconds, then in minutes by the slower clock", async () => {
  link.state = { isOpen: true, since: 0, lastHeard: 0, rtt_ms: 1, nextTry: null };
  nodes.feed.started();
  nodes.list = lastSeen(40_000);
  router.go({ name: "project", node: away[0]?.id ?? "", path: "/w", panel: null });
  const { container } = render(LinkStrip);
  expect(container.textContent).toContain("40 s");
  await pass(15_000);
  expect(container.textContent).toContain("55 s");
  await pass(25_000);
  expect(container.textContent).toContain("1 min");
  expect(vi.getTimerCount()).toBe(1);
  await pass(120_000);
  expect(container.textContent).toContain("3 min");
});

it("a page that comes back into sight is right at once, however long its timers slept", async () => {
  const [row] = lastSeen(0).map((node) => render(MachineHealth, { node }));
  vi.setSystemTime(Date.now() + 7_200_000);
  document.dispatchEvent(new Event("visibilitychange"));
  await tick();
  expect(row?.container.textContent).toContain("Offline for 2 h");
});

import { cleanup, render, screen } from "@testing-library/svelte";
import { tick } from "svelte";
import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { frame } from "../shell/frame.svelte.ts";
import { router } from "../shell/router.svelte.ts";
import { PATIENCE_MS } from "../shell/strip.ts";
import { auth } from "../stores/auth.svelte.ts";
import { client } from "../stores/client.ts";
import { link } from "../stores/link.svelte.ts";
import { nodes } from "../stores/nodes.svelte.ts";
import { terminalWords as words } from "../strings/terminal.ts";
import type { Handlers } from "../wire/subscriptions.ts";
import type { TerminalChanged, TerminalListResult } from "../wire/wire.gen.ts";
import { NODES } from "../../dev/world.ts";
import TerminalPanel from "./TerminalPanel.svelte";

let told: Handlers<TerminalListResult, TerminalChanged> | null;

beforeEach(() => {
  told = null;
  vi.stubGlobal("visualViewport", Object.assign(new EventTarget(), { height: innerHeight, scale: 1 }));
  nodes.list = NODES;
  vi.spyOn(auth, "canActOn").mockReturnValue(true);
  vi.spyOn(client, "subscribe").mockImplementation(((_op: string, _params: object, handlers: never) => {
    told = handlers;
    return { close: () => undefined };
  }) as never);
  link.state = { isOpen: true, since: 0, lastHeard: 0, rtt_ms: 1, nextTry: null };
  router.go({ name: "project", node: "laptop", path: "/w", panel: null });
});

afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

async function shown(): Promise<void> {
  render(TerminalPanel, { node: "laptop", path: "/w" });
  told?.onStart?.({ terminals: [] });
  await tick();
}

it("an empty panel that was opened by its key goes on by keys", async () => {
  frame.togglePanelByKey("terminal");
  await shown();
  expect(document.activeElement).toBe(screen.getByRole("button", { name: words.start }));
});

it("an empty panel that came by another way takes no focus", async () => {
  frame.togglePanelByKey("terminal");
  frame.togglePanelByKey("terminal");
  frame.togglePanel("terminal");
  await shown();
  expect(screen.getByRole("button", { name: words.start })).toBeTruthy();
  expect(document.activeElement).toBe(document.body);
});

it("what comes while Main is away says so", async () => {
  link.state = { isOpen: false, since: Date.now() - PATIENCE_MS, lastHeard: 0, rtt_ms: 1, nextTry: null };
  render(TerminalPanel, { node: "laptop", path: "/w" });
  await tick();
  expect(screen.getByText(words.mainAway)).toBeTruthy();
  expect(screen.queryByRole("status")).toBeNull();
  link.state = { ...link.state, isOpen: true };
  told?.onStart?.({ terminals: [] });
  await tick();
  expect(screen.queryByText(words.mainAway)).toBeNull();
});

import { fireEvent } from "@testing-library/svelte";
import { tick } from "svelte";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { prefs } from "../stores/prefs.svelte.ts";
import { frame } from "./frame.svelte.ts";
import { listenToKeys } from "./keys.ts";
import { router } from "./router.svelte.ts";

let stop: () => void;

beforeEach(() => {
  router.go({ name: "home" });
  document.body.innerHTML =
    '<div data-region="sidebar"><a href="/x" id="link">x</a></div>' +
    '<div data-region="log"><div tabindex="0" id="log"></div></div>' +
    '<div data-region="composer"><textarea id="composer"></textarea></div>' +
    '<div data-region="panel"><div data-keys="own"><textarea id="terminal"></textarea></div></div>';
  stop = listenToKeys();
});

afterEach(() => {
  stop();
  frame.isPaletteOpen = false;
  frame.isKeyMapOpen = false;
  prefs.set({ hasLetters: true, keys: {} });
});

async function press(keys: string, more: KeyboardEventInit = {}): Promise<void> {
  for (const key of keys.split(" ")) await fireEvent.keyDown(document.activeElement ?? document.body, { key, ...more });
}

function focus(id: string): void {
  document.getElementById(id)?.focus();
}

describe("keys", () => {
  it("go to places by two letters", async () => {
    await press("g m");
    expect(router.route).toEqual({ name: "machines" });
    await press("g n");
    expect(router.route).toEqual({ name: "needs" });
  });

  it("are letters in a field", async () => {
    focus("composer");
    await press("g m ?");
    expect(router.route).toEqual({ name: "home" });
    expect(frame.isKeyMapOpen).toBe(false);
  });

  it("without Ctrl can be switched off", async () => {
    prefs.set({ hasLetters: false });
    await press("g m ?");
    expect(router.route).toEqual({ name: "home" });
    await press("k", { ctrlKey: true });
    expect(frame.isPaletteOpen).toBe(true);
  });

  it("without Ctrl can be changed and switched off one by one", async () => {
    prefs.set({ keys: { goMachines: "q", goNeeds: "" } });
    await press("g n");
    expect(router.route).toEqual({ name: "home" });
    await press("q");
    expect(router.route).toEqual({ name: "machines" });
  });

  it("go from row to row", async () => {
    document.body.innerHTML = '<main><a href="/a" id="a" data-row>a</a><a href="/b" id="b" data-row>b</a></main>';
    await press("j");
    expect(document.activeElement?.id).toBe("a");
    await press("j j");
    expect(document.activeElement?.id).toBe("b");
    await press("k");
    expect(document.activeElement?.id).toBe("a");
  });

  it("belong to a terminal, but for F6", async () => {
    focus("terminal");
    await press("k", { ctrlKey: true });
    expect(frame.isPaletteOpen).toBe(false);
    await press("F6");
    expect(document.activeElement?.id).toBe("link");
  });

  it("F6 goes through the parts of the page, both ways round", async () => {
    focus("link");
    await press("F6");
    expect(document.activeElement?.id).toBe("log");
    await press("F6");
    expect(document.activeElement?.id).toBe("composer");
    await press("F6", { shiftKey: true });
    expect(document.activeElement?.id).toBe("log");
  });

  it("open the panel of what is on screen, and nothing elsewhere", async () => {
    await press("j", { ctrlKey: true });
    expect(router.route).toEqual({ name: "home" });
    router.go({ name: "session", node: "n", session: "s", panel: null });
    await press("j", { ctrlKey: true });
    expect(router.route).toMatchObject({ panel: "terminal" });
    await press("G", { ctrlKey: true, shiftKey: true });
    expect(router.route).toMatchObject({ panel: "changes" });
    await press("G", { ctrlKey: true, shiftKey: true });
    expect(router.route).toMatchObject({ panel: null });
  });

  it("keep the focus on the page when a panel comes or goes", async () => {
    router.go({ name: "session", node: "n", session: "s", panel: null });
    document
      .querySelector('[data-region="panel"]')
      ?.insertAdjacentHTML("afterbegin", '<i role="tab" tabindex="0"></i>');
    focus("composer");
    await press("j", { ctrlKey: true });
    await tick();
    expect(document.activeElement?.id).toBe("composer");
    document.getElementById("composer")?.blur();
    await press("G", { ctrlKey: true, shiftKey: true });
    await tick();
    expect(document.activeElement?.role).toBe("tab");
    document.querySelector('[role="tab"]')?.remove();
    await press("G", { ctrlKey: true, shiftKey: true });
    await tick();
    expect(document.activeElement?.id).toBe("log");
  });
});

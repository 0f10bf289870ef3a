import { fireEvent, render, screen } from "@testing-library/svelte";
import { createRawSnippet } from "svelte";
import { afterEach, describe, expect, it, vi } from "vitest";
import Button from "./Button.svelte";
import CopyLine from "./CopyLine.svelte";
import ErrorBlock from "./ErrorBlock.svelte";
import Field from "./Field.svelte";
import Icon from "./Icon.svelte";
import Segmented from "./Segmented.svelte";
import Splitter from "./Splitter.svelte";
import Tabs from "./Tabs.svelte";
import Toggle from "./Toggle.svelte";
import Tree from "./Tree.svelte";
import type { TreeItem } from "./tree-item.ts";
import { markOf } from "./mark.ts";

function text(words: string) {
  return createRawSnippet(() => ({ render: () => `<span>${words}</span>` }));
}

const TABS = [
  { value: "a", name: "Changes" },
  { value: "b", name: "Files" },
  { value: "c", name: "Terminal" },
];

describe("Button", () => {
  it("has a word for assistive technology where only the icon is shown", () => {
    render(Button, { icon: "close", label: "Shut it" });
    expect(screen.getByRole("button", { name: "Shut it" }).title).toBe("Shut it");
  });

  it("cannot be pressed again while busy, and says so", async () => {
    const onclick = vi.fn();
    render(Button, { isBusy: true, onclick, children: text("Send") });
    const button = screen.getByRole("button", { name: "Send" });
    await fireEvent.click(button);
    expect(onclick).not.toHaveBeenCalled();
    expect(button.getAttribute("aria-busy")).toBe("true");
  });
});

it("icons grow with the text", () => {
  const { container } = render(Icon, { name: "close", size: 12 });
  expect(container.querySelector("svg")?.getAttribute("width")).toBe("0.75rem");
});

describe("Field", () => {
  it("ties its problem to the input instead of the hint", () => {
    render(Field, { label: "Name", value: "", hint: "Short.", problem: "Enter a name." });
    const input = screen.getByLabelText("Name");
    expect(input.getAttribute("aria-invalid")).toBe("true");
    const described = document.getElementById(input.getAttribute("aria-describedby") ?? "");
    expect(described?.textContent).toBe("Enter a name.");
    expect(screen.queryByText("Short.")).toBeNull();
  });
});

describe("Tabs", () => {
  it("have one stop and go round with the arrow keys", async () => {
    const onchange = vi.fn();
    render(Tabs, { label: "Panel", tabs: TABS, value: "c", onchange, controls: "x" });
    const [first, , third] = screen.getAllByRole("tab");
    expect([first?.tabIndex, third?.tabIndex]).toEqual([-1, 0]);
    await fireEvent.keyDown(screen.getByRole("tablist"), { key: "ArrowRight" });
    expect(onchange).toHaveBeenLastCalledWith("a");
    expect(document.activeElement).toBe(first);
    await fireEvent.keyDown(screen.getByRole("tablist"), { key: "Home" });
    expect(onchange).toHaveBeenLastCalledWith("a");
  });
});

describe("Tabs that do not all fit", () => {
  const sized = (name: "offsetLeft" | "offsetWidth" | "clientWidth", sizes: (tab: number) => number) =>
    vi.spyOn(HTMLElement.prototype, name, "get").mockImplementation(function (this: HTMLElement) {
      return sizes(TABS.findIndex((tab) => this.textContent.startsWith(tab.name)));
    });

  afterEach(() => vi.restoreAllMocks());

  it("show the chosen one, and stay where somebody scrolled when only a name changes", async () => {
    sized("offsetLeft", (tab) => tab * 100);
    sized("offsetWidth", () => 100);
    sized("clientWidth", () => 150);
    const { rerender } = render(Tabs, { label: "Panel", tabs: TABS, value: "c", onchange: vi.fn(), controls: "x" });
    const list = screen.getByRole("tablist");
    expect(list.scrollLeft).toBe(150);
    list.scrollLeft = 0;
    await rerender({ tabs: TABS.map((tab) => ({ ...tab, name: `${tab.name} new` })) });
    expect(list.scrollLeft).toBe(0);
    await rerender({ value: "b" });
    expect(list.scrollLeft).toBe(50);
  });
});

describe("Segmented", () => {
  it("is a group of radio buttons with one chosen", async () => {
    const onchange = vi.fn();
    render(Segmented, { label: "Part", options: TABS, value: "b", onchange });
    expect(screen.getByRole<HTMLInputElement>("radio", { name: "Files" }).checked).toBe(true);
    await fireEvent.click(screen.getByRole("radio", { name: "Terminal" }));
    expect(onchange).toHaveBeenCalledWith("c");
  });
});

describe("Toggle", () => {
  it("tells its state and asks for the other one", async () => {
    const onchange = vi.fn();
    render(Toggle, { label: "Letters", isOn: true, onchange });
    const toggle = screen.getByRole("switch", { name: "Letters" });
    expect(toggle.getAttribute("aria-checked")).toBe("true");
    await fireEvent.click(toggle);
    expect(onchange).toHaveBeenCalledWith(false);
  });
});

describe("Splitter", () => {
  it.each([
    ["ArrowRight", false, 316],
    ["ArrowLeft", false, 284],
    ["ArrowLeft", true, 316],
    ["Home", false, 200],
    ["End", false, 400],
  ])("%s (resizes what is behind it: %s) asks for %d", async (key, isAfter, size) => {
    const onchange = vi.fn();
    render(Splitter, { label: "Width", value: 300, min: 200, max: 400, isAfter, onchange });
    await fireEvent.keyDown(screen.getByRole("separator"), { key });
    expect(onchange).toHaveBeenCalledWith(size);
  });

  it("stays within its bounds", async () => {
    const onchange = vi.fn();
    render(Splitter, { label: "Width", value: 395, min: 200, max: 400, onchange });
    await fireEvent.keyDown(screen.getByRole("separator"), { key: "ArrowRight" });
    expect(onchange).toHaveBeenCalledWith(400);
  });
});

describe("Tree", () => {
  const items: TreeItem[] = [
    { id: "a", level: 1, label: "laptop", isOpen: true, href: "/a" },
    { id: "b", level: 2, label: "ledger", isOpen: false, href: "/b" },
    { id: "c", level: 2, label: "site", isOpen: null, href: "/c" },
  ];
  const row = createRawSnippet<[TreeItem]>((item) => ({ render: () => `<span>${item().label}</span>` }));

  function shown() {
    const ontoggle = vi.fn();
    render(Tree, { label: "All", items, current: "b", row, ontoggle });
    const press = (key: string) => fireEvent.keyDown(screen.getByRole("tree"), { key });
    return { ontoggle, press, at: () => document.activeElement?.textContent };
  }

  it("has the current row as its one stop", () => {
    shown();
    expect(screen.getAllByRole("treeitem").map((one) => one.tabIndex)).toEqual([-1, 0, -1]);
  });

  it("opens with the right arrow and goes to the parent with the left", async () => {
    const { ontoggle, press, at } = shown();
    await press("ArrowRight");
    expect(ontoggle).toHaveBeenCalledWith(items[1]);
    await press("ArrowLeft");
    expect(at()).toBe("laptop");
    await press("ArrowLeft");
    expect(ontoggle).toHaveBeenLastCalledWith(items[0]);
  });

  it("goes through its rows with arrows", async () => {
    const { press, at } = shown();
    await press("ArrowDown");
    expect(at()).toBe("site");
    await press("ArrowUp");
    expect(at()).toBe("ledger");
    await press("Home");
    expect(at()).toBe("laptop");
    await press("ArrowUp");
    expect(at()).toBe("laptop");
  });
});

describe("ErrorBlock", () => {
  it("speaks, and offers to try again only where that helps", () => {
    const { unmount } = render(ErrorBlock, { text: "vps is offline." });
    expect(screen.getByRole("alert").textContent).toContain("vps is offline.");
    expect(screen.queryByRole("button")).toBeNull();
    unmount();
    render(ErrorBlock, { text: "vps is offline.", onretry: () => undefined });
    expect(screen.getByRole("button", { name: "Try again" })).toBeTruthy();
  });
});

describe("CopyLine", () => {
  it("keeps a secret out of the page until it is asked for", async () => {
    render(CopyLine, { label: "Token", text: "swr_1", isSecret: true });
    expect(document.body.textContent).not.toContain("swr_1");
    await fireEvent.click(screen.getByRole("button", { name: "Show" }));
    expect(document.body.textContent).toContain("swr_1");
  });
});

describe("markOf", () => {
  it("is the same for an id everywhere, unless a fitting one was chosen", () => {
    expect(markOf("laptop", {})).toBe(markOf("laptop", {}));
    expect(markOf("laptop", { laptop: 5 })).toBe(5);
    expect(markOf("laptop", { laptop: 99 })).toBe(markOf("laptop", {}));
  });
});

/** The keyboard of the whole page. What belongs to one part (log, ask, terminal) listens there itself, by `pressed`. */
import { tick } from "svelte";
import { closePane, linkedSession, openBeside, stepPane } from "./beside.svelte.ts";
import type { KeyId } from "./bindings.ts";
import { frame } from "./frame.svelte.ts";
import { Chord, pressed } from "./pressed.ts";
import { router } from "./router.svelte.ts";
import type { Route } from "./routes.ts";
import { watchTyping } from "./typing.ts";

const PLACES: Partial<Record<KeyId, Route>> = {
  goNeeds: { name: "needs" },
  goSessions: { name: "home" },
  goMachines: { name: "machines" },
  goNew: { name: "new", node: null, path: null },
};
const LISTENED = ["anywhere", "lists", "session"] as const;
/** What a part is for comes first: its field, then its own stop, then whatever it has. */
const STOPS = ["textarea", '[tabindex="0"]', "a[href], button:not(:disabled), input"];

function regions(): HTMLElement[] {
  return [...document.querySelectorAll<HTMLElement>("[data-region]")];
}

function focusIn(region: HTMLElement): boolean {
  const inside = STOPS.flatMap((stop) => [...region.querySelectorAll<HTMLElement>(stop)]);
  // What is hidden does not take the focus, and the next is tried.
  return [...(region.tabIndex >= 0 ? [region] : []), ...inside].some((target) => {
    target.focus();
    return document.activeElement === target;
  });
}

/** Puts the focus into a part of the page (`data-region`), of several panes the active one's; false when there is none. */
export function focusRegion(name: string): boolean {
  const all = regions().filter((region) => region.dataset["region"] === name);
  const region = all.find((one) => one.closest('[data-pane="other"]') === null);
  return region !== undefined && focusIn(region);
}

/** They stand in the page in the order in which F6 goes through them; each pane has its own log and composer. */
function nextRegion(step: 1 | -1): void {
  const all = regions();
  const here = document.activeElement?.closest<HTMLElement>("[data-region]") ?? null;
  const from = here === null ? (step === 1 ? -1 : all.length) : all.indexOf(here);
  for (let tries = 1; tries <= all.length; tries++) {
    const region = all[(((from + step * tries) % all.length) + all.length) % all.length];
    if (region !== undefined && focusIn(region)) return;
  }
}

/** The focus goes where the pane is that is active now. */
async function focusPane(): Promise<boolean> {
  await tick();
  return focusRegion("log");
}

/** What had the focus may have gone with the panel, or with what the panel showed: its tab takes the place, else the log. */
async function focusAfterPanel(): Promise<void> {
  await tick();
  if (document.activeElement !== document.body) return;
  const tab = document.querySelector<HTMLElement>('[data-region="panel"] [role="tab"][tabindex="0"]');
  if (tab === null) focusRegion("log");
  else tab.focus();
}

/** The rows of a page mark their link or button with `data-row`; those of the tree are its own. */
function moveRow(step: 1 | -1): boolean {
  const active = document.activeElement;
  if (active?.getAttribute("role") === "treeitem") {
    const key = step === 1 ? "ArrowDown" : "ArrowUp";
    return !active.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  }
  const rows = [...document.querySelectorAll<HTMLElement>("main [data-row]")];
  const at = rows.findIndex((row) => row === active || row.closest("li")?.contains(active) === true);
  const next = at < 0 ? (step === 1 ? rows[0] : rows.at(-1)) : rows[at + step];
  next?.focus();
  return next !== undefined;
}

function atPane(isDone: boolean): boolean {
  if (isDone) void focusPane();
  return isDone;
}

/** Opens the session of the row that has the focus beside what is open. */
function besideFocused(): boolean {
  const link = document.activeElement?.closest("li")?.querySelector("a") ?? document.activeElement;
  const place = linkedSession(link);
  if (place === null) return false;
  openBeside(place);
  return atPane(true);
}

/** Does what the key says; false where there is nothing to do it to. */
function act(key: KeyId): boolean {
  const place = PLACES[key];
  if (place !== undefined) router.go(place);
  else if (key === "palette") frame.isPaletteOpen = true;
  else if (key === "keyMap") frame.isKeyMapOpen = true;
  else if (key === "sidebar") frame.toggleSidebar();
  else if (key === "terminal" || key === "changes") {
    frame.togglePanelByKey(key);
    void focusAfterPanel();
  } else if (key === "nextPart") nextRegion(1);
  else if (key === "previousPart") nextRegion(-1);
  else if (key === "nextRow" || key === "previousRow") return moveRow(key === "nextRow" ? 1 : -1);
  else if (key === "openBeside") return besideFocused();
  else if (key === "nextPane" || key === "previousPane") return atPane(stepPane(key === "nextPane" ? 1 : -1));
  else if (key === "closePane") return atPane(closePane());
  else if (key === "composer" || key === "composerToo") return focusRegion("composer");
  else return false;
  return true;
}

/** Listens until the returned function is called. */
export function listenToKeys(): () => void {
  const chord = new Chord();
  const stopWatching = watchTyping();

  function onKeydown(event: KeyboardEvent): void {
    // A terminal sends Ctrl B and Ctrl J to its program; it is left with F6 or Ctrl Shift Esc.
    const isOwn = event.target instanceof Element && event.target.closest('[data-keys="own"]') !== null;
    if (event.defaultPrevented || document.querySelector("dialog[open]") !== null) return;
    if (isOwn && event.key !== "F6") return;
    if (["Control", "Shift", "Alt", "Meta"].includes(event.key)) return;
    const key = pressed(event, LISTENED, chord.take());
    if (key === null ? chord.begin(event, LISTENED) : act(key)) event.preventDefault();
  }

  document.addEventListener("keydown", onKeydown);
  return () => {
    stopWatching();
    document.removeEventListener("keydown", onKeydown);
  };
}

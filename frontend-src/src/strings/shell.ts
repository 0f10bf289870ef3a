/** Words of the frame around everything: sidebar, bars, strip, palette, keys. */
import type { PanelTab } from "../shell/routes.ts";

export const shell = {
  needsYou: "Needs you",
  sessions: "Sessions",
  work: "Work",
  more: "More",
  machines: "Machines",
  settings: "Settings",
  newSession: "New session",
  search: "Search or go to",
  tree: "Machines, projects and sessions",
  sidebar: "Sessions",
  openSidebar: "Show the sidebar",
  shutSidebar: "Hide the sidebar",
  sidebarWidth: "Width of the sidebar",
  panelWidth: "Width of the panel",
  openPanel: "Show the panel",
  shutPanel: "Hide the panel",
  terminalBelow: "Terminal below",
  panel: "Panel",
  pane: "Part of the session",
  log: "Log",
  skips: "Skip to",
  toComposer: "To the composer",
  toNeeds: "To what needs you",
  toMain: "To the content",
  moreSessions: (count: number) => `${count} more`,
  noneShared: "No machine is shared with you yet. Ask an owner of this Main.",
  needs: (count: number) => `needs ${count}`,
  toggleFolder: "Show or hide what is inside",
  notFound: "There is nothing at this address.",
  goHome: "Go to the start",
  notFoundTitle: "Nothing here",
  loadFailed: "This part of the page could not be loaded.",
};

/** Sessions side by side. */
export const panes = {
  one: (title: string, machine: string) => `${title} on ${machine}`,
  partOf: (part: string, pane: string) => `${part}, ${pane}`,
  close: "Close this pane",
  width: "Width of the pane",
  others: "Open sessions",
  openBeside: "Open beside",
  openAnother: "Open another session beside",
  drop: "Drop to open it here",
  full: "Four sessions are open. Close one first.",
  isOpen: "It is open already.",
};

export const panelNames: Record<PanelTab, string> = { changes: "Changes", files: "Files", terminal: "Terminal" };

/** The link strip: which part of the way is broken, since when, and what happens next. */
export const strip = {
  title: "Link",
  page: "Page",
  main: "Main",
  agent: "agent",
  mainAway: (since: string) => `Main has not answered for ${since}.`,
  connecting: "Reaching Main",
  nodeAway: (name: string, since: string) => `${name} stopped answering ${since} ago.`,
  nodeNeverSeen: (name: string) => `${name} has not been heard yet.`,
  nodeUnknown: (name: string) => `There is no machine ${name} any more.`,
  agentStarting: (name: string) => `The agent's program is starting on ${name}.`,
  agentGone: (name: string) =>
    `The agent's program on ${name} is gone. The turn ends with the cause; the next prompt starts it again.`,
  nextTry: (seconds: number) => `Next try in ${seconds} s.`,
  trying: "Trying now.",
  keeps: "What you see is from before; messages wait here and go when it is back.",
  tryNow: "Try now",
};

export const palette = {
  title: "Go to",
  addMachine: "Add a machine",
  showKeys: "Show all keys",
  toggleSidebar: "Show or hide the sidebar",
  theme: (name: string) => `Theme: ${name}`,
  density: (name: string) => `Density: ${name}`,
  panel: (name: string) => `Panel: ${name}`,
  signOut: "Sign out",
  page: "this page",
  everywhere: "Switchyard",
  section: "Settings",
  placeholder: "A session, a machine, a folder or an act",
  placeholderBeside: "The session to open beside",
  none: "Nothing matches.",
};

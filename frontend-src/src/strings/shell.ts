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
  signOut: "Sign out",
  tree: "Machines, projects and sessions",
  sidebar: "Sessions",
  openSidebar: "Show the sidebar",
  shutSidebar: "Hide the sidebar",
  sidebarWidth: "Width of the sidebar",
  panelWidth: "Width of the panel",
  openPanel: "Show the panel",
  shutPanel: "Hide the panel",
  panel: "Panel",
  pane: "Part of the session",
  log: "Log",
  skips: "Skip to",
  toComposer: "To the composer",
  toNeeds: "To what needs you",
  toMain: "To the content",
  moreSessions: (count: number) => `${count} more`,
  noSessions: "no sessions yet",
  needs: (count: number) => `needs ${count}`,
  toggleFolder: "Show or hide what is inside",
  notFound: "There is nothing at this address.",
  goHome: "Go to the start",
  notFoundTitle: "Nothing here",
  loadFailed: "This part of the page could not be loaded.",
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
  nextTry: (seconds: number) => `Next try in ${seconds} s.`,
  trying: "Trying now.",
  keeps: "What you see is from before; messages wait here and go when it is back.",
  tryNow: "Try now",
};

export const palette = {
  title: "Go to",
  placeholder: "A session, a machine, a folder or an act",
  none: "Nothing matches.",
  groups: { go: "Go to", session: "Sessions", project: "Folders", machine: "Machines" },
};

export const keyMap = {
  title: "Keys",
  lettersOff: "Single letters are switched off in Settings; the other keys work.",
  groups: [
    {
      name: "Anywhere",
      keys: [
        ["Ctrl K", "Search or go to"],
        ["g n", "What needs you"],
        ["g s", "Sessions"],
        ["g m", "Machines"],
        ["Ctrl B", "Sidebar"],
        ["F6", "Next part of the page"],
        ["?", "These keys"],
      ],
    },
    {
      name: "Lists",
      keys: [
        ["j k", "Next, previous row"],
        ["Enter", "Open"],
      ],
    },
    {
      name: "In a session",
      keys: [
        ["/ i", "Composer"],
        ["Esc", "Leave the composer"],
        ["Ctrl .", "Stop the run"],
        ["[ ]", "Previous, next turn"],
        ["e x", "Next edit, next error"],
        ["Ctrl J", "Terminal"],
        ["Ctrl Shift G", "Changes"],
      ],
    },
    {
      name: "On a question of the agent",
      keys: [
        ["a", "Allow once"],
        ["Shift A", "Allow with a rule"],
        ["d", "Deny"],
        ["o", "Open the diff"],
      ],
    },
  ],
} as const;

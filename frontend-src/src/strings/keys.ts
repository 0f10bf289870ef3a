/** Words of the keyboard: what each key does, the map that `?` shows, and where keys are changed. */
export const keyNames = {
  palette: "Search or go to",
  goNeeds: "What needs you",
  goSessions: "Sessions",
  goMachines: "Machines",
  goNew: "New session",
  sidebar: "Sidebar",
  nextPart: "Next part of the page",
  previousPart: "Previous part of the page",
  keyMap: "Show these keys",
  nextRow: "Next row",
  previousRow: "Previous row",
  openRow: "Open the row",
  composer: "Write to the agent",
  composerToo: "Write to the agent, other key",
  leaveComposer: "Leave the composer",
  stop: "Stop the run",
  previousTurn: "Previous turn",
  nextTurn: "Next turn",
  nextEdit: "Next edit",
  nextError: "Next error",
  terminal: "Terminal",
  leaveTerminal: "Leave the terminal",
  changes: "Changes",
  findFile: "Find a file by name",
  searchFiles: "Search in files",
  allowOnce: "Allow once",
  allowRule: "Allow with a rule",
  deny: "Deny",
  openDiff: "See all of it",
};

export const keyGroups = {
  anywhere: "Anywhere",
  lists: "Lists",
  session: "In a session",
  ask: "On a question of the agent, while it has the focus",
};

export const keyWords = {
  title: "Keys",
  off: "off",
  lettersOff: "Keys without Ctrl are switched off in the settings; the others work.",
  change: "Change keys",
  letters: "Single letters act as keys",
  lettersHint:
    "Off: only keys with Ctrl, and those that every page has. In fields and terminals letters are always text.",
  changeKey: (name: string) => `Change the key for ${name}`,
  press: "Press a key",
  pressHint: "Esc keeps the old key, Backspace switches it off.",
  taken: (keys: string, name: string) =>
    `${keys} is the key for “${name}” already. Choose another, or change that one first.`,
  noLetter: "Only keys that write one character can be chosen.",
  reset: "Back to the first keys",
  changed: "changed",
  mac: "On a Mac, Cmd works like Ctrl.",
};

/** Words of the pages: start, needs you, machine, project, session, new session. */
export const home = {
  title: "Work",
  needs: "Needs you",
  failed: "Failed",
  running: "Running",
  unseen: "Done, not seen yet",
  latest: "Latest",
  nothing: "Nothing has been started yet.",
  noneShared: "No machine is shared with you yet. Ask an owner of this Main to share one.",
  nothingShown: "Nothing has been started on the machines that you may see.",
  start: "Start a session",
  offlineLists: (names: string[]) =>
    `${names.join(", ")} ${names.length === 1 ? "is" : "are"} offline; what is listed is from when last heard.`,
};

export const needs = {
  title: "Needs you",
  none: "Nothing needs you.",
  noneMore: "Questions of agents on every machine come here, and to the session that asked.",
  ago: (age: string) => (age === "now" ? "now" : `${age} ago`),
  forOthers: "Nothing needs you. What stands here waits for others; you may look.",
  others: (machine: string) => `Somebody who may act on ${machine} answers this; you may look.`,
  select: (what: string, title: string) => `Select: ${what}, ${title}`,
  selectAll: "Select all",
  selected: (count: number) => `${count} selected`,
  risky: (count: number) =>
    count === 1 ? "1 of them is risky: read it first." : `${count} are risky: read them first.`,
  allowSelected: (count: number) => `Allow ${count} once`,
  denySelected: (count: number) => `Deny ${count}`,
  clear: "Select none",
  several: "Answer several at once",
  gone: "It does not wait any more.",
  failed: "Failed, not seen yet",
  unseen: "Done, not seen yet",
};

export const session = {
  noTitle: "Session",
  onlyLook: "You may look at this session, not write to it.",
  stop: "Stop the run",
  rename: "Rename",
  renameTitle: "Rename the session",
  name: "Name",
  archive: "Archive",
  archived: (title: string) => `“${title}” is archived.`,
  remove: "Delete",
  removeTitle: "Delete this session?",
  removeText: (title: string) =>
    `The log of “${title}” is deleted on its machine. Files and the agent's own transcript stay.`,
  removeAct: "Delete the session",
  acts: "Acts on the session",
  notFound: "This session is not there (any more), or it is not yours to see.",
  loadsLater: (machine: string) => `The log is on ${machine}; it loads when ${machine} is back.`,
  running: (clock: string) => `Running ${clock}`,
};

export const project = {
  sessions: "Sessions",
  none: "No session has worked in this folder yet.",
  start: "Start a session here",
  pin: "Keep in the sidebar",
  unpin: "Do not keep in the sidebar",
};

export const create = {
  title: "New session",
  what: "What should be done?",
  placeholder: "Describe the work. The agent starts when you press the button.",
  machine: "Machine",
  folder: "Folder",
  agent: "Agent",
  model: "Model",
  effort: "Effort",
  mode: "Mode",
  usual: "Default",
  start: "Start",
  open: "Start without a prompt",
  noMachine: "No machine is online. A session needs one.",
  onlyLook: "You may only look on the machines that are online. Ask an owner of this Main to let you act on one.",
  addMachine: "Add a machine",
  noneShared: "No machine is shared with you yet. Ask an owner of this Main to share one.",
  noAgent: (machine: string) => `${machine} has no agent that can start.`,
  unavailable: "not available",
  others: (count: number, machine: string) =>
    `${count === 1 ? "1 agent is" : `${count} agents are`} not available on ${machine}`,
  offline: "offline",
  look: "you may only look",
  risk: "acts without asking",
  browse: "Choose another folder",
  folders: "Folders",
  here: "Take this folder",
  recent: "Known folders",
  pathLabel: "Path",
  go: "Go",
  moreEntries: "More",
  sendLater: "The session is made, but the prompt was not taken. Press Start to send it again.",
};

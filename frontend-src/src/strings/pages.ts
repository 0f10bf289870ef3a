/** Words of the pages: start, needs you, machine, project, session, new session. */
export const home = {
  title: "Work",
  needs: "Needs you",
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
  open: "Open the session",
  openDiff: "Open to read the diff",
  deny: "Deny",
  allowOnce: "Allow once",
  allowMore: "Allow…",
  answered: (by: string) => `Already answered by ${by}.`,
  ago: (age: string) => (age === "now" ? "asked now" : `asked ${age} ago`),
  question: "asks you something",
  plan: "has a plan to approve",
  answerThere: "Open to answer",
};

export const session = {
  noTitle: "Session",
  stop: "Stop the run",
  stopping: "Stopping",
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
  toProject: "Sessions of this folder",
  running: (clock: string) => `Running ${clock}`,
};

export const project = {
  sessions: "Sessions",
  none: "No session has worked in this folder yet.",
  start: "Start a session here",
  native: "Made outside Switchyard",
  nativeLead: "Sessions that the agents' own programs made in this folder.",
  pin: "Keep in the sidebar",
  unpin: "Do not keep in the sidebar",
  path: "Folder",
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
  offline: "offline",
  look: "you may only look",
  risk: "acts without asking",
  browse: "Choose another folder",
  folders: "Folders",
  up: "One level up",
  here: "Take this folder",
  noFolders: "There are no folders in here.",
  recent: "Known folders",
  pathLabel: "Path",
  go: "Go",
  moreEntries: "More",
  sendLater: "The session is made, but the prompt was not taken. Press Start to send it again.",
};

export const unknownPage = { title: "Nothing here" };

/** Words of what is done to a whole session and its turns: fork, going back, export, native sessions. */
export const turnActs = {
  copy: "Copy this prompt",
  edit: "Edit and resend",
  editDetail: "in a new session; this one stays as it is",
  fork: "Fork from here",
  forkDetail: "a new session with everything up to here",
  goBack: "Go back to before this",
  forkAll: "Fork the session",
};

export const goBack = {
  title: "Go back to before this prompt?",
  counts: (turns: number) =>
    turns === 1
      ? "This turn counts no more; it stays in the log, folded."
      : `This turn and the ${turns - 1} after it count no more; they stay in the log, folded.`,
  choice: "What goes back",
  conversation: "The conversation only",
  files: "The conversation and the files",
  looking: "Looking at what would be put back",
  noFiles: "No file would change.",
  someFiles: (count: number) => (count === 1 ? "1 file is put back:" : `${count} files are put back:`),
  more: (count: number) => `and ${count} more`,
  lines: (added: number, removed: number) => `${added} lines more, ${removed} lines fewer`,
  notBack: "Files changed by commands are not put back.",
  act: "Go back",
};

export const exporting = {
  markdown: "Export as Markdown",
  json: "Export as JSON",
  /** Shown while it is fetched; it may take a while. */
  busy: "Exporting",
};

export const natives = {
  title: "Also on this machine",
  lead: "Sessions that the agents' own programs made. Open one to read it; what you send there continues it.",
  here: "Or continue one that was made outside Switchyard",
  search: "Search these sessions",
  none: "No other session of an agent was found here.",
  noMatch: "No such session matches.",
  more: "Show more",
  elsewhere: "open in a terminal now",
  turns: (count: number) => (count === 1 ? "1 turn" : `${count} turns`),
  away: "This list loads when the machine is back.",
  continue: "Continue this session",
  note: "This session was made outside Switchyard. What you send continues it under the same name and id.",
  noteElsewhere: (machine: string) =>
    `This session is open in a terminal on ${machine} now. Close it there, then continue it here.`,
  lookAgain: "Look again",
  hide: "Hide from this list",
  hideTitle: "Hide this session from the list?",
  hideText: (title: string) => `“${title}” is hidden from this list; the transcript stays where the agent keeps it.`,
};

/** Words that many places share. Each room has its own file beside this one. */
export const common = {
  name: "Switchyard",
  loading: "Loading",
  tryAgain: "Try again",
  undo: "Undo",
  copy: "Copy",
  copied: "Copied",
  copyByHand: "Press Ctrl C",
  show: "Show",
  hide: "Hide",
  cancel: "Cancel",
  close: "Close",
  back: "Back",
  done: "Done",
  moreActs: "More acts",
  never: "never",
  settling: "It has just come or moved, and takes a press in a moment.",
};

export const stateWords = {
  needs: "Needs you",
  failed: "Failed",
  running: "Running",
  done: "Done, not seen yet",
  offline: "Offline",
  idle: "Idle",
};

import type { Terminal } from "@xterm/xterm";

/**
 * Keeps the row of the cursor in sight where another window's screen is larger than the room that is here. It follows
 * the cursor's moves alone, so a finger or a wheel may look elsewhere meanwhile. `isOn` says whether that is so.
 */
export function followCursor(terminal: Terminal, room: HTMLElement, isOn: () => boolean): void {
  const follow = (): void => {
    const { viewportY, baseY, cursorY } = terminal.buffer.active;
    // Above the last screenful the cursor is nowhere.
    if (!isOn() || viewportY < baseY) return;
    const screen = terminal.element?.querySelector(".xterm-screen");
    if (!screen) return;
    const row = screen.clientHeight / terminal.rows;
    const above = screen.getBoundingClientRect().top - room.getBoundingClientRect().top + room.scrollTop;
    room.scrollTop = inSight(room.scrollTop, {
      top: above + cursorY * row,
      height: row,
      // What covers the lower end is left free.
      room: room.clientHeight - Number.parseFloat(getComputedStyle(room).paddingBottom),
    });
  };
  terminal.onCursorMove(follow);
  terminal.onResize(() => requestAnimationFrame(follow));
}

/** Where to scroll to, from `before`, so that a row is seen whole; all in pixels. */
export function inSight(before: number, row: { top: number; height: number; room: number }): number {
  if (row.top < before) return row.top;
  return Math.max(before, row.top + row.height - row.room);
}

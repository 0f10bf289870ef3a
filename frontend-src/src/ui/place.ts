const GAP = 4;
const MARGIN = 8;

/** Puts an open popover below (or above) its button, inside the window. */
export function placeBeside(popover: HTMLElement, button: HTMLElement): void {
  const from = button.getBoundingClientRect();
  const own = popover.getBoundingClientRect();
  const below = from.bottom + GAP;
  const isRoomBelow = below + own.height <= innerHeight - MARGIN;
  const top = isRoomBelow ? below : Math.max(MARGIN, from.top - GAP - own.height);
  const left = Math.min(Math.max(MARGIN, from.left), innerWidth - MARGIN - own.width);
  popover.style.top = `${top}px`;
  popover.style.left = `${Math.max(MARGIN, left)}px`;
}

/** How the width of the window is shared out, in pixels. */
export const PANEL_MIN = 420;
export const PANEL_MAX = 960;
/** What a log keeps beside the panel. */
export const LOG_MIN = 480;
/** What a pane keeps beside others: a phone's width less its edges. */
export const PANE_MIN = 340;

/** The width of the panel at that share of the window, in per cent. */
export function panelWidth(share: number, max: number): number {
  return Math.min(max, Math.max(PANEL_MIN, Math.round((innerWidth * share) / 100)));
}

/** Widths of panes that have those shares of `width`; each has at least PANE_MIN where that can be. */
export function paneWidths(shares: readonly number[], width: number): number[] {
  const sum = shares.reduce((total, share) => total + share, 0);
  const widths = shares.map((share) => Math.max(PANE_MIN, (share / sum) * width));
  const over = widths.reduce((total, one) => total + one, 0) - width;
  // What the least width has added is taken from those that have more than it.
  const spare = widths.reduce((total, one) => total + one - PANE_MIN, 0);
  return widths.map((one) => (over <= 0 || spare <= 0 ? one : one - (over * (one - PANE_MIN)) / spare));
}

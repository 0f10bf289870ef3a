/**
 * A phone's keyboard lies over the page: browsers shrink only what is seen (`visualViewport`), not what is laid out.
 * While a terminal is shown the page gives way, so that the cursor's line is never below the keys.
 */

/** Bars of the browser that come and go are no keyboard. In CSS pixels. */
const LEAST_PX = 120;

interface Seen {
  height: number;
  scale: number;
}

/** How much of a layout `laidOut` pixels high the keyboard covers; 0 without one. */
export function coveredBy(seen: Seen, laidOut: number): number {
  const covered = Math.round(laidOut - seen.height * seen.scale);
  return covered >= LEAST_PX ? covered : 0;
}

/** Tells the style sheets as `--keyboard` and `data-keyboard` of the root, until the returned function is called. */
export function giveWayToKeyboard(): () => void {
  const seen = window.visualViewport;
  if (seen === null) return () => undefined;
  const root = document.documentElement;

  function tell(covered: number): void {
    root.style.setProperty("--keyboard", `${covered}px`);
    root.toggleAttribute("data-keyboard", covered > 0);
    // Browsers scroll to the field before the page has given way.
    if (covered > 0) window.scrollTo(0, 0);
  }
  const look = () => tell(coveredBy(seen, root.clientHeight));
  look();
  seen.addEventListener("resize", look);
  return () => {
    seen.removeEventListener("resize", look);
    tell(0);
  };
}

/** The terminal's colours: the same hues as the page, or the system's own where it forces its colours. */
import type { ITheme } from "@xterm/xterm";

import { resolvedColours, type ColourName } from "../styles/colours.ts";

/** The sixteen colours of the terminal, from the same hues as the page. */
export function themeFrom(colours: Readonly<Record<ColourName, string>>): ITheme {
  return {
    background: colours["bg-sunk"],
    foreground: colours.text,
    cursor: colours.accent,
    cursorAccent: colours["bg-sunk"],
    selectionBackground: colours["accent-wash"],
    selectionForeground: colours.text,
    black: colours["text-3"],
    red: colours.failed,
    green: colours.done,
    yellow: colours.needs,
    blue: colours.running,
    magenta: colours["text-2"],
    cyan: colours.accent,
    white: colours["text-2"],
    brightBlack: colours["text-3"],
    brightRed: colours.failed,
    brightGreen: colours.done,
    brightYellow: colours.needs,
    brightBlue: colours.running,
    brightMagenta: colours.text,
    brightCyan: colours.accent,
    brightWhite: colours.text,
  };
}

const FORCED = "(forced-colors: active)";

/** A system colour as `#rrggbb`. */
function systemColour(name: "Canvas" | "CanvasText" | "Highlight" | "HighlightText"): string {
  const probe = document.createElement("span");
  probe.style.color = name;
  document.body.append(probe);
  const parts = getComputedStyle(probe).color.match(/\d+/g) ?? [];
  probe.remove();
  return `#${parts
    .slice(0, 3)
    .map((part) => Number(part).toString(16).padStart(2, "0"))
    .join("")}`;
}

/** The theme that holds now. Under forced colours programs keep their hues only as far as they can be read. */
export function currentTheme(): ITheme {
  const theme = themeFrom(resolvedColours());
  if (!matchMedia(FORCED).matches) return theme;
  return {
    ...theme,
    background: systemColour("Canvas"),
    foreground: systemColour("CanvasText"),
    cursor: systemColour("CanvasText"),
    cursorAccent: systemColour("Canvas"),
    selectionBackground: systemColour("Highlight"),
    selectionForeground: systemColour("HighlightText"),
  };
}

/** Calls `listener` when the system begins or ends to force its colours, until the returned function is called. */
export function onForcedColours(listener: () => void): () => void {
  const query = matchMedia(FORCED);
  query.addEventListener("change", listener);
  return () => query.removeEventListener("change", listener);
}

/** Resolved colours for what draws by itself (terminal, editor): a custom property alone stays `light-dark(…)`. */

const NAMES = [
  "bg-base",
  "bg-raised",
  "bg-sunk",
  "line",
  "edge",
  "text",
  "text-2",
  "text-3",
  "accent",
  "accent-wash",
  "running",
  "needs",
  "done",
  "failed",
  "offline",
] as const;

export type ColourName = (typeof NAMES)[number];

/** Every colour token as `#rrggbb` in the theme that is shown now. */
export function resolvedColours(): Record<ColourName, string> {
  const probe = document.createElement("span");
  document.body.append(probe);
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const colours = Object.fromEntries(
    NAMES.map((name) => {
      probe.style.color = `var(--${name})`;
      return [name, canvas === null ? "#000000" : hex(canvas, getComputedStyle(probe).color)];
    }),
  ) as Record<ColourName, string>;
  probe.remove();
  return colours;
}

/** The browser's own conversion: painted on one pixel and read back. */
function hex(canvas: CanvasRenderingContext2D, colour: string): string {
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  const [red = 0, green = 0, blue = 0] = canvas.getImageData(0, 0, 1, 1).data;
  return `#${[red, green, blue].map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}

/** Calls `listener` when the theme changes, by the setting or by the system, until the returned function is called. */
export function onThemeChange(listener: () => void): () => void {
  const query = matchMedia("(prefers-color-scheme: dark)");
  const observer = new MutationObserver(listener);
  observer.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  query.addEventListener("change", listener);
  return () => {
    observer.disconnect();
    query.removeEventListener("change", listener);
  };
}

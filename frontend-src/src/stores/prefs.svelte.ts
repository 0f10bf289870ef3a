/**
 * How the page is shown and used, kept in local storage. What is about this screen (theme, density, widths) stays there.
 * What is about the person (keys, marks of machines) is also kept on Main and comes from there: see stores/shared.ts.
 */

export type Theme = "system" | "light" | "dark";
export type Density = "comfortable" | "compact";

interface Values {
  theme: Theme;
  density: Density;
  /** Whether single letters act as keys (WCAG 2.1.4 wants them to be switched off). */
  hasLetters: boolean;
  /** Keys without Ctrl that were changed, by the id of their row in shell/bindings; empty = off. */
  keys: Record<string, string>;
  /** Index of the mark that was chosen for a machine, by its id. */
  marks: Record<string, number>;
  sidebarWidth: number;
  /** Share of the window's width, in per cent. */
  panelShare: number;
  isSidebarOpen: boolean;
  /** Text of terminals, in CSS pixels; 0 for the size that the design has. */
  terminalFont: number;
  /** Whether terminals put what is written on them into words for a screen reader. */
  isTerminalAloud: boolean;
  /** Whether a terminal stands below the other parts of the panel, and its share of the height in per cent. */
  isTerminalBelow: boolean;
  belowShare: number;
}

const KEY = "switchyard.prefs";
const DEFAULTS: Values = {
  theme: "system",
  density: "comfortable",
  hasLetters: true,
  keys: {},
  marks: {},
  sidebarWidth: 264,
  panelShare: 44,
  isSidebarOpen: true,
  terminalFont: 0,
  isTerminalAloud: false,
  isTerminalBelow: false,
  belowShare: 40,
};

export const SHARED = ["hasLetters", "keys", "marks"] as const;
export type SharedName = (typeof SHARED)[number];

/** What was kept, as far as it still fits; a browser that refuses storage has the defaults. */
function load(): Values {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    if (typeof kept !== "object" || kept === null) return { ...DEFAULTS };
    const fitting = Object.entries(kept).filter(([key, value]) => key in DEFAULTS && fits(key as keyof Values, value));
    return { ...DEFAULTS, ...Object.fromEntries(fitting) };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof DOMException) return { ...DEFAULTS };
    throw error;
  }
}

function fits(name: keyof Values, value: unknown): boolean {
  const usual = DEFAULTS[name];
  if (typeof usual !== "object") return typeof value === typeof usual;
  const kind = name === "keys" ? "string" : "number";
  return typeof value === "object" && value !== null && Object.values(value).every((one) => typeof one === kind);
}

class Prefs {
  values: Values = $state(load());
  /** Told of what was changed here and belongs to the person. */
  onShared: (name: SharedName, value: Values[SharedName]) => void = () => undefined;

  /** Changes some and keeps all. */
  set(change: Partial<Values>): void {
    this.#keep(change);
    for (const name of SHARED) if (name in change) this.onShared(name, this.values[name]);
  }

  /** The person chose this on another device; `json` as it was given to `onShared` there. What does not fit is left. */
  take(name: SharedName, json: string): void {
    try {
      const value: unknown = JSON.parse(json);
      if (fits(name, value)) this.#keep({ [name]: value });
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
  }

  #keep(change: Partial<Values>): void {
    Object.assign(this.values, change);
    try {
      localStorage.setItem(KEY, JSON.stringify(this.values));
    } catch (error) {
      // Storage is full or forbidden: the change lives as long as the page.
      if (!(error instanceof DOMException)) throw error;
    }
    this.apply();
  }

  /** Tells the style sheets; called once at the start, before anything is drawn. */
  apply(): void {
    const root = document.documentElement;
    root.dataset["theme"] = this.values.theme;
    root.dataset["density"] = this.values.density;
  }
}

export const prefs = new Prefs();

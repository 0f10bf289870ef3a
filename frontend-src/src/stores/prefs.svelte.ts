/** How this browser shows the page. Kept in local storage: it is about this screen, not about the person. */

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
};

/** What was kept, as far as it still fits; a browser that refuses storage has the defaults. */
function load(): Values {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    if (typeof kept !== "object" || kept === null) return { ...DEFAULTS };
    const fitting = Object.entries(kept).filter(
      ([key, value]) => key in DEFAULTS && typeof value === typeof DEFAULTS[key as keyof Values],
    );
    return { ...DEFAULTS, ...Object.fromEntries(fitting) };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof DOMException) return { ...DEFAULTS };
    throw error;
  }
}

class Prefs {
  values: Values = $state(load());

  /** Changes some and keeps all. */
  set(change: Partial<Values>): void {
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

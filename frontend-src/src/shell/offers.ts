/** What the palette offers besides sessions, folders and machines: every page, and every act of what is on screen. */
import { auth } from "../stores/auth.svelte.ts";
import { prefs, type Density, type Theme } from "../stores/prefs.svelte.ts";
import { settings } from "../strings/settings.ts";
import { palette as words, panelNames, shell } from "../strings/shell.ts";
import type { IconName } from "../ui/icons.ts";
import { at } from "../wire/base.ts";
import { isWireError } from "../wire/errors.ts";
import { logOut } from "../wire/http.ts";
import { sectionsFor } from "../pages/settings/sections.ts";
import { actsNow } from "./acts.svelte.ts";
import { frame } from "./frame.svelte.ts";
import { router } from "./router.svelte.ts";
import { PANEL_TABS, type Route } from "./routes.ts";
import type { Entry } from "./search.ts";

function page(id: string, name: string, icon: IconName, to: Route, detail = ""): Entry {
  return { id: `go/${id}`, group: "go", name, detail, icon, to };
}

function deed(id: string, name: string, icon: IconName, to: () => void, detail = words.everywhere): Entry {
  return { id: `act/${id}`, group: "act", name, detail, icon, to };
}

function places(): Entry[] {
  return [
    page("needs", shell.needsYou, "needs", { name: "needs" }),
    ...(auth.canWrite ? [page("new", shell.newSession, "plus", { name: "new", node: null, path: null })] : []),
    page("home", shell.sessions, "log", { name: "home" }),
    page("machines", shell.machines, "machine", { name: "machines" }),
  ];
}

function otherPages(): Entry[] {
  return [
    ...(auth.isOwner ? [page("add", words.addMachine, "plus", { name: "add" })] : []),
    page("settings", shell.settings, "settings", { name: "settings" }),
    ...sectionsFor(auth.isOwner).map(({ name, to }) =>
      page(`settings/${name}`, settings.sections[name], "settings", to, words.section),
    ),
  ];
}

/** The acts of the page that is open. */
function here(): Entry[] {
  const { route } = router;
  const isWork = route.name === "session" || route.name === "project";
  const panels = PANEL_TABS.map((tab) =>
    deed(`panel/${tab}`, words.panel(panelNames[tab]), "panel", () => frame.togglePanel(tab), words.page),
  );
  const own = actsNow().map((item, index) =>
    deed(`here/${index}`, item.name, item.icon ?? "more", () => item.act(), item.about),
  );
  return isWork ? [...own, ...panels] : own;
}

function everywhere(): Entry[] {
  const { values } = prefs;
  const themes = (Object.keys(settings.themes) as Theme[]).filter((theme) => theme !== values.theme);
  const densities = (Object.keys(settings.densities) as Density[]).filter((density) => density !== values.density);
  return [
    deed("keys", words.showKeys, "settings", () => (frame.isKeyMapOpen = true)),
    deed("sidebar", words.toggleSidebar, "sidebar", () => frame.toggleSidebar()),
    ...themes.map((theme) =>
      deed(`theme/${theme}`, words.theme(settings.themes[theme]), "settings", () => prefs.set({ theme })),
    ),
    ...densities.map((density) =>
      deed(`density/${density}`, words.density(settings.densities[density]), "settings", () => prefs.set({ density })),
    ),
    deed("out", words.signOut, "out", () => void signOut()),
  ];
}

async function signOut(): Promise<void> {
  try {
    await logOut();
    location.assign(at(""));
  } catch (error) {
    if (!isWireError(error)) throw error;
    // Where one signs out by hand, the same failure is told in a sentence.
    router.go({ name: "settings", section: "account" });
  }
}

/** Read once, when the palette opens. Its first entry is a place, so that Enter by habit does nothing to a session. */
export function offers(): { places: Entry[]; rest: Entry[] } {
  return { places: [...places(), ...here()], rest: [...otherPages(), ...everywhere()] };
}

import { untrack } from "svelte";
import { prefs } from "../stores/prefs.svelte.ts";
import { router } from "./router.svelte.ts";
import type { PanelTab, Route } from "./routes.ts";
import { viewport } from "./viewport.svelte.ts";

/** Which parts of the frame stand open. */
class Frame {
  /** On a narrow window the sidebar is a drawer over the page, shut at first. */
  isDrawerOpen = $state(false);
  isPaletteOpen = $state(false);
  isKeyMapOpen = $state(false);
  /** Whether the palette was opened to choose what to open beside. */
  isChoosingBeside = $state(false);
  #composers = $state(0);
  /** The part of the panel that was opened by its key, until it has given its act the focus. */
  #wish: PanelTab | null = null;
  /** The last session or folder that was open: what "Work" on the phone's bar goes to. */
  lastWork: Route | null = $state.raw(null);

  /** Whether a composer is on screen, so that it can be skipped to. Each that comes sets it, each that goes unsets it. */
  get hasComposer(): boolean {
    return this.#composers > 0;
  }

  set hasComposer(hasCome: boolean) {
    // Set while a component is set up, which must not follow the count.
    this.#composers = untrack(() => this.#composers) + (hasCome ? 1 : -1);
  }

  get isSidebarShown(): boolean {
    if (viewport.isPhone) return false;
    return viewport.isDesktop ? prefs.values.isSidebarOpen : this.isDrawerOpen;
  }

  toggleSidebar(): void {
    if (viewport.isDesktop) prefs.set({ isSidebarOpen: !prefs.values.isSidebarOpen });
    else this.isDrawerOpen = !this.isDrawerOpen;
  }

  /** As `togglePanel`, by its key: what comes may take the focus. */
  togglePanelByKey(tab: PanelTab): void {
    this.togglePanel(tab);
    const { route } = router;
    this.#wish = "panel" in route && route.panel === tab ? tab : null;
  }

  /** Whether that part was opened by its key; said once. */
  takeWish(tab: PanelTab): boolean {
    const isWished = this.#wish === tab;
    if (isWished) this.#wish = null;
    return isWished;
  }

  /** Shows a tab of the panel, or shuts the panel when that tab is shown; nothing where there is no panel. */
  togglePanel(tab: PanelTab): void {
    const route = router.route;
    if (route.name !== "session" && route.name !== "project") return;
    router.go({ ...route, panel: route.panel === tab ? null : tab }, { replace: !viewport.isPhone });
  }
}

export const frame = new Frame();

import type { SessionStore } from "./session.svelte.ts";
import { personal } from "./personal.svelte.ts";

function isLooking(): boolean {
  return document.visibilityState === "visible" && document.hasFocus();
}

/** Whether the person looks at this window. */
class Attention {
  isHere = $state(isLooking());

  constructor() {
    const look = () => (this.isHere = isLooking());
    window.addEventListener("focus", look);
    window.addEventListener("blur", look);
    document.addEventListener("visibilitychange", look);
  }
}

const attention = new Attention();

/** While a session's log is shown: notes that its news have been looked at. To be called while a component is made. */
export function noteLooking(store: SessionStore): void {
  $effect(() => {
    const { news } = store.facts;
    if (attention.isHere && store.isLive && news > 0) personal.look(store.node, store.id, news);
  });
}

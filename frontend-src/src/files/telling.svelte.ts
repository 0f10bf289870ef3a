/** Tells of uploads where no Files panel is in sight that shows them. */
import { untrack } from "svelte";

import { router } from "../shell/router.svelte.ts";
import type { Route } from "../shell/routes.ts";
import { underWay } from "../stores/underway.svelte.ts";
import { filesWords as words } from "../strings/files.ts";
import { uploads } from "./uploads.svelte.ts";

/** Where the uploads were begun last. */
let home: Route | null = null;
let shown = $state(0);
let isTelling = false;

function share(): number {
  const all = uploads.list.filter((upload) => upload.state !== "cancelled" && upload.state !== "skipped");
  const whole = all.reduce((sum, upload) => sum + upload.file.size, 0);
  const sent = all.reduce((sum, upload) => sum + (upload.state === "done" ? upload.file.size : upload.sent), 0);
  return whole === 0 ? 0 : Math.floor((sent / whole) * 100);
}

/** Watches the uploads from the first panel on, as long as the page lives. */
function tell(): void {
  $effect.root(() => {
    $effect(() => {
      const waits = uploads.asking.length;
      const count = uploads.open.length;
      const isTold = shown === 0 && count > 0;
      underWay.current = isTold
        ? {
            text: waits > 0 ? words.underWayAsks(waits) : words.underWay(count, share()),
            needsYou: waits > 0,
            show: () => home && router.go(home),
          }
        : null;
    });
    $effect(() => {
      const warn = (event: BeforeUnloadEvent) => event.preventDefault();
      if (uploads.open.length === 0) return;
      window.addEventListener("beforeunload", warn);
      return () => window.removeEventListener("beforeunload", warn);
    });
  });
}

/** A Files panel is in sight at `route` until the returned function is called. */
export function tellElsewhere(route: Route): () => void {
  home = route;
  untrack(() => shown++);
  if (!isTelling) tell();
  isTelling = true;
  return () => untrack(() => shown--);
}

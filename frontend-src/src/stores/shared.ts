import { personal } from "./personal.svelte.ts";
import { prefs, SHARED, type SharedName } from "./prefs.svelte.ts";

const NAMES: Record<SharedName, string> = { hasLetters: "page.letters", keys: "page.keys", marks: "page.marks" };

/** Keeps the preferences that belong to the person on Main. Called once by the signed-in page. */
export function sharePreferences(user: string): void {
  prefs.onShared = (name, value) => personal.set(NAMES[name], JSON.stringify(value));
  personal.start(user, (setting, value) => {
    const name = SHARED.find((one) => NAMES[one] === setting);
    if (name !== undefined && value !== null) prefs.take(name, value);
  });
}

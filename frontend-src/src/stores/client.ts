/** The one client of the page. */
import { socketAt } from "../wire/base.ts";
import { Client } from "../wire/client.ts";
import { authStatus } from "../wire/http.ts";
import { isWireError } from "../wire/errors.ts";

async function leaveWhenSignedOut(): Promise<void> {
  try {
    const status = await authStatus();
    // A fresh page forgets everything that the ended login had loaded.
    if (status.user === null) location.reload();
  } catch (error) {
    // Main is away: that is what the link already shows.
    if (!isWireError(error)) throw error;
  }
}

export const client = new Client({
  dial: () => new WebSocket(`${socketAt("ws")}?batches=1`),
  isVisible: () => document.visibilityState === "visible",
  onRefused: () => void leaveWhenSignedOut(),
});

/** Starts the client and wakes it when the device does. Called once, by the signed-in page. */
export function startClient(): void {
  client.start();
  window.addEventListener("online", () => client.wake());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") client.wake();
  });
}

/** What stores need of the client; tests give them their own. */
export type Calls = Pick<Client, "call" | "subscribe">;

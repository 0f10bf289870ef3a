/** The signed-in page: everything behind sign-in is loaded from here. */
import "./styles/font.css";
import { mount } from "svelte";
import App from "./shell/App.svelte";
import { router } from "./shell/router.svelte.ts";
import { auth } from "./stores/auth.svelte.ts";
import { startClient } from "./stores/client.ts";
import { inbox } from "./stores/inbox.svelte.ts";
import { nodes } from "./stores/nodes.svelte.ts";
import { projects } from "./stores/pernode.svelte.ts";
import { sessions } from "./stores/sessions.svelte.ts";
import { sharePreferences } from "./stores/shared.ts";
import type { User } from "./wire/wire.gen.ts";

export function mountApp(target: HTMLElement, user: User, version: string): void {
  auth.user = user;
  auth.version = version;
  router.start();
  // Whoever has just signed in stands at the address of sign-in.
  if (router.route.name === "home") router.go({ name: "home" }, { replace: true });
  nodes.start();
  sessions.start();
  sharePreferences(user.id);
  // A turn may have changed branches and made repositories.
  inbox.start((session) => void projects.refresh(session.node));
  startClient();
  mount(App, { target });
}

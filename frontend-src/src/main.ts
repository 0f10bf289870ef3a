/** The page's entry: finds out who looks at it and loads only what they need. */
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/sign-font.css";
import { mount, unmount } from "svelte";
import Sign from "./sign/Sign.svelte";
import Unreachable from "./sign/Unreachable.svelte";
import { prefs } from "./stores/prefs.svelte.ts";
import { installSprite } from "./ui/sprite.ts";
import { isWireError } from "./wire/errors.ts";
import { authStatus } from "./wire/http.ts";
import type { AuthStatus, User } from "./wire/wire.gen.ts";

prefs.apply();
installSprite();

function place(): HTMLElement {
  const found = document.getElementById("page");
  if (found === null) throw new Error("the page has no #page");
  return found;
}

async function showApp(user: User, version: string): Promise<void> {
  const { mountApp } = await import("./app.ts");
  mountApp(place(), user, version);
}

function showSign(status: AuthStatus): void {
  const sign = mount(Sign, {
    target: place(),
    props: {
      status,
      onsignedin: async (user: User) => {
        await showApp(user, status.version);
        await unmount(sign);
      },
    },
  });
}

async function begin(): Promise<void> {
  try {
    const status = await authStatus();
    if (status.user === null) showSign(status);
    else await showApp(status.user, status.version);
  } catch (error) {
    if (!isWireError(error)) throw error;
    const notice = mount(Unreachable, {
      target: place(),
      props: {
        text: error.message,
        onretry: async () => {
          await unmount(notice);
          await begin();
        },
      },
    });
  }
}

void begin();

import type { LinkState } from "../wire/link.ts";
import { client } from "./client.ts";

class LinkStore {
  state: LinkState = $state.raw(client.link);

  /** False until the link has opened once: a page that is still loading has not lost anything. */
  hasOpened = $state(false);

  constructor() {
    client.onLink((state) => {
      this.state = state;
      if (state.isOpen) this.hasOpened = true;
    });
  }
}

export const link = new LinkStore();

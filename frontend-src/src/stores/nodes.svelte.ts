import { shownTitle } from "../format/titles.ts";
import type { Node } from "../wire/wire.gen.ts";
import { client, type Calls } from "./client.ts";
import { FeedState } from "./feed.svelte.ts";

/** The machines that the caller may see, by name. */
export class NodesStore {
  readonly feed = new FeedState();
  list: readonly Node[] = $state.raw([]);
  readonly byId = $derived(new Map(this.list.map((node) => [node.id, node])));
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  start(): void {
    this.#calls.subscribe(
      "nodes.watch",
      {},
      {
        onStart: (result) => {
          this.list = sorted(result.nodes);
          this.feed.started();
        },
        onEvent: (event) => {
          const rest = this.list.filter((node) => node.id !== (event.type === "node" ? event.node.id : event.id));
          this.list = event.type === "node" ? sorted([...rest, event.node]) : rest;
        },
        onPause: (error) => this.feed.paused(error),
      },
    );
  }

  /** The name that people gave the machine; its id when it is not known (any more). */
  nameOf(id: string): string {
    return this.byId.get(id)?.name ?? id;
  }

  isOnline(id: string): boolean {
    return this.byId.get(id)?.status === "online";
  }
}

function sorted(nodes: readonly Node[]): readonly Node[] {
  const named = nodes.map((node) => ({ ...node, name: shownTitle(node.name) || node.id }));
  return named.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
}

export const nodes = new NodesStore(client);

import { SvelteMap } from "svelte/reactivity";
import { isWireError, type WireError } from "../wire/errors.ts";
import type { Project, ProviderInfo } from "../wire/wire.gen.ts";
import { shownTitle } from "../format/titles.ts";
import { client } from "./client.ts";

export interface Loaded<T> {
  /** The last answer; kept while a newer one is fetched or cannot be had. */
  value: T | null;
  problem: WireError | null;
}

/** One list a machine that is fetched when somebody looks, and again on `refresh`. */
export class PerNode<T> {
  readonly #byNode = new SvelteMap<string, Loaded<T>>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #fetch: (node: string) => Promise<T>;

  constructor(fetch: (node: string) => Promise<T>) {
    this.#fetch = fetch;
  }

  /** What is known; does not fetch, so it may be read while rendering. */
  of(node: string): Loaded<T> {
    return this.#byNode.get(node) ?? { value: null, problem: null };
  }

  /** Fetches unless that is under way. Never rejects: the problem is in `of`. */
  refresh(node: string): Promise<void> {
    const running = this.#running.get(node) ?? this.#load(node).finally(() => this.#running.delete(node));
    this.#running.set(node, running);
    return running;
  }

  async #load(node: string): Promise<void> {
    try {
      this.#byNode.set(node, { value: await this.#fetch(node), problem: null });
    } catch (error) {
      if (!isWireError(error)) throw error;
      this.#byNode.set(node, { value: this.#byNode.get(node)?.value ?? null, problem: error });
    }
  }
}

export const projects = new PerNode<readonly Project[]>(async (node) => {
  const { projects } = await client.call("projects.list", { node });
  return projects.map((project) => ({ ...project, name: shownTitle(project.name) }));
});

export const providers = new PerNode<readonly ProviderInfo[]>(
  async (node) => (await client.call("providers.list", { node })).providers,
);

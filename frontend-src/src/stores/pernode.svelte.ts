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

/** After so long an answer that is not whole yet is asked for again; then what it says is taken for settled. */
const AGAIN_AFTER_MS = [3_000, 10_000, 30_000];

/** One list a machine that is fetched when somebody looks, and again on `refresh`. */
export class PerNode<T> {
  readonly #byNode = new SvelteMap<string, Loaded<T>>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #again = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #fetch: (node: string) => Promise<T>;
  readonly #isWhole: (value: T) => boolean;

  constructor(fetch: (node: string) => Promise<T>, isWhole: (value: T) => boolean = () => true) {
    this.#fetch = fetch;
    this.#isWhole = isWhole;
  }

  /** What is known; does not fetch, so it may be read while rendering. */
  of(node: string): Loaded<T> {
    return this.#byNode.get(node) ?? { value: null, problem: null };
  }

  /** Fetches unless that is under way. Never rejects: the problem is in `of`. */
  refresh(node: string): Promise<void> {
    return this.#ask(node, 0);
  }

  #ask(node: string, tries: number): Promise<void> {
    const running = this.#running.get(node) ?? this.#load(node, tries).finally(() => this.#running.delete(node));
    this.#running.set(node, running);
    return running;
  }

  async #load(node: string, tries: number): Promise<void> {
    clearTimeout(this.#again.get(node));
    try {
      const value = await this.#fetch(node);
      this.#byNode.set(node, { value, problem: null });
      const wait = this.#isWhole(value) ? undefined : AGAIN_AFTER_MS[tries];
      if (wait !== undefined)
        this.#again.set(
          node,
          setTimeout(() => void this.#ask(node, tries + 1), wait),
        );
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

/** An agent that is slow to start is not available at first: it is asked again what it can do. */
export const providers = new PerNode<readonly ProviderInfo[]>(
  async (node) => (await client.call("providers.list", { node })).providers,
  (agents) => agents.every((agent) => agent.available),
);

import { newId } from "../format/ids.ts";
import { auth } from "../stores/auth.svelte.ts";
import { client } from "../stores/client.ts";
import { projects, providers } from "../stores/pernode.svelte.ts";
import { sessions } from "../stores/sessions.svelte.ts";
import { nodes } from "../stores/nodes.svelte.ts";
import type { Model, Mode, ProviderInfo, SessionSummary } from "../wire/wire.gen.ts";

/** A session that is about to be made: what was chosen, and what holds where nothing was. */
export class NewSession {
  text = $state("");
  /** What the person chose; null where the usual holds. */
  chosenNode: string | null = $state(null);
  chosenPath: string | null = $state(null);
  chosenProvider: string | null = $state(null);
  chosenModel: string | null = $state(null);
  effort: string | null = $state(null);
  chosenMode: string | null = $state(null);

  /** Made, but its prompt has not been taken yet: sending again must not make a second one. */
  #made: SessionSummary | null = $state.raw(null);
  readonly #messageId = newId();

  readonly online = $derived(nodes.list.filter((node) => node.status === "online" && auth.canActOn(node)));
  readonly node = $derived(
    this.online.find((node) => node.id === this.chosenNode) ??
      this.online.find((node) => node.id === sessions.list[0]?.node) ??
      this.online.find((node) => node.is_local) ??
      this.online[0] ??
      null,
  );
  readonly path: string | null = $derived.by(() => {
    if (this.node === null) return null;
    if (this.chosenPath !== null && (this.chosenNode === null || this.chosenNode === this.node.id))
      return this.chosenPath;
    const latest = sessions.list.find((session) => session.node === this.node?.id);
    return latest?.path ?? projects.of(this.node.id).value?.[0]?.path ?? this.node.home ?? null;
  });
  readonly agents: readonly ProviderInfo[] = $derived(
    this.node === null ? [] : (providers.of(this.node.id).value ?? []),
  );
  readonly agent: ProviderInfo | null = $derived(
    this.agents.find((agent) => agent.id === this.chosenProvider && agent.available) ??
      this.agents.find((agent) => agent.available) ??
      null,
  );
  readonly model: Model | null = $derived(
    this.agent?.models.find((model) => model.id === this.chosenModel) ??
      this.agent?.models.find((model) => model.is_default) ??
      null,
  );
  readonly mode: Mode | null = $derived(
    this.agent?.modes.find((mode) => mode.id === this.chosenMode) ??
      this.agent?.modes.find((mode) => mode.is_default) ??
      null,
  );
  readonly isReady = $derived(this.node !== null && this.path !== null && this.agent !== null);
  readonly isMade = $derived(this.#made !== null);

  chooseNode(id: string): void {
    this.chosenNode = id;
    this.chosenPath = null;
    this.chosenProvider = null;
    this.chosenModel = null;
    this.chosenMode = null;
    this.effort = null;
  }

  /** Makes the session and sends its first prompt, if there is one. Rejects with `WireError`; may be called again. */
  async start(): Promise<SessionSummary> {
    const { node, path, agent } = this;
    if (node === null || path === null || agent === null) throw new Error("not ready");
    this.#made ??= (
      await client.call("session.create", {
        node: node.id,
        path,
        provider: agent.id,
        model: this.chosenModel,
        effort: this.effort,
        mode: this.chosenMode,
      })
    ).session;
    sessions.put(this.#made);
    const text = this.text.trim();
    if (text !== "") {
      const target = { node: node.id, session: this.#made.id };
      await client.call("session.send", { ...target, message_id: this.#messageId, text });
    }
    return this.#made;
  }
}

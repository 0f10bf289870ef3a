/** A prompt that is handed to the composer of a session: from a fork to be edited, or from a turn that was undone. */
import { SvelteMap } from "svelte/reactivity";
import { sessionKey } from "../stores/sessions.svelte.ts";
import type { Attachment } from "../wire/wire.gen.ts";

export interface Handed {
  readonly text: string;
  readonly attachments: readonly Attachment[];
}

const waiting = new SvelteMap<string, Handed>();

export function handOver(node: string, session: string, prompt: Handed): void {
  waiting.set(sessionKey(node, session), prompt);
}

/** What waits for that composer; it is its own from then on. Reading makes an effect run again when something comes. */
export function takeHanded(node: string, session: string): Handed | null {
  const key = sessionKey(node, session);
  const prompt = waiting.get(key) ?? null;
  if (prompt !== null) waiting.delete(key);
  return prompt;
}

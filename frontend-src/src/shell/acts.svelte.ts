/** The acts of what is on screen, for the palette: whoever has a menu offers the same acts here while it lives. */
import { SvelteMap } from "svelte/reactivity";
import type { IconName } from "../ui/icons.ts";

/** What the palette needs of an entry of a menu. */
export interface OfferedAct {
  name: string;
  icon?: IconName;
  isDisabled?: boolean;
  isChosen?: boolean;
  act: () => void;
}

const offered = new SvelteMap<symbol, { acts: () => readonly OfferedAct[]; about: string }>();

/** Call while a component is set up; `about` says in a word what the acts are done to. */
export function offerActs(acts: () => readonly OfferedAct[], about: string): void {
  $effect(() => {
    const key = Symbol(about);
    offered.set(key, { acts, about });
    return () => offered.delete(key);
  });
}

/** What can be done now, in the order in which it was offered. */
export function actsNow(): (OfferedAct & { about: string })[] {
  return [...offered.values()].flatMap(({ acts, about }) =>
    acts()
      .filter((item) => item.isDisabled !== true && item.isChosen !== true)
      .map((item) => ({ ...item, about })),
  );
}

import { BINDINGS, keysOf, strokeOf, takenBy, written, type Binding } from "../../shell/bindings.ts";
import { prefs } from "../../stores/prefs.svelte.ts";
import { keyNames, keyWords as words } from "../../strings/keys.ts";

/** One key that is being changed: it takes the next stroke, or the next two when the first begins other keys. */
export class Remapping {
  asked: Binding["id"] | null = $state(null);
  /** The first stroke of two. */
  first: string | null = $state(null);
  problem: string | null = $state(null);

  begin(binding: Binding): void {
    this.asked = binding.id;
    this.first = null;
    this.problem = null;
  }

  end(): void {
    this.asked = null;
    this.first = null;
    this.problem = null;
  }

  /** Takes what was pressed while a key is asked for. Tab and keys with Ctrl go on to the page. */
  press(event: KeyboardEvent): void {
    const stroke = this.asked === null ? null : strokeOf(event);
    if (this.asked === null || stroke === null || event.key === "Tab" || stroke.startsWith("Ctrl+")) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Escape") this.end();
    else if (event.key === "Backspace" || event.key === "Delete") this.#set(this.asked, "");
    else if (event.key.length !== 1 || event.key === " ") this.problem = words.noLetter;
    else if (this.first === null && this.#beginsOthers(this.asked, stroke)) this.first = stroke;
    else this.#choose(this.asked, this.first === null ? stroke : `${this.first} ${stroke}`);
  }

  #beginsOthers(own: Binding["id"], stroke: string): boolean {
    return BINDINGS.some((one) => one.id !== own && keysOf(one, prefs.values.keys).startsWith(`${stroke} `));
  }

  #choose(id: Binding["id"], keys: string): void {
    const other = takenBy(id, keys, prefs.values.keys);
    this.first = null;
    if (other === null) this.#set(id, keys);
    else this.problem = words.taken(written(keysOf(other, prefs.values.keys)), keyNames[other.id]);
  }

  #set(id: Binding["id"], keys: string): void {
    const rest = Object.fromEntries(Object.entries(prefs.values.keys).filter(([other]) => other !== id));
    const isFirst = BINDINGS.some((one) => one.id === id && one.keys === keys);
    prefs.set({ keys: isFirst ? rest : { ...rest, [id]: keys } });
    this.end();
  }
}

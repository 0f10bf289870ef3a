/** Every key of the page in one table: what dispatches, what is shown, and what people may change come from it. */
import { keyNames } from "../strings/keys.ts";

export type KeyId = keyof typeof keyNames;
export type KeyGroup = "anywhere" | "lists" | "session" | "terminal" | "ask";

export interface Binding {
  id: KeyId;
  group: KeyGroup;
  /** Strokes as they are pressed one after another: `g n`, `Ctrl+k`, `A` with Shift. */
  keys: string;
  /** Without Ctrl: it can be changed, and all of these are switched off together (WCAG 2.1.4). */
  isLetter: boolean;
}

function letter(id: KeyId, group: KeyGroup, keys: string): Binding {
  return { id, group, keys, isLetter: true };
}

function fixed(id: KeyId, group: KeyGroup, keys: string): Binding {
  return { id, group, keys, isLetter: false };
}

export const BINDINGS: readonly Binding[] = [
  fixed("palette", "anywhere", "Ctrl+k"),
  letter("goNeeds", "anywhere", "g n"),
  letter("goSessions", "anywhere", "g s"),
  letter("goMachines", "anywhere", "g m"),
  letter("goNew", "anywhere", "c"),
  fixed("sidebar", "anywhere", "Ctrl+b"),
  fixed("nextPart", "anywhere", "F6"),
  fixed("previousPart", "anywhere", "Shift+F6"),
  letter("keyMap", "anywhere", "?"),
  letter("nextRow", "lists", "j"),
  letter("previousRow", "lists", "k"),
  fixed("openRow", "lists", "Enter"),
  letter("openBeside", "lists", "b"),
  letter("composer", "session", "i"),
  letter("composerToo", "session", "/"),
  fixed("leaveComposer", "session", "Escape"),
  fixed("stop", "session", "Ctrl+."),
  letter("previousTurn", "session", "["),
  letter("nextTurn", "session", "]"),
  letter("nextEdit", "session", "e"),
  letter("nextError", "session", "x"),
  letter("previousPane", "session", "{"),
  letter("nextPane", "session", "}"),
  letter("closePane", "session", "W"),
  fixed("terminal", "session", "Ctrl+j"),
  fixed("changes", "session", "Ctrl+Shift+g"),
  fixed("findFile", "session", "Ctrl+p"),
  fixed("searchFiles", "session", "Ctrl+Shift+f"),
  fixed("leaveTerminal", "terminal", "Ctrl+Shift+Escape"),
  fixed("copyTerminal", "terminal", "Ctrl+Shift+c"),
  fixed("pasteTerminal", "terminal", "Ctrl+Shift+v"),
  fixed("searchTerminal", "terminal", "Ctrl+Shift+f"),
  fixed("previousCommand", "terminal", "Ctrl+Shift+ArrowUp"),
  fixed("nextCommand", "terminal", "Ctrl+Shift+ArrowDown"),
  letter("allowOnce", "ask", "a"),
  letter("allowRule", "ask", "A"),
  letter("deny", "ask", "d"),
  letter("openDiff", "ask", "o"),
  letter("selectAsk", "ask", "x"),
];

/** What a person changed: strokes by id, an empty string where a key is off. */
export type Changed = Readonly<Partial<Record<string, string>>>;

/** The strokes that hold; empty when the key is off. */
export function keysOf(binding: Binding, changed: Changed): string {
  return (binding.isLetter ? changed[binding.id] : undefined) ?? binding.keys;
}

/** The stroke of an event as the table writes it; null for a modifier alone. */
export function strokeOf(event: KeyboardEvent): string | null {
  const { key } = event;
  if (["Control", "Shift", "Alt", "Meta", "AltGraph", "Dead", "Unidentified"].includes(key)) return null;
  const isCommand = (event.ctrlKey || event.metaKey) && !event.getModifierState("AltGraph");
  // A printed character already says whether Shift was held; a named key and one with Ctrl do not.
  const isShiftTold = event.shiftKey && (isCommand || key.length > 1);
  const parts = [isCommand && "Ctrl", event.altKey && !isCommand && key.length > 1 && "Alt", isShiftTold && "Shift"];
  return [...parts.filter(Boolean), isCommand && key.length === 1 ? key.toLowerCase() : key].join("+");
}

/** Strokes as people read them: `Ctrl K`, `Shift A`, `g n`; each cap is divided by a space. */
export function written(keys: string): string {
  return keys
    .split(" ")
    .map((stroke) => {
      const parts = stroke.length === 1 ? [stroke] : stroke.split("+");
      const last = parts.pop() ?? "";
      if (parts.length === 0 && /^[A-Z]$/.test(last)) return `Shift ${last}`;
      const cap = last === "Escape" ? "Esc" : last.replace("Arrow", "");
      return [...parts, parts.length > 0 && cap.length === 1 ? cap.toUpperCase() : cap].join(" ");
    })
    .join(" ");
}

/** Two groups whose keys are listened to at the same time. Those of an ask or a terminal act only inside it. */
function doMeet(one: KeyGroup, other: KeyGroup): boolean {
  const isInside = [one, other].some((group) => group === "ask" || group === "terminal");
  return one === other || !isInside;
}

/** The binding that `keys` would collide with: the same strokes, or one that begins with the other. */
export function takenBy(id: KeyId, keys: string, changed: Changed): Binding | null {
  const own = BINDINGS.find((one) => one.id === id);
  if (own === undefined || keys === "") return null;
  return (
    BINDINGS.find((other) => {
      const theirs = keysOf(other, changed);
      if (other.id === id || theirs === "" || !doMeet(own.group, other.group)) return false;
      return theirs === keys || theirs.startsWith(`${keys} `) || keys.startsWith(`${theirs} `);
    }) ?? null
  );
}

/**
 * The key row above a phone's keyboard: what its keys send, with Ctrl and Alt as modifiers that hold.
 *
 * Sequences are those of xterm (ctlseqs, "PC-Style Function Keys"): application cursor mode changes CSI to SS3.
 */
export type BarKey = "Escape" | "Tab" | "ArrowUp" | "ArrowDown" | "ArrowLeft" | "ArrowRight" | "/" | "-" | "|" | "~";

export interface Modifiers {
  ctrl: boolean;
  alt: boolean;
}

/** How long a modifier of the key row holds: for one key, or until it is pressed again. */
export type Hold = "off" | "once" | "kept";
export type Holds = Readonly<Record<keyof Modifiers, Hold>>;

export const NONE_HELD: Holds = { ctrl: "off", alt: "off" };

/** What a press of the modifier makes of it. */
export function pressedHold(hold: Hold): Hold {
  return ({ off: "once", once: "kept", kept: "off" } as const)[hold];
}

export function modifiersOf({ ctrl, alt }: Holds): Modifiers {
  return { ctrl: ctrl !== "off", alt: alt !== "off" };
}

/** What is still held after a key. */
export function afterKey({ ctrl, alt }: Holds): Holds {
  const left = (hold: Hold): Hold => (hold === "kept" ? "kept" : "off");
  return { ctrl: left(ctrl), alt: left(alt) };
}

const ARROWS: Partial<Record<BarKey, string>> = { ArrowUp: "A", ArrowDown: "B", ArrowRight: "C", ArrowLeft: "D" };
const ESCAPE = "\x1b";

/** xterm's modifier parameter: 1 + alt (2) + ctrl (4). */
function modifierNumber({ ctrl, alt }: Modifiers): number {
  return 1 + (alt ? 2 : 0) + (ctrl ? 4 : 0);
}

/** What a key of the bar sends. */
export function barSequence(key: BarKey, held: Modifiers, isApplicationCursor: boolean): string {
  const arrow = ARROWS[key];
  if (arrow !== undefined) {
    const modifier = modifierNumber(held);
    if (modifier > 1) return `${ESCAPE}[1;${String(modifier)}${arrow}`;
    return `${ESCAPE}${isApplicationCursor ? "O" : "["}${arrow}`;
  }
  if (key === "Escape") return ESCAPE;
  return withModifiers(key === "Tab" ? "\t" : key, held);
}

/** A typed text under held modifiers: Ctrl maps the first letter to its control code, Alt puts ESC before it. */
export function withModifiers(text: string, held: Modifiers): string {
  const first = text.charAt(0);
  let out = text;
  if (held.ctrl && first !== "") {
    const code = first.toUpperCase().charCodeAt(0);
    if (code >= 0x40 && code <= 0x5f) out = String.fromCharCode(code & 0x1f) + text.slice(1);
    else if (first === " ") out = `\0${text.slice(1)}`;
    else if (first === "/") out = `\x1f${text.slice(1)}`;
  }
  return held.alt ? ESCAPE + out : out;
}

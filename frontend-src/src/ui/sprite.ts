import symbols from "./icons.svg?raw";

/** Puts the icons into the page, once: `<use href="#…">` then needs no request and cannot flicker. */
export function installSprite(): void {
  const parsed = new DOMParser().parseFromString(symbols, "image/svg+xml").documentElement;
  parsed.setAttribute("aria-hidden", "true");
  parsed.setAttribute("width", "0");
  parsed.setAttribute("height", "0");
  parsed.classList.add("aloud");
  document.body.prepend(document.importNode(parsed, true));
}

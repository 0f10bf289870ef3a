/**
 * Runs `work` while every `<style>` that is made gets the nonce that our Content-Security-Policy asks for.
 *
 * xterm makes its styles without one (checked with 6.0.0), all of them while it opens. Its option `documentOverride` does
 * not reach the style of its viewport, so the document itself stamps them for that moment.
 */
export function withStyleNonce(nonce: string, work: () => void): void {
  const make = Reflect.get<Document, "createElement">(document, "createElement");
  const stamped = (name: keyof HTMLElementTagNameMap, options?: ElementCreationOptions): HTMLElement => {
    const element = make.call(document, name, options);
    if (name === "style") element.nonce = nonce;
    return element;
  };
  Object.defineProperty(document, "createElement", { configurable: true, value: stamped });
  try {
    work();
  } finally {
    Reflect.deleteProperty(document, "createElement");
  }
}

let areStylesAllowed = false;

/**
 * From now on spans take their style in a way that our Content-Security-Policy allows: the policy forbids the attribute,
 * not what it says.
 *
 * xterm 6.0.0 writes colours beyond its palette, and those that it changes for contrast, with
 * `span.setAttribute("style", …)`. Markup with such an attribute stays without effect.
 */
export function allowSpanStyles(): void {
  if (areStylesAllowed) return;
  areStylesAllowed = true;
  HTMLSpanElement.prototype.setAttribute = function (name: string, value: string): void {
    if (name === "style") this.style.cssText = value;
    else Element.prototype.setAttribute.call(this, name, value);
  };
}

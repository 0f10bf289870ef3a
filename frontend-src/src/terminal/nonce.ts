/**
 * xterm makes `<style>` elements without the nonce that our Content-Security-Policy asks for (checked with 6.0.0).
 * It takes another `document` by its option `documentOverride`; this one stamps the nonce on each style it makes.
 */
export function documentWithNonce(real: Document, nonce: string): Document {
  return new Proxy(real, {
    get(target, key) {
      if (key === "createElement") {
        return (name: string, options?: ElementCreationOptions): HTMLElement => {
          const element = target.createElement(name, options);
          if (name === "style") element.nonce = nonce;
          return element;
        };
      }
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

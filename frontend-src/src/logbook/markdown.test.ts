// @vitest-environment jsdom
// DOMPurify is tested against jsdom and browsers; happy-dom parses too loosely for it to work.
import { describe, expect, it } from "vitest";

import { loadHighlighter, renderMarkdown } from "./markdown.ts";

const ATTACKS = [
  "<img src=x onerror=alert(1)>",
  "[x](javascript:alert(1))",
  "[x](JaVaScRiPt:alert(1))",
  "[x](data:text/html,<script>alert(1)</script>)",
  "<svg onload=alert(1)><script>alert(1)</script></svg>",
  '<math><mtext><table><mglyph><style><img src=x onerror="alert(1)">',
  "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
  '<a href="https://ok" onclick="alert(1)" style="position:fixed">x</a>',
  "![x](https://tracker.example/pixel.png)",
  "![x](javascript:alert(1))",
  '[x](https://a" onmouseover="alert(1))',
  "<form action=https://evil><input type=password></form>",
  "```html\n<img src=x onerror=alert(1)>\n```",
  "`<script>alert(1)</script>`",
];

describe("text of an agent", () => {
  it.each(ATTACKS)("cannot act in the page: %s", (attack) => {
    const place = document.createElement("div");
    place.innerHTML = renderMarkdown(attack);
    expect(place.querySelectorAll("img, script, svg, math, iframe, form, style, object").length).toBe(0);
    expect(place.querySelectorAll('input:not([type="checkbox"])').length).toBe(0);
    for (const element of place.querySelectorAll("*")) {
      for (const { name, value } of element.attributes) {
        expect(name.startsWith("on") || name === "style").toBe(false);
        if (name === "href") expect(value).toMatch(/^(https?|mailto):/);
      }
    }
  });

  it("keeps what Markdown is for", () => {
    const html = renderMarkdown("# A\n\n- **b** `c`\n\n[d](https://e.example)\n\n| x |\n|---|\n| y |");
    const place = document.createElement("div");
    place.innerHTML = html;
    expect([...place.querySelectorAll("h1, li strong, li code, td")].map((element) => element.textContent)).toEqual([
      "A",
      "b",
      "c",
      "y",
    ]);
    const link = place.querySelector("a");
    expect([link?.title, link?.rel]).toEqual(["https://e.example", "noopener noreferrer nofollow"]);
  });

  it("colours code of a known language once the grammars are there", async () => {
    await loadHighlighter();
    expect(renderMarkdown("```python\ndef f(): pass\n```")).toContain("hljs-keyword");
    expect(renderMarkdown("```nosuch\n<b>\n```")).toContain("&lt;b&gt;");
  });
});

/** Markdown of an agent as safe HTML. What an agent writes is foreign text: nothing in it may act in the page. */
import DOMPurify from "dompurify";
import { Marked, type Tokens } from "marked";

const purifier = DOMPurify(window);

const ALLOWED_TAGS = [
  "a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "input", "li", "ol", "p",
  "pre", "span", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul",
]; // prettier-ignore
const ALLOWED_ATTRIBUTES = ["align", "checked", "class", "disabled", "href", "rel", "start", "target", "title", "type"];

purifier.addHook("afterSanitizeAttributes", (element) => {
  if (element.tagName === "A") {
    element.setAttribute("target", "_blank");
    element.setAttribute("rel", "noopener noreferrer nofollow");
    // The true target is always to be seen, whatever the words say.
    element.setAttribute("title", element.getAttribute("href") ?? "");
  }
  if (element.tagName === "INPUT" && element.getAttribute("type") !== "checkbox") element.remove();
});

type Highlighter = (code: string, language: string) => string | null;
let highlighter: Highlighter | null = null;
let loading: Promise<void> | null = null;

/** Loads the grammars once; blocks rendered before that show plain code. */
export function loadHighlighter(): Promise<void> {
  loading ??= import("./highlight.ts").then((module) => {
    highlighter = module.highlight;
  });
  return loading;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

const marked = new Marked({
  gfm: true,
  breaks: false,
  renderer: {
    code({ text, lang }: Tokens.Code): string {
      const language = (lang ?? "").split(/\s/, 1)[0] ?? "";
      return `<pre class="code"><code>${highlighter?.(text, language) ?? escape(text)}</code></pre>`;
    },
    image({ href, text }: Tokens.Image): string {
      // Pictures from elsewhere would tell that elsewhere who reads this: they become links.
      return `<a href="${escape(href)}">${escape(text || href)}</a>`;
    },
    html({ text }: Tokens.HTML | Tokens.Tag): string {
      return escape(text);
    },
  },
});

/** Sanitised HTML for `text`. */
export function renderMarkdown(text: string): string {
  return purifier.sanitize(marked.parse(text, { async: false }), {
    ALLOWED_TAGS,
    ALLOWED_ATTR: ALLOWED_ATTRIBUTES,
    ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
  });
}

/** CodeMirror as we set it up: our tokens, our nonce, Tab leaves unless text is being indented on purpose. */
import { defaultKeymap, history, historyKeymap, indentLess, indentMore } from "@codemirror/commands";
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { Compartment, EditorState, type Extension } from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.modifier, tags.tagName], color: "var(--syntax-keyword)" },
  { tag: [tags.string, tags.regexp, tags.attributeValue], color: "var(--syntax-string)" },
  { tag: [tags.number, tags.bool, tags.null, tags.atom], color: "var(--syntax-number)" },
  {
    tag: [
      tags.function(tags.variableName),
      tags.definition(tags.function(tags.variableName)),
      tags.typeName,
      tags.className,
    ],
    color: "var(--syntax-function)",
  },
  { tag: [tags.comment, tags.meta], color: "var(--syntax-comment)" },
  { tag: tags.invalid, color: "var(--syntax-error)" },
  { tag: tags.heading, fontWeight: "700" },
  { tag: tags.emphasis, fontStyle: "italic" },
  { tag: tags.strong, fontWeight: "700" },
  { tag: tags.link, color: "var(--accent)", textDecoration: "underline" },
]);

const look = EditorView.theme({
  "&": { height: "100%", color: "var(--text)", backgroundColor: "var(--bg-sunk)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { font: "var(--code)", overflow: "auto" },
  ".cm-content": { caretColor: "var(--accent)" },
  ".cm-cursor": { borderLeftColor: "var(--accent)", borderLeftWidth: "2px" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "var(--accent-wash)",
  },
  ".cm-gutters": { color: "var(--text-3)", backgroundColor: "var(--bg-sunk)", border: "0" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--hover)" },
  ".cm-panels": { color: "var(--text)", backgroundColor: "var(--bg-raised)", borderColor: "var(--line)" },
  ".cm-panel.cm-search": { padding: "8px 12px", font: "var(--ui)" },
  ".cm-panel.cm-search label": { display: "inline-flex", alignItems: "center", font: "var(--ui)" },
  ".cm-panel.cm-search [name=close]": { top: "8px", right: "8px", minWidth: "24px", minHeight: "24px" },
  ".cm-textfield": {
    minHeight: "var(--control)",
    padding: "0 8px",
    border: "1px solid var(--edge)",
    borderRadius: "var(--radius)",
    backgroundColor: "var(--bg-base)",
    font: "var(--input)",
  },
  ".cm-button": {
    minHeight: "var(--control)",
    padding: "0 8px",
    border: "1px solid var(--edge)",
    borderRadius: "var(--radius)",
    background: "var(--bg-raised)",
    font: "var(--ui)",
  },
  ".cm-matchingBracket": { backgroundColor: "var(--accent-wash)" },
  ".cm-searchMatch": { backgroundColor: "var(--needs-wash)" },
  ".cm-changedLine": { backgroundColor: "var(--add-wash)" },
  ".cm-deletedChunk, .cm-merge-a .cm-changedLine": { backgroundColor: "var(--del-wash)" },
});

function nonce(): string {
  return document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.nonce ?? "";
}

/** What the editor and the comparison share. */
export function base(label: string, isReadOnly: boolean): Extension[] {
  return [
    EditorView.cspNonce.of(nonce()),
    lineNumbers(),
    syntaxHighlighting(colours),
    look,
    EditorView.contentAttributes.of({
      "aria-label": label,
      spellcheck: "false",
      autocapitalize: "off",
      autocorrect: "off",
    }),
    EditorState.readOnly.of(isReadOnly),
  ];
}

const SEARCH_KEYS = ["Mod-f", "Mod-Alt-g"];

export interface EditorOptions {
  text: string;
  label: string;
  isReadOnly: boolean;
  onChange: (text: string) => void;
  onSave: () => void;
}

export class Editor {
  readonly #view: EditorView;
  readonly #language = new Compartment();
  readonly #search = new Compartment();
  #isQuiet = false;

  constructor(parent: HTMLElement, options: EditorOptions) {
    this.#view = new EditorView({
      parent,
      doc: options.text,
      extensions: [
        ...base(options.label, options.isReadOnly),
        history(),
        drawSelection(),
        indentOnInput(),
        bracketMatching(),
        highlightActiveLine(),
        highlightActiveLineGutter(),
        keymap.of([
          { key: "Mod-s", preventDefault: true, run: () => (options.onSave(), true) },
          // Tab leaves the editor, as everywhere on the page; these indent.
          { key: "Mod-]", run: indentMore },
          { key: "Mod-[", run: indentLess },
          ...historyKeymap,
          ...defaultKeymap,
        ]),
        this.#language.of([]),
        this.#search.of(
          keymap.of(SEARCH_KEYS.map((key) => ({ key, preventDefault: true, run: () => this.#find(key) }))),
        ),
        EditorView.updateListener.of((update) => {
          if (update.docChanged && !this.#isQuiet) options.onChange(update.state.doc.toString());
        }),
      ],
    });
  }

  setLanguage(language: Extension): void {
    this.#view.dispatch({ effects: this.#language.reconfigure(language) });
  }

  /** Search is loaded when it is first asked for; then the key that asked does what it does there. */
  #find(key: string): boolean {
    void import("@codemirror/search").then((search) => {
      this.#view.dispatch({
        effects: this.#search.reconfigure([search.highlightSelectionMatches(), keymap.of(search.searchKeymap)]),
      });
      if (key === "Mod-f") search.openSearchPanel(this.#view);
      else search.gotoLine(this.#view);
    });
    return true;
  }

  /** Take a text from outside, keeping the cursor where that is possible; undo goes back over it. */
  setText(text: string): void {
    if (text === this.#view.state.doc.toString()) return;
    const at = Math.min(this.#view.state.selection.main.head, text.length);
    this.#isQuiet = true;
    this.#view.dispatch({
      changes: { from: 0, to: this.#view.state.doc.length, insert: text },
      selection: { anchor: at },
    });
    this.#isQuiet = false;
  }

  /** Puts the cursor on a line, counted from 1, and that line into the middle of what is shown. */
  goTo(line: number): void {
    const { doc } = this.#view.state;
    const { from } = doc.line(Math.min(Math.max(1, line), doc.lines));
    this.#view.dispatch({ selection: { anchor: from }, effects: EditorView.scrollIntoView(from, { y: "center" }) });
    this.#view.focus();
  }

  focus(): void {
    this.#view.focus();
  }

  destroy(): void {
    this.#view.destroy();
  }
}

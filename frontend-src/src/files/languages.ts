/** Which language a file is in, by its name; each grammar is loaded only when such a file is opened. */
import type { Extension } from "@codemirror/state";

type Loader = () => Promise<Extension>;

const javascript =
  (options: { jsx?: boolean; typescript?: boolean }): Loader =>
  async () =>
    (await import("@codemirror/lang-javascript")).javascript(options);

const shell: Loader = async () => {
  const [{ StreamLanguage }, { shell: mode }] = await Promise.all([
    import("@codemirror/language"),
    import("@codemirror/legacy-modes/mode/shell"),
  ]);
  return StreamLanguage.define(mode);
};

const toml: Loader = async () => {
  const [{ StreamLanguage }, { toml: mode }] = await Promise.all([
    import("@codemirror/language"),
    import("@codemirror/legacy-modes/mode/toml"),
  ]);
  return StreamLanguage.define(mode);
};

const html: Loader = async () => (await import("@codemirror/lang-html")).html();
const css: Loader = async () => (await import("@codemirror/lang-css")).css();
const yaml: Loader = async () => (await import("@codemirror/lang-yaml")).yaml();
const markdown: Loader = async () => (await import("@codemirror/lang-markdown")).markdown();

const BY_ENDING: Readonly<Record<string, Loader>> = {
  js: javascript({}),
  mjs: javascript({}),
  cjs: javascript({}),
  jsx: javascript({ jsx: true }),
  ts: javascript({ typescript: true }),
  mts: javascript({ typescript: true }),
  tsx: javascript({ jsx: true, typescript: true }),
  py: async () => (await import("@codemirror/lang-python")).python(),
  json: async () => (await import("@codemirror/lang-json")).json(),
  rs: async () => (await import("@codemirror/lang-rust")).rust(),
  go: async () => (await import("@codemirror/lang-go")).go(),
  html,
  htm: html,
  svelte: html,
  vue: html,
  css,
  scss: css,
  yaml,
  yml: yaml,
  md: markdown,
  markdown,
  sh: shell,
  bash: shell,
  zsh: shell,
  toml,
};

const BY_NAME: Readonly<Record<string, Loader>> = {
  ".bashrc": shell,
  ".profile": shell,
  ".zshrc": shell,
  "Cargo.lock": toml,
};

/** The grammar for a file of this name, null when there is none. */
export async function languageFor(name: string): Promise<Extension | null> {
  const ending = name.slice(name.lastIndexOf(".") + 1).toLowerCase();
  const loader = BY_NAME[name] ?? BY_ENDING[ending];
  return loader === undefined ? null : loader();
}

/**
 * What is plainly risky about an ask, read from its words alone. A hint, not a guard: it only adds warnings, some of
 * them needless, and what it misses is not safe for that.
 */
import type { ApprovalRequested } from "../wire/wire.gen.ts";

/** In the order in which they are told, the worst first. */
export const RISKS = ["root", "piped", "account", "outside", "pushes", "deletes", "network", "writes"] as const;
export type Risk = (typeof RISKS)[number];

/** Programs that say it by their names, wherever in a command they stand: `sudo x`, `xargs x`, `/usr/bin/x`. */
const PROGRAMS: readonly (readonly [Risk, ReadonlySet<string>])[] = [
  ["root", new Set(["sudo", "doas", "su", "pkexec"])],
  ["deletes", new Set(["rm", "rmdir", "unlink", "shred", "truncate", "mkfs"])],
  ["network", new Set(["curl", "wget", "ssh", "scp", "sftp", "rsync", "nc", "ncat", "ftp", "telnet", "npx", "uvx"])],
  ["writes", new Set(["tee", "mv", "cp", "ln", "install", "touch", "mkdir", "chmod", "chown", "patch"])],
];

/** Programs that do it when one of those words follows. */
const SUBCOMMANDS: readonly (readonly [Risk, readonly string[], RegExp])[] = [
  ["network", ["git"], /^(push|pull|fetch|clone)$/],
  ["deletes", ["git"], /^(clean|restore|--hard|drop|clear|-D)$/],
  ["writes", ["git"], /^apply$/],
  ["network", ["npm", "pnpm", "yarn"], /^(i|install|ci|add|publish)$/],
  ["network", ["pip", "pip3", "cargo", "gem", "apt", "apt-get", "brew", "dnf"], /^install$/],
  ["network", ["docker", "podman"], /^(pull|push)$/],
  ["deletes", ["find"], /^-delete$/],
  ["writes", ["sed", "perl"], /^(-[a-zA-Z]*i|--in-place)/],
  ["writes", ["dd"], /^of=/],
];

/** What makes a push lose what others have pushed. */
const FORCED = /^(--force(-with-lease|-if-includes)?(=.*)?|--mirror|--delete|-[a-zA-Z]*[fd]|\+.+|:.+)$/;
const DOWNLOADS = new Set(["curl", "wget"]);
const INTERPRETERS = /^((ba|z|da|k|fi)?sh|python3?|perl|ruby|node)$/;

/** `> file` and `>> file`; what goes to another stream or to nowhere writes nothing. */
const REDIRECT = /(?:^|[^<>=-])>{1,2}\|?\s*(?!&|\/dev\/(?:null|std(?:out|err)|tty)\b)["']?[^\s"'&|;<>()]/m;

/** Keys, and what a shell or a system runs or reads by itself. */
const ACCOUNT =
  /(?:~|\$\{?HOME\}?|\/root|\/home\/[^/\s]+|\/Users\/[^/\s]+)\/\.[\w-]|(?:^|[\s"'=/>])\.(?:ssh|gnupg|aws|kube|docker|netrc|npmrc|pypirc|bashrc|bash_profile|bash_aliases|zshrc|zshenv|zprofile|profile|gitconfig|git-credentials|config\/(?:autostart|systemd))\b|\bcrontab\b|\/etc\/|\b(?:authorized_keys|id_(?:rsa|ed25519|ecdsa))\b/;

const WRITING_TITLES = ["edit", "write", "multiedit", "notebookedit", "create", "delete", "move", "rename", "update"];
const PATHS = ["file_path", "path", "notebook_path"];

/** Whether that path leads out of the folder, as far as its words say. */
function isOutside(path: string, folder: string): boolean {
  if (path.startsWith("/dev/")) return false;
  if (path.startsWith("~") || /^\$\{?HOME\b/.test(path) || /(?:^|\/)\.\.(?:\/|$)/.test(path)) return true;
  const base = folder.replace(/\/$/, "");
  return (path.startsWith("/") || /^[A-Za-z]:[\\/]/.test(path)) && path !== base && !path.startsWith(`${base}/`);
}

/** The words of each part of a command, in order; the parts of a pipe follow each other with `isPiped`. */
function partsOf(command: string): { words: readonly string[]; isPiped: boolean }[] {
  return command.split(/;|\n|&&|\|\||&(?![>\d])|\$\(|<\(|`/).flatMap((line) =>
    line.split("|").map((part, index) => ({
      words: part.split(/[\s"'(){}<>]+/).filter((word) => word !== ""),
      isPiped: index > 0,
    })),
  );
}

/** A program without the folder that it is called from. */
const baseOf = (word: string): string => word.slice(word.lastIndexOf("/") + 1);

function risksOfPart(words: readonly string[]): Risk[] {
  const names = new Set(words.map(baseOf));
  const risks = PROGRAMS.filter(([, some]) => [...names].some((name) => some.has(name))).map(([risk]) => risk);
  for (const [risk, programs, word] of SUBCOMMANDS) {
    if (programs.some((name) => names.has(name)) && words.some((one) => word.test(one))) risks.push(risk);
  }
  if (!names.has("git")) return risks;
  const isCheckout = words.includes("checkout") && (words.includes("--") || words.includes("."));
  if (isCheckout) risks.push("deletes");
  const pushed = words.slice(words.indexOf("push"));
  return words.includes("push") && pushed.some((word) => FORCED.test(word)) ? [...risks, "pushes"] : risks;
}

const RUN_AT_ONCE = /\b(ba|z|da)?sh\s+(-\w+\s+)?["']?(\$\(|<\(|`)\s*(curl|wget)\b/;

/** Whether something is downloaded and handed to what runs it: by a pipe, or `sh -c "$(…)"` and `sh <(…)`. */
function isRunningDownload(command: string, parts: ReturnType<typeof partsOf>): boolean {
  let isDownload = false;
  for (const { words, isPiped } of parts) {
    const names = words.map(baseOf);
    if (isPiped && isDownload && names.some((name) => INTERPRETERS.test(name))) return true;
    isDownload = names.some((name) => DOWNLOADS.has(name)) || (isPiped && isDownload);
  }
  return RUN_AT_ONCE.test(command);
}

function risksOfCommand(command: string, folder: string): Set<Risk> {
  const parts = partsOf(command);
  const risks = new Set(parts.flatMap(({ words }) => risksOfPart(words)));
  if (REDIRECT.test(command)) risks.add("writes");
  if (isRunningDownload(command, parts)) risks.add("piped");
  if (ACCOUNT.test(command)) risks.add("account");
  // All words but the programs themselves may be paths.
  const paths = parts
    .flatMap(({ words }) => words.slice(1))
    .flatMap((word) => [word, word.slice(word.indexOf("=") + 1)]);
  const isChange = risks.has("writes") || risks.has("deletes");
  if (isChange && paths.some((path) => isOutside(path, folder))) risks.add("outside");
  return risks;
}

function commandOf({ command, cmd }: ApprovalRequested["input"]): string | null {
  const given = command ?? cmd;
  if (Array.isArray(given)) return given.filter((word) => typeof word === "string").join(" ");
  return typeof given === "string" ? given : null;
}

export function risksOf(approval: ApprovalRequested, folder: string): Risk[] {
  const { input } = approval;
  const command = commandOf(input);
  const found = command === null ? new Set<Risk>() : risksOfCommand(command, folder);
  if (typeof input["url"] === "string") found.add("network");
  const title = approval.title.toLowerCase();
  if (WRITING_TITLES.some((verb) => title.startsWith(verb)) || "content" in input || "new_string" in input) {
    const paths = PATHS.flatMap((name) => (typeof input[name] === "string" ? [input[name]] : []));
    if (paths.some((path) => isOutside(path, folder))) found.add("outside");
    if (paths.some((path) => isOutside(path, folder) && ACCOUNT.test(path))) found.add("account");
  }
  return RISKS.filter((risk) => found.has(risk));
}

/** What the composer offers while one types `/` or `@`. */
import type { Calls } from "../stores/client.ts";
import { isWireError } from "../wire/errors.ts";
import { baseName } from "../format/format.ts";
import { composer as words } from "../strings/logbook.ts";
import type { SessionSummary, SlashCommand } from "../wire/wire.gen.ts";

export interface Offer {
  /** What takes the place of the token. */
  insert: string;
  name: string;
  detail: string;
  /** A folder: after it one goes on choosing. */
  goesOn: boolean;
}

export interface Token {
  kind: "command" | "file";
  text: string;
  from: number;
  to: number;
}

/** The token that the caret stands in: a command at the very beginning, or `@` after white space. */
export function tokenAt(text: string, caret: number): Token | null {
  const before = text.slice(0, caret);
  const command = /^\/(\S*)$/.exec(before);
  if (command) return { kind: "command", text: command[1] ?? "", from: 0, to: caret };
  const file = /(?:^|\s)@(\S*)$/.exec(before);
  if (file) {
    const word = file[1] ?? "";
    return { kind: "file", text: word, from: caret - word.length - 1, to: caret };
  }
  return null;
}

const MAX_OFFERS = 8;
/** Sessions come after the files, this many. */
const MAX_SESSIONS = 4;

export function commandOffers(commands: readonly SlashCommand[], text: string): Offer[] {
  const wanted = text.toLowerCase();
  return commands
    .map((command) => ({ ...command, name: command.name.replace(/^\//, "") }))
    .filter((command) => command.name.toLowerCase().includes(wanted))
    .sort((a, b) => Number(b.name.startsWith(wanted)) - Number(a.name.startsWith(wanted)))
    .slice(0, MAX_OFFERS)
    .map((command) => ({
      insert: `/${command.name} `,
      name: `/${command.name}`,
      detail: command.description,
      goesOn: false,
    }));
}

/** Files below `folder` whose path begins as typed. Nothing when the machine does not answer. */
export async function fileOffers(
  calls: Pick<Calls, "call">,
  node: string,
  folder: string,
  text: string,
  signal: AbortSignal,
): Promise<Offer[]> {
  const slash = text.lastIndexOf("/") + 1;
  const inside = text.slice(0, slash);
  const wanted = text.slice(slash).toLowerCase();
  try {
    const path = `${folder.replace(/\/$/, "")}/${inside}`.replace(/\/$/, "") || "/";
    const page = await calls.call(
      "files.list",
      { node, path, hidden: wanted.startsWith("."), limit: 1000 },
      { signal },
    );
    return page.entries
      .filter((entry) => entry.name.toLowerCase().startsWith(wanted))
      .slice(0, MAX_OFFERS)
      .map((entry) => {
        const isFolder = entry.type === "directory";
        const full = `${inside}${entry.name}${isFolder ? "/" : ""}`;
        return { insert: `@${full}${isFolder ? "" : " "}`, name: full, detail: "", goesOn: isFolder };
      });
  } catch (error) {
    if (!isWireError(error)) throw error;
    return [];
  }
}

/** Other sessions whose title has what was typed, in words that a person and an agent can read. */
export function sessionOffers(
  sessions: readonly SessionSummary[],
  text: string,
  nameOf: (node: string) => string,
): Offer[] {
  const wanted = text.toLowerCase();
  return sessions
    .filter((session) => session.title !== "" && session.title.toLowerCase().includes(wanted))
    .slice(0, MAX_SESSIONS)
    .map(({ id, node, title, path }) => ({
      insert: words.mention(title, id, nameOf(node)),
      name: title,
      detail: `${nameOf(node)} : ${baseName(path)}`,
      goesOn: false,
    }));
}

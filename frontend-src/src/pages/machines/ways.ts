/** The three ways in which a machine and Main find each other, and the lines that each of them needs. */
import type { JoinInfo } from "../../wire/wire.gen.ts";

export const WAYS = ["direct", "callback", "dialed"] as const;
export type Way = (typeof WAYS)[number];

/** What stands in for the address that only the reader knows. */
const ITS_ADDRESS = "its.address";
const NODE_PORT = 4456;

/** Where a CA of one's own lies on the machine; its configuration names it beside itself. */
export const CA_FILE = "configs/main-ca.pem";
const CA_LINE = 'tls_ca = "main-ca.pem"\n';

export interface Lines {
  /** For configs/node.toml of the machine. */
  node: string;
  /** For configs/main.toml of Main, where it must know the machine. */
  main: string | null;
  /** The CA that the machine must have to know Main by its certificate, as PEM. */
  ca: string | null;
  /** What does all of that by itself, and asks for the token. */
  commands: string | null;
}

export function linesOf(way: Way, info: JoinInfo): Lines {
  const token = `register_token = ${quoted(info.register_token)}\n`;
  const ca = info.ca ?? null;
  switch (way) {
    case "direct":
      return { node: `${info.config.trimEnd()}\n`, main: null, ca, commands: info.commands?.join("\n") ?? null };
    case "callback": {
      const register = `main_register_url = ${quoted(info.main_server_url)}\n`;
      return { node: `[node]\n${register}${token}${ca === null ? "" : CA_LINE}`, main: null, ca, commands: null };
    }
    case "dialed": {
      const main = `[main]\nnode_addresses = ["ws://${ITS_ADDRESS}:${NODE_PORT}"]\n`;
      return { node: `[node]\n${token}`, main, ca: null, commands: null };
    }
  }
}

/** A TOML string. Addresses and tokens have nothing in them that JSON writes in another way. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

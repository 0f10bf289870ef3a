/** The three ways in which a machine and Main find each other, and the lines that each of them needs. */
import type { JoinInfo } from "../../wire/wire.gen.ts";

export const WAYS = ["direct", "callback", "dialed"] as const;
export type Way = (typeof WAYS)[number];

/** What stands in for the address that only the reader knows. */
const ITS_ADDRESS = "its.address";
const NODE_PORT = 4456;

export interface Lines {
  /** For configs/node.toml of the machine. */
  node: string;
  /** For configs/main.toml of Main, where it must know the machine. */
  main: string | null;
}

export function linesOf(way: Way, info: JoinInfo): Lines {
  const token = `register_token = ${quoted(info.register_token)}\n`;
  switch (way) {
    case "direct":
      return { node: `${info.config.trimEnd()}\n`, main: null };
    case "callback":
      return { node: `[node]\nmain_register_url = ${quoted(info.main_server_url)}\n${token}`, main: null };
    case "dialed":
      return { node: `[node]\n${token}`, main: `[main]\nnode_addresses = ["ws://${ITS_ADDRESS}:${NODE_PORT}"]\n` };
  }
}

/** Whether the node must check a certificate to know Main. */
export function isTls(info: JoinInfo): boolean {
  return /^(https|wss):/.test(info.main_server_url);
}

/** A TOML string. Addresses and tokens have nothing in them that JSON writes in another way. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

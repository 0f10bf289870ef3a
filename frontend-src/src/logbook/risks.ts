/** What is plainly risky about an ask. A hint in words, not a guard: what it misses is not safe. */
import type { ApprovalRequested } from "../wire/wire.gen.ts";

export type Risk = "outside" | "network" | "deletes" | "root";

const NETWORK =
  /\b(curl|wget|ssh|scp|rsync|nc|ftp|git (push|pull|fetch|clone)|npm (i|install|publish)|pip3? install)\b/;
const DELETES = /\b(rm|rmdir|unlink|shred|truncate|git (clean|reset --hard|checkout --))\b|\bfind\b.*-delete\b/;
const ROOT = /\b(sudo|doas|su)\b/;
const WRITES = ["edit", "write", "multiedit", "notebookedit"];

export function risksOf(approval: ApprovalRequested, folder: string): Risk[] {
  const { command, file_path: path, url } = approval.input;
  const risks: Risk[] = [];
  if (typeof command === "string") {
    if (ROOT.test(command)) risks.push("root");
    if (DELETES.test(command)) risks.push("deletes");
    if (NETWORK.test(command)) risks.push("network");
  }
  if (typeof url === "string") risks.push("network");
  const isWrite = WRITES.some((verb) => approval.title.toLowerCase().startsWith(verb)) || "content" in approval.input;
  const isOutside =
    typeof path === "string" && path.startsWith("/") && !path.startsWith(`${folder.replace(/\/$/, "")}/`);
  if (isWrite && isOutside) risks.push("outside");
  return risks;
}

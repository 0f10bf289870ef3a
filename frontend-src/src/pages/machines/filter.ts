/** Which machines a filter of the address bar leaves, and what can be filtered by. */
import type { MachineFilter } from "../../shell/routes.ts";
import type { Node } from "../../wire/wire.gen.ts";

/** `key=value`, or the key alone when the label has no value: as addresses and chips write it. */
export function labelText(key: string, value: string): string {
  return value === "" ? key : `${key}=${value}`;
}

export function labelsOf(node: Node): string[] {
  return Object.entries(node.labels).map(([key, value]) => labelText(key, value));
}

/** `terminal`, features and agents by their ids: what `nodes.list` filters by, too. */
export function capabilitiesOf(node: Node): string[] {
  const { terminal, features, providers } = node.capabilities;
  return [...(terminal ? ["terminal"] : []), ...features, ...providers];
}

export function matches(node: Node, filter: MachineFilter): boolean {
  const { state, label, capability } = filter;
  if (state === "problem" ? node.problem == null : state !== null && node.status !== state) return false;
  if (label !== null && !labelsOf(node).includes(label)) return false;
  return capability === null || capabilitiesOf(node).includes(capability);
}

/** Everything that occurs, each once, in order of name. */
export function occurring(nodes: readonly Node[], of: (node: Node) => string[]): string[] {
  return [...new Set(nodes.flatMap(of))].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
}

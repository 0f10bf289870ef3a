/** The branches of a repository. */
import type { Calls } from "../stores/client.ts";
import { isWireError, type WireError } from "../wire/errors.ts";
import type { Branch, GitBranchesResult } from "../wire/wire.gen.ts";

/** More than this are not drawn: whoever has more types a part of the name. */
const SHOWN = 200;

/** Those whose name holds what was typed, in their order; a remote one that is here already is left out. */
export function matching(branches: readonly Branch[], query: string): Branch[] {
  const wanted = query.trim().toLowerCase();
  const followed = new Set(branches.flatMap((branch) => (branch.upstream == null ? [] : [branch.upstream])));
  return branches
    .filter((branch) => branch.kind === "local" || !followed.has(branch.name))
    .filter((branch) => branch.name.toLowerCase().includes(wanted))
    .slice(0, SHOWN);
}

export class Branches {
  answer: GitBranchesResult | null = $state.raw(null);
  problem: WireError | null = $state.raw(null);

  constructor(
    private readonly calls: Pick<Calls, "call">,
    readonly node: string,
    readonly path: string,
  ) {}

  async refresh(): Promise<void> {
    try {
      this.answer = await this.calls.call("git.branches", { node: this.node, path: this.path });
      this.problem = null;
    } catch (error) {
      if (!isWireError(error)) throw error;
      this.problem = error;
    }
  }
}

/** What is done to a repository from the page. One act at a time; each failure is told with what can be done then. */
import type { Calls } from "../stores/client.ts";
import { isWireError, type WireError } from "../wire/errors.ts";
import type { GitPullParams, GitStatusResult, Ops } from "../wire/wire.gen.ts";
import type { Change } from "./changes.svelte.ts";

export type ActName =
  | "stage"
  | "unstage"
  | "discard"
  | "commit"
  | "checkout"
  | "branch"
  | "deleteBranch"
  | "fetch"
  | "pull"
  | "push"
  | "abort";

/** What a failed act can be followed by. */
export type Remedy = "pull" | "merge" | "rebase" | "force";

type StatusOp = { [K in keyof Ops]: Ops[K]["result"] extends GitStatusResult ? K : never }[keyof Ops];

/** The files of a call by name, those that are no UTF-8 by their bytes. */
export function filesOf(changes: readonly Change[]): { files: string[]; files_bytes: string[] } {
  return {
    files: changes.flatMap((change) => (change.bytes === null ? [change.path] : [])),
    files_bytes: changes.flatMap((change) => (change.bytes === null ? [] : [change.bytes])),
  };
}

export class GitActs {
  busy: ActName | null = $state(null);
  /** The act that failed last, until the next one. */
  failed: ActName | null = $state(null);
  problem: WireError | null = $state.raw(null);
  #how: NonNullable<GitPullParams["how"]> = "ff";

  constructor(
    private readonly calls: Pick<Calls, "call">,
    readonly node: string,
    readonly path: string,
    private readonly take: (status: GitStatusResult) => void,
  ) {}

  /** What is worth offering beside the sentence of the failure. */
  get remedies(): readonly Remedy[] {
    if (!isWireError(this.problem, "conflict")) return [];
    if (this.failed === "push") return ["pull"];
    return this.failed === "pull" && this.#how === "ff" ? ["merge", "rebase"] : [];
  }

  stage(changes: readonly Change[]): Promise<boolean> {
    return this.#run("stage", "git.stage", filesOf(changes));
  }

  unstage(changes: readonly Change[]): Promise<boolean> {
    return this.#run("unstage", "git.unstage", filesOf(changes));
  }

  /** Changes are gone then; files that Git does not know go to the trash. */
  discard(changes: readonly Change[]): Promise<boolean> {
    return this.#run("discard", "git.discard", filesOf(changes));
  }

  commit(message: string, isAmending: boolean, isAll: boolean): Promise<boolean> {
    return this.#run("commit", "git.commit", { message, amend: isAmending, all: isAll });
  }

  /** Switch to a branch; with `start` it is made first. */
  checkout(branch: string, start?: string): Promise<boolean> {
    const more = start === undefined ? {} : { create: true, ...(start === "" ? {} : { start }) };
    return this.#run("checkout", "git.checkout", { branch, ...more });
  }

  deleteBranch(branch: string, isForced: boolean): Promise<boolean> {
    return this.#run("deleteBranch", "git.delete_branch", { branch, force: isForced });
  }

  fetch(): Promise<boolean> {
    return this.#run("fetch", "git.fetch", {});
  }

  pull(how: NonNullable<GitPullParams["how"]> = "ff"): Promise<boolean> {
    this.#how = how;
    return this.#run("pull", "git.pull", { how });
  }

  push(): Promise<boolean> {
    return this.#run("push", "git.push", {});
  }

  /** Back to before the merge, rebase, cherry-pick or revert that is under way. */
  abort(): Promise<boolean> {
    return this.#run("abort", "git.abort", {});
  }

  /** Asks the act that is under way to end; how it ended is told by that act. */
  async cancel(): Promise<void> {
    try {
      await this.calls.call("git.cancel", { node: this.node, path: this.path });
    } catch (error) {
      if (!isWireError(error)) throw error;
      this.problem = error;
    }
  }

  forget(): void {
    this.problem = null;
    this.failed = null;
  }

  async #run<K extends StatusOp>(
    name: ActName,
    op: K,
    params: Omit<Ops[K]["params"], "node" | "path" | "path_bytes">,
  ): Promise<boolean> {
    if (this.busy !== null) return false;
    this.busy = name;
    this.forget();
    try {
      const status: GitStatusResult = await this.calls.call<StatusOp>(op, {
        node: this.node,
        path: this.path,
        ...params,
      });
      this.take(status);
      return true;
    } catch (error) {
      if (!isWireError(error)) throw error;
      this.problem = error;
      this.failed = name;
      return false;
    } finally {
      this.busy = null;
    }
  }
}

/** What can be done to a turn besides reading it: copy, edit and resend, fork, go back. One for each session in sight. */
import { createContext } from "svelte";
import { Act } from "../stores/asking.svelte.ts";
import type { TurnBlocks } from "../stores/blocks.ts";
import type { Calls } from "../stores/client.ts";
import { turnActs as words } from "../strings/acts.ts";
import { copyText } from "../ui/copy.ts";
import type { IconName } from "../ui/icons.ts";
import type { Ops, SessionSummary } from "../wire/wire.gen.ts";
import { handOver } from "./handed.ts";

export type Prompt = NonNullable<TurnBlocks["prompt"]>;
/** An entry of the menu. */
export interface TurnAct {
  name: string;
  detail?: string;
  icon: IconName;
  isDisabled?: boolean;
  act: () => void;
}

type ForkPlace = Pick<Ops["session.fork"]["params"], "before" | "seq">;

/** What it needs to know of its session, read anew each time. */
export interface Surroundings {
  readonly node: string;
  readonly session: string;
  /** Whether the person may do more than look. */
  readonly canAct: boolean;
  /** What the agent can do, by `providers.list`. */
  readonly features: readonly string[];
  readonly isRunning: boolean;
  readonly turns: readonly TurnBlocks[];
}

export class TurnActs {
  /** The prompt before which the person thinks of going back to. */
  goingBack: Prompt | null = $state.raw(null);
  readonly act = new Act();

  constructor(
    private readonly calls: Pick<Calls, "call">,
    private readonly around: () => Surroundings,
    private readonly open: (session: SessionSummary) => void,
  ) {}

  get canFork(): boolean {
    const { canAct, features } = this.around();
    return canAct && features.includes("fork");
  }

  /** The menu of a turn. What the agent cannot do is absent. */
  items(turn: TurnBlocks): TurnAct[] {
    const { prompt } = turn;
    if (prompt === null) return [];
    const items: TurnAct[] = [{ name: words.copy, icon: "copy", act: () => void copyText(prompt.text) }];
    const { canAct, features, isRunning, turns } = this.around();
    if (isUndone(turn)) return items;
    if (this.canFork) {
      items.push(
        { name: words.edit, detail: words.editDetail, icon: "edit", act: () => void this.editAndResend(prompt) },
        {
          name: words.fork,
          detail: words.forkDetail,
          icon: "branch",
          isDisabled: turn.end === null,
          act: () => void this.fork(placeAfter(turn, turns)),
        },
      );
    }
    if (canAct && features.includes("rewind")) {
      items.push({
        name: words.goBack,
        icon: "back",
        isDisabled: isRunning,
        act: () => {
          this.act.clear();
          this.goingBack = prompt;
        },
      });
    }
    return items;
  }

  /** A new session up to `place`, opened at once; all of it when nothing is said. Null when it could not be made. */
  async fork(place: ForkPlace = {}, prompt: Prompt | null = null): Promise<SessionSummary | null> {
    const { node, session } = this.around();
    let made: SessionSummary | null = null;
    await this.act.run(async () => {
      made = (await this.calls.call("session.fork", { node, session, ...place })).session;
    });
    const fork = made as SessionSummary | null;
    if (fork === null) return null;
    if (prompt !== null) handOver(fork.node, fork.id, prompt);
    this.open(fork);
    return fork;
  }

  /** The text of the prompt in the composer of a fork that ends before it. */
  editAndResend(prompt: Prompt): Promise<SessionSummary | null> {
    return this.fork({ before: prompt.messageId }, prompt);
  }
}

/** Whether the session went back to before it: it stands in the log and counts no more. */
function isUndone(turn: TurnBlocks): boolean {
  return turn.undone !== null;
}

/** Where a fork ends that has `turn` and nothing after it: before the next prompt that counts; nowhere when there is none. */
export function placeAfter(turn: TurnBlocks, turns: readonly TurnBlocks[]): ForkPlace {
  const index = turns.findIndex((one) => one.id === turn.id);
  const next = turns.slice(index + 1).find((one) => one.prompt !== null && !isUndone(one));
  return next?.prompt ? { before: next.prompt.messageId } : {};
}

/** How many turns count no more after going back to before `prompt`. */
export function turnsAfter(prompt: Prompt, turns: readonly TurnBlocks[]): number {
  const index = turns.findIndex((one) => one.prompt?.messageId === prompt.messageId);
  return index < 0 ? 1 : turns.slice(index).filter((one) => one.rewind === null && !isUndone(one)).length;
}

const [get, set, has] = createContext<TurnActs>();
export const provideTurnActs = set;

/** The acts of the session around; null where only a log is shown. */
export function turnActsHere(): TurnActs | null {
  return has() ? get() : null;
}

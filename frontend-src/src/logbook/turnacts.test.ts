import { describe, expect, it } from "vitest";

import type { TurnBlocks } from "../stores/blocks.ts";
import { WireError } from "../wire/errors.ts";
import type { SessionSummary } from "../wire/wire.gen.ts";
import { takeHanded } from "./handed.ts";
import { placeAfter, TurnActs, turnsAfter, type Surroundings } from "./turnacts.svelte.ts";

function turn(id: string, more: object = {}): TurnBlocks {
  const prompt = { messageId: `m-${id}`, text: `do ${id}`, attachments: [], by: "ada" };
  const end = { seq: 9, anchor: null, at: "", reason: "end_turn" as const, error: null };
  const whole = { id, seq: 1, number: 1, undone: null, rewind: null, startedAt: "", prompt, blocks: [], end };
  return Object.assign(whole, more);
}

const TURNS = [turn("a"), turn("gone", { undone: "r" }), turn("self", { prompt: null }), turn("b")];
const [first, gone, , last] = TURNS as [TurnBlocks, TurnBlocks, TurnBlocks, TurnBlocks];

function acts(more: Partial<Surroundings> = {}, answer: () => Promise<unknown> = () => Promise.reject(new Error())) {
  const asked: unknown[] = [];
  const opened: SessionSummary[] = [];
  const call = (op: string, params: object): Promise<never> => {
    asked.push([op, params]);
    return answer() as Promise<never>;
  };
  const around = { node: "n", session: "s", canAct: true, features: ["fork", "rewind"], isRunning: false };
  const made = new TurnActs(
    { call },
    () => ({ ...around, turns: TURNS, ...more }),
    (session) => opened.push(session),
  );
  return { acts: made, asked, opened };
}

const names = (one: TurnActs, of: TurnBlocks) => one.items(of).map((item) => item.name);

describe("the menu of a turn", () => {
  it("holds what the agent can do, and nothing that is dead", () => {
    expect(names(acts().acts, first)).toEqual([
      "Copy this prompt",
      "Edit and resend",
      "Fork from here",
      "Go back to before this",
    ]);
    expect(names(acts({ features: ["rewind"] }).acts, first)).toEqual(["Copy this prompt", "Go back to before this"]);
    expect(names(acts({ features: [] }).acts, first)).toEqual(["Copy this prompt"]);
    expect(names(acts({ canAct: false }).acts, first)).toEqual(["Copy this prompt"]);
    expect(names(acts().acts, gone)).toEqual(["Copy this prompt"]);
  });

  it("goes back only between turns, and forks only what has ended", () => {
    const find = (one: TurnActs, of: TurnBlocks, name: string) => one.items(of).find((item) => item.name === name);
    expect(find(acts({ isRunning: true }).acts, first, "Go back to before this")?.isDisabled).toBe(true);
    expect(find(acts().acts, turn("now", { end: null }), "Fork from here")?.isDisabled).toBe(true);
    expect(find(acts().acts, first, "Fork from here")?.isDisabled).toBe(false);
  });
});

describe("a fork", () => {
  const fork = { node: "n", id: "f" } as SessionSummary;

  it("ends before the next prompt that counts", () => {
    expect(placeAfter(first, TURNS)).toEqual({ before: "m-b" });
    expect(placeAfter(last, TURNS)).toEqual({});
    expect(turnsAfter({ messageId: "m-a", text: "", attachments: [], by: "" }, TURNS)).toBe(3);
  });

  it("to edit a prompt ends before it, and its composer is handed the text once", async () => {
    const { acts: made, asked, opened } = acts({}, () => Promise.resolve({ session: fork }));
    const prompt = last.prompt;
    if (prompt === null) throw new Error("it has one");
    await made.editAndResend(prompt);
    expect(asked).toEqual([["session.fork", { node: "n", session: "s", before: "m-b" }]]);
    expect(opened).toEqual([fork]);
    expect(takeHanded("n", "f")?.text).toBe("do b");
    expect(takeHanded("n", "f")).toBeNull();
  });

  it("that fails says why and opens nothing", async () => {
    const refused = () => Promise.reject(new WireError("not_found", "There is no such prompt."));
    const { acts: made, opened } = acts({}, refused);
    expect(await made.fork()).toBeNull();
    expect(made.act.problem).toBe("There is no such prompt.");
    expect(opened).toEqual([]);
  });
});

import { fireEvent, render, screen } from "@testing-library/svelte";
import { beforeEach, describe, expect, it } from "vitest";

import { WireError } from "../wire/errors.ts";
import { Outbox, type Waiting } from "./outbox.svelte.ts";
import OutboxList from "./OutboxList.svelte";

const target = { node: "n", session: "s" };

class Journal {
  sent: string[] = [];
  failure: WireError | null = null;
  gate: Promise<void> = Promise.resolve();

  call = async (_op: string, params: Record<string, unknown>): Promise<never> => {
    this.sent.push(String(params["message_id"]));
    await this.gate;
    if (this.failure !== null) throw this.failure;
    return { seq: 1, state: "running", duplicate: false } as never;
  };
}

class Store extends Map<string, string> {
  get length(): number {
    return this.size;
  }
  key = (index: number): string | null => [...this.keys()][index] ?? null;
  getItem = (key: string): string | null => this.get(key) ?? null;
  setItem = (key: string, value: string): void => void this.set(key, value);
  removeItem = (key: string): void => void this.delete(key);
}

let journal: Journal;
let store: Store;
let outbox: Outbox;

beforeEach(() => {
  journal = new Journal();
  store = new Store();
  outbox = new Outbox(journal, target, store);
});

const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

describe("a prompt on its way", () => {
  it("leaves the device once the journal has it", async () => {
    outbox.add("m1", "hello", []);
    expect(outbox.list[0]?.state).toBe("sending");
    await settle();
    expect([outbox.list, store.size, journal.sent]).toEqual([[], 0, ["m1"]]);
  });

  it("waits while nothing can be reached and goes once on return, in order", async () => {
    journal.failure = new WireError("node_offline", "vm is offline.");
    outbox.add("m1", "a", []);
    await settle();
    outbox.add("m2", "b", []);
    await settle();
    expect(outbox.list.map((one) => [one.id, one.state])).toEqual([
      ["m1", "waiting"],
      ["m2", "waiting"],
    ]);
    journal.failure = null;
    journal.sent = [];
    await outbox.flush();
    expect([journal.sent, outbox.list]).toEqual([["m1", "m2"], []]);
  });

  it("survives a reload and is sent again under its id", async () => {
    journal.gate = new Promise(() => undefined);
    outbox.add("m1", "hello", []);
    const after = new Journal();
    const reloaded = new Outbox(after, target, store);
    expect(reloaded.list.map((one) => one.state)).toEqual(["waiting"]);
    await reloaded.flush();
    expect([after.sent, store.size]).toEqual([["m1"], 0]);
  });

  it("is shown as failed with the cause and does not hold up the next", async () => {
    journal.failure = new WireError("too_large", "The prompt is too long.");
    outbox.add("m1", "long", []);
    await settle();
    expect(outbox.list[0]).toMatchObject({ state: "failed", problem: "The prompt is too long." });
    journal.failure = null;
    outbox.add("m2", "short", []);
    await settle();
    expect(outbox.list.map((one) => one.id)).toEqual(["m1"]);
    outbox.retry("m1");
    await settle();
    expect(outbox.list).toEqual([]);
  });

  it.each(["invalid", "too_large"] as const)("is not offered again when the prompt itself is %s", async (code) => {
    journal.failure = new WireError(code, "The prompt is too long.");
    const picture = { type: "image", data_url: "data:," } as const;
    outbox.add("m1", "long", [picture]);
    await settle();
    expect(outbox.list[0]?.isRefused).toBe(true);
    const taken: Waiting[] = [];
    render(OutboxList, { outbox, obstacle: null, ontake: (prompt: Waiting) => taken.push(prompt) });
    expect(screen.queryByRole("button", { name: "Send again" })).toBeNull();
    await fireEvent.click(screen.getByRole("button", { name: "Take it back" }));
    expect(taken).toMatchObject([{ text: "long", attachments: [picture] }]);
    expect(outbox.list).toEqual([]);
  });

  it("is offered again after any other failure", async () => {
    journal.failure = new WireError("provider_failed", "The agent did not start.");
    outbox.add("m1", "hello", []);
    await settle();
    render(OutboxList, { outbox, obstacle: null, ontake: () => undefined });
    expect(screen.getByRole("button", { name: "Send again" })).toBeTruthy();
  });

  it("is kept whatever another tab keeps and sends for the same session", async () => {
    journal.failure = new WireError("node_offline", "vm is offline.");
    const tab = new Outbox(journal, target, store);
    outbox.add("m1", "a", []);
    tab.add("m2", "b", []);
    await settle();
    const reloaded = new Outbox(journal, target, store);
    expect(reloaded.list.map((one) => one.id).sort()).toEqual(["m1", "m2"]);
    journal.failure = null;
    journal.sent = [];
    await tab.flush();
    await reloaded.flush();
    expect([journal.sent, reloaded.list]).toEqual([["m2", "m1"], []]);
    await outbox.flush();
    expect([journal.sent, outbox.list, store.size]).toEqual([["m2", "m1"], [], 0]);
  });

  it("can be taken back unless it is being sent", async () => {
    journal.failure = new WireError("link_lost", "lost");
    outbox.add("m1", "a", []);
    expect([outbox.takeBack("m1"), outbox.list.length]).toEqual([null, 1]);
    await settle();
    expect([outbox.takeBack("m1")?.text, outbox.list, store.size]).toEqual(["a", [], 0]);
  });
});

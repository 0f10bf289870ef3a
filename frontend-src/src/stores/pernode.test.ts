import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { WireError } from "../wire/errors.ts";
import { PerNode } from "./pernode.svelte.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A list that answers these in turn, the last one again and again; and how often it was asked. */
function answering(...answers: string[]): { list: PerNode<string>; asked: () => number } {
  let asked = 0;
  const fetch = () => Promise.resolve(answers[Math.min(asked++, answers.length - 1)] ?? "");
  return { list: new PerNode(fetch, (value) => value !== "starting"), asked: () => asked };
}

describe("a list a machine", () => {
  it("is asked for again until it is whole", async () => {
    const { list, asked } = answering("starting", "starting", "here");
    await list.refresh("vm");
    expect(list.of("vm").value).toBe("starting");
    await vi.runAllTimersAsync();
    expect(list.of("vm").value).toBe("here");
    expect(asked()).toBe(3);
  });

  it("is taken as it is when it stays as it is", async () => {
    const { list, asked } = answering("starting");
    await list.refresh("vm");
    await vi.runAllTimersAsync();
    expect(asked()).toBe(4);
    expect(list.of("vm").value).toBe("starting");
  });

  it("is asked for once where somebody asks anew meanwhile", async () => {
    const { list, asked } = answering("starting", "here");
    await list.refresh("vm");
    await list.refresh("vm");
    await vi.runAllTimersAsync();
    expect(asked()).toBe(2);
  });

  it("keeps what it has when it cannot be had again", async () => {
    let isAway = false;
    const list = new PerNode(() =>
      isAway ? Promise.reject(new WireError("node_offline", "vm is offline.")) : Promise.resolve("here"),
    );
    await list.refresh("vm");
    isAway = true;
    await list.refresh("vm");
    expect(list.of("vm").value).toBe("here");
    expect(list.of("vm").problem?.message).toBe("vm is offline.");
  });
});

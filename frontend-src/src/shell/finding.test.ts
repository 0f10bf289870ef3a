import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { WireError } from "../wire/errors.ts";
import { Finding } from "./finding.svelte.ts";

describe("sessions that only the machines know", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function finding(answer: (query: string) => Promise<unknown>) {
    const asked: string[] = [];
    const call = (_op: string, params: object): Promise<never> => {
      const { query } = params as { query: string };
      asked.push(query);
      return answer(query) as Promise<never>;
    };
    return { store: new Finding({ call }, (key) => key === "n/known"), asked };
  }

  const sessions = ["known", "fresh"].map((id) => ({ id, node: "n", title: id }));

  it("are asked for when typing rests, less those that the page has", async () => {
    const { store, asked } = finding(() => Promise.resolve({ sessions, offline: [] }));
    store.look("f");
    store.look("fr");
    store.look("fre");
    await vi.advanceTimersByTimeAsync(300);
    expect(asked).toEqual(["fre"]);
    expect(store.list.map((one) => one.id)).toEqual(["fresh"]);
    store.look("");
    expect(store.list).toEqual([]);
  });

  it("of an answer that comes too late do not count, nor does a failure", async () => {
    const { store } = finding((query) =>
      query === "slow"
        ? new Promise((resolve) => setTimeout(() => resolve({ sessions, offline: [] }), 1000))
        : Promise.reject(new WireError("timeout", "Too slow.")),
    );
    store.look("slow");
    await vi.advanceTimersByTimeAsync(300);
    store.look("next");
    await vi.advanceTimersByTimeAsync(2000);
    expect(store.list).toEqual([]);
  });
});

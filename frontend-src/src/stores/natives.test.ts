import { describe, expect, it } from "vitest";

import { WireError } from "../wire/errors.ts";
import type { SessionSummary } from "../wire/wire.gen.ts";
import { Natives } from "./natives.svelte.ts";

function session(id: string, status: SessionSummary["status"] = "native"): SessionSummary {
  return { id, status, title: `Title of ${id}` } as SessionSummary;
}

interface Page {
  sessions: SessionSummary[];
  next_cursor?: string | null;
}

function natives(pages: Record<string, Page>, path: string | null = null) {
  const asked: Record<string, unknown>[] = [];
  const call = (_op: string, params: object): Promise<never> => {
    asked.push({ ...params });
    const page = pages[(params as { cursor?: string }).cursor ?? ""];
    return page === undefined
      ? Promise.reject(new WireError("node_offline", "vm is away."))
      : Promise.resolve({ offline: [], ...page } as never);
  };
  return { store: new Natives({ call }, "n", path), asked };
}

const ids = (store: Natives) => store.list.map((one) => one.id);

describe("the sessions that agents have by themselves", () => {
  it("are looked for through the pages of ours", async () => {
    const own = Array.from({ length: 50 }, (_, index) => session(`own${index}`, "idle"));
    const { store, asked } = natives({
      "": { sessions: own, next_cursor: "2" },
      "2": { sessions: [session("a"), session("b", "running")] },
    });
    await store.load();
    expect(ids(store)).toEqual(["a"]);
    expect([store.hasLoaded, store.hasMore, asked.length]).toEqual([true, false, 2]);
  });

  it("come in pages, each once", async () => {
    const many = Array.from({ length: 25 }, (_, index) => session(`a${index}`));
    const { store } = natives({
      "": { sessions: many, next_cursor: "2" },
      "2": { sessions: [session("a24"), session("last")] },
    });
    await store.load();
    expect([store.list.length, store.hasMore]).toEqual([25, true]);
    await store.more();
    expect([store.list.length, store.hasMore, ids(store).at(-1)]).toEqual([26, false, "last"]);
  });

  it("are searched on the machine, in the folder that is looked at", async () => {
    const { store, asked } = natives({ "": { sessions: [session("a")] } }, "/w");
    await store.search(" tests ");
    expect(asked[0]).toMatchObject({ node: "n", path: "/w", query: "tests", native: true });
    store.drop("a");
    expect(ids(store)).toEqual([]);
  });

  it("stay when a newer list cannot be had, and the later of two looks counts", async () => {
    const pages: Record<string, Page> = { "": { sessions: [session("a")] } };
    const { store } = natives(pages);
    await Promise.all([store.search("x"), store.search("y")]);
    expect([ids(store), store.query, store.isLoading]).toEqual([["a"], "y", false]);
    delete pages[""];
    await store.load();
    expect([ids(store), store.problem?.message]).toEqual([["a"], "vm is away."]);
  });
});

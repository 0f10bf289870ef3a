// @vitest-environment node
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { TestMain } from "../../tests/server.ts";
import { Backoff } from "./backoff.ts";
import { Client, type ClientOptions } from "./client.ts";
import type { LinkState } from "./link.ts";

const NODES = { nodes: [] };
let main: TestMain;
let client: Client;

function newClient(more: Partial<ClientOptions> = {}): Client {
  return new Client({ dial: main.dial, probeEvery_ms: 60_000, ...more });
}

/** Resolves with the first link state that fits. */
function linkState(fits: (state: LinkState) => boolean): Promise<LinkState> {
  return new Promise((resolve) => {
    if (fits(client.link)) resolve(client.link);
    const off = client.onLink((state) => {
      if (!fits(state)) return;
      off();
      resolve(state);
    });
  });
}

beforeEach(async () => {
  main = new TestMain();
  await main.listen();
  client = newClient();
});

afterEach(async () => {
  client.stop();
  await main.close();
});

describe("calls", () => {
  it("wait for the link and then go", async () => {
    main.onCall = (_call, reply) => reply(NODES);
    const answer = client.call("nodes.list", {});
    client.start();
    expect(await answer).toEqual(NODES);
    expect(main.received[0]).toMatchObject({ method: "nodes.list", params: {} });
  });

  it("are told apart when answers come in another order", async () => {
    const held: (() => void)[] = [];
    main.onCall = (call, reply) => {
      held.push(() => reply({ node: call.params["node"] }));
      if (held.length === 2) held.reverse().forEach((send) => send());
    };
    client.start();
    const both = Promise.all([
      client.call("providers.list", { node: "a" }),
      client.call("providers.list", { node: "b" }),
    ]);
    expect(await both).toEqual([{ node: "a" }, { node: "b" }]);
  });

  it("reject with Main's own code and sentence", async () => {
    main.onCall = (_call, _reply, fail) => fail("not_found");
    client.start();
    await expect(client.call("nodes.list", {})).rejects.toMatchObject({ code: "not_found", message: "No: not_found." });
  });

  it("reject with link_lost when the link breaks before the answer", async () => {
    main.onCall = () => main.breakAll();
    client.start();
    await expect(client.call("nodes.list", {})).rejects.toMatchObject({ code: "link_lost", isRetryable: true });
  });

  it("reject at their deadline", async () => {
    client.start();
    await linkState((state) => state.isOpen);
    await expect(client.call("nodes.list", {}, { deadline_s: -0.95 })).rejects.toMatchObject({ code: "timeout" });
  });

  it("tell Main when they are given up", async () => {
    client.start();
    await linkState((state) => state.isOpen);
    const abort = new AbortController();
    const call = client.call("nodes.list", {}, { signal: abort.signal });
    await main.until(() => main.calls("nodes.list").length === 1);
    abort.abort();
    await expect(call).rejects.toMatchObject({ code: "cancelled" });
    await main.until(() => main.calls("cancel").length === 1);
    expect(main.calls("cancel")[0]?.params).toEqual({ id: main.calls("nodes.list")[0]?.id });
  });
});

describe("subscriptions", () => {
  let cursor = 0;
  const seen: number[] = [];
  const onPause = vi.fn();

  function watch() {
    return client.subscribe("session.watch", () => ({ node: "n", session: "s", after: cursor }), {
      onEvent: (event) => {
        cursor = (event as { seq?: number }).seq ?? 0;
        seen.push(cursor);
      },
      onPause,
    });
  }

  beforeEach(() => {
    cursor = 0;
    seen.length = 0;
    onPause.mockReset();
    main.onCall = (call, reply) => {
      if (call.method !== "session.watch") return;
      reply({ epoch: "e", head: 2 });
      const after = Number(call.params["after"]);
      for (let seq = after + 1; seq <= after + 2; seq++) {
        main.notify("event", { subscription: call.id, event: { type: "turn_started", seq } });
      }
    };
  });

  it("ask again from the reader's cursor after a break", async () => {
    client.start();
    watch();
    await vi.waitFor(() => expect(seen).toEqual([1, 2]));
    main.breakAll();
    await main.until(() => main.calls("session.watch").length === 2);
    expect(main.calls("session.watch")[1]?.params["after"]).toBe(2);
    await vi.waitFor(() => expect(seen).toEqual([1, 2, 3, 4]));
    expect(onPause).toHaveBeenCalledWith(null);
  });

  it("take events that come together one after the other", async () => {
    main.onCall = (call, reply) => {
      reply({ epoch: "e", head: 0 });
      main.notifyAll(
        "event",
        [1, 2, 3].map((seq) => ({ subscription: call.id, event: { type: "turn_started", seq } })),
      );
    };
    client.start();
    watch();
    await vi.waitFor(() => expect(seen).toEqual([1, 2, 3]));
  });

  it("ask again at once when they lag", async () => {
    client.start();
    watch();
    await vi.waitFor(() => expect(seen).toEqual([1, 2]));
    main.notify("lagging", { subscription: main.calls("session.watch")[0]?.id });
    await vi.waitFor(() => expect(seen).toEqual([1, 2, 3, 4]));
  });

  it("say why they ended, and try again", async () => {
    client.start();
    watch();
    await vi.waitFor(() => expect(seen).toEqual([1, 2]));
    const error = { code: "node_offline", detail: "n is offline.", retryable: true };
    main.notify("ended", { subscription: main.calls("session.watch")[0]?.id, error });
    await main.until(() => main.calls("session.watch").length === 2);
    expect(onPause).toHaveBeenCalledWith(expect.objectContaining({ code: "node_offline", message: "n is offline." }));
  });

  it("do not ask again for what is not there", async () => {
    main.onCall = (call, reply, fail) => (call.method === "session.watch" ? fail("not_found") : reply(NODES));
    client.start();
    watch();
    await vi.waitFor(() => expect(onPause).toHaveBeenCalledOnce());
    await client.call("nodes.list", {});
    expect(main.calls("session.watch")).toHaveLength(1);
  });

  it("get no events once closed, and tell Main", async () => {
    client.start();
    const subscription = watch();
    await vi.waitFor(() => expect(seen).toEqual([1, 2]));
    subscription.close();
    await main.until(() => main.calls("unsubscribe").length === 1);
    const id = main.calls("session.watch")[0]?.id;
    expect(main.calls("unsubscribe")[0]?.params).toEqual({ subscription: id });
    main.notify("event", { subscription: id, event: { type: "turn_started", seq: 9 } });
    main.onCall = (_call, reply) => reply(NODES);
    await client.call("nodes.list", {});
    expect(seen).toEqual([1, 2]);
  });
});

describe("the link", () => {
  it("is taken for dead when a probe has no answer, and dialled again", async () => {
    client = newClient({ probeDeadline_s: -0.95 });
    client.start();
    await linkState((state) => state.isOpen);
    client.wake();
    await main.until(() => main.calls("nodes.list").length === 1);
    const broken = await linkState((state) => !state.isOpen);
    expect(broken.nextTry).toBeGreaterThan(Date.now() - 100);
    await linkState((state) => state.isOpen);
  });

  it("tells the round trip of its probe", async () => {
    main.onCall = (_call, reply) => reply(NODES);
    client.start();
    await linkState((state) => state.isOpen);
    client.wake();
    expect((await linkState((state) => state.rtt_ms !== null)).rtt_ms).toBeGreaterThan(0);
  });

  it("asks who is signed in when a dial is refused", async () => {
    const onRefused = vi.fn();
    client = newClient({ onRefused });
    await main.close();
    client.start();
    await vi.waitFor(() => expect(onRefused).toHaveBeenCalled());
    expect(client.link.isOpen).toBe(false);
  });
});

describe("Backoff", () => {
  it("doubles from half a second to fifteen and begins anew after a healthy link", () => {
    const backoff = new Backoff(() => 0.5);
    const waits = Array.from({ length: 7 }, () => backoff.wait_ms(0));
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
    expect(backoff.wait_ms(9_999)).toBe(15_000);
    expect(backoff.wait_ms(10_000)).toBe(500);
  });

  it("spreads by a quarter to both sides", () => {
    expect(new Backoff(() => 0).wait_ms(0)).toBe(375);
    expect(new Backoff(() => 1).wait_ms(0)).toBe(625);
  });
});

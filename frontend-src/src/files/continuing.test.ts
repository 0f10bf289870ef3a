import { beforeEach, describe, expect, it } from "vitest";

import { WireError } from "../wire/errors.ts";
import { continued, type Continued } from "./continuing.ts";

interface Part {
  offset: number;
  arrive: () => void;
  fail: (error: WireError) => void;
}

const broken = () => new WireError("link_lost", "It was cut.");

let parts: Part[];
let asked: Record<string, unknown>[];
/** What files.partial answers, one after the other; the last stays. */
let answers: (number | { size: number; etag: string } | WireError)[];
let told: boolean[];
let cut: number;

beforeEach(() => {
  parts = [];
  asked = [];
  answers = [0];
  told = [];
  cut = 0;
});

function send(more: Partial<Continued> = {}) {
  const call = (_: string, params: object): Promise<never> => {
    asked.push(params as Record<string, unknown>);
    const answer = (answers.length > 1 ? answers.shift() : answers[0]) ?? 0;
    if (answer instanceof WireError) return Promise.reject(answer);
    return Promise.resolve((typeof answer === "number" ? { size: answer } : answer) as never);
  };
  const way = continued(
    { call },
    (_, offset = 0) => ({
      done: new Promise((resolve, reject) => parts.push({ offset, arrive: resolve, fail: reject })),
      cancel: () => cut++,
    }),
    () => Promise.resolve(),
  );
  const sent = way({
    node: "vm",
    place: { path: "/w/a" },
    body: new Blob(["hello"]),
    condition: null,
    upload: "u",
    isAgain: false,
    onBreak: (isBroken) => told.push(isBroken),
    ...more,
  });
  const end = sent.done.then(
    () => "done",
    (error: unknown) => (error as WireError).code,
  );
  return { ...sent, end };
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 400; turn++) await Promise.resolve();
}

describe("an upload that can be continued", () => {
  it("goes on from what the machine has", async () => {
    answers = [broken(), new WireError("conflict", "Still written.", { isRetryable: true }), 3];
    const { end } = send();
    parts[0]?.fail(new WireError("conflict", "Other than that is here.", { isRetryable: true }));
    await settle();
    expect(asked).toHaveLength(3);
    expect(asked[0]).toEqual({ node: "vm", path: "/w/a", upload: "u", discard: false });
    expect(parts.map((part) => part.offset)).toEqual([0, 3]);
    expect(told).toEqual([true, false]);
    parts[1]?.arrive();
    expect(await end).toBe("done");
  });

  it("is done when only the answer was lost", async () => {
    answers = [{ size: 5, etag: "abc" }];
    const { end } = send();
    parts[0]?.fail(new WireError("node_offline", "It broke off."));
    expect(await end).toBe("done");
    expect(parts).toHaveLength(1);
  });

  it("asks first when it was tried before", async () => {
    answers = [4];
    send({ isAgain: true });
    await settle();
    expect(parts.map((part) => part.offset)).toEqual([4]);
  });

  it("fails at once on what no repetition mends", async () => {
    const { end } = send();
    parts[0]?.fail(new WireError("conflict", "The disk is full."));
    expect(await end).toBe("conflict");
    expect(asked).toEqual([]);
  });

  it("gives up when nothing more arrives, and not while something does", async () => {
    answers = [1, 2, 3, 4, 5, 6, 7];
    const { end } = send();
    for (let part = 0; part < 12; part++) {
      parts[part]?.fail(broken());
      await settle();
    }
    expect(parts).toHaveLength(13);
    parts[12]?.fail(broken());
    expect(await end).toBe("link_lost");
  });

  it("gives up when the machine does not answer for long", async () => {
    answers = [broken()];
    const { end } = send();
    parts[0]?.fail(broken());
    expect(await end).toBe("link_lost");
    expect(asked).toHaveLength(40);
  });

  it("takes the whole anew to a machine that knows nothing of it", async () => {
    answers = [new WireError("unsupported", "Too old.")];
    send();
    parts[0]?.fail(broken());
    await settle();
    expect(parts.map((part) => part.offset)).toEqual([0, 0]);
  });

  it("leaves nothing at the machine when it is cancelled", async () => {
    const { cancel, end } = send();
    cancel();
    expect(cut).toBe(1);
    expect(asked).toEqual([{ node: "vm", path: "/w/a", upload: "u", discard: true }]);
    parts[0]?.fail(new WireError("cancelled", "Cancelled."));
    expect(await end).toBe("cancelled");
  });

  it("does not go on when it is cancelled while it waits", async () => {
    const { cancel, end } = send();
    parts[0]?.fail(broken());
    cancel();
    expect(await end).toBe("cancelled");
    expect(parts).toHaveLength(1);
  });
});

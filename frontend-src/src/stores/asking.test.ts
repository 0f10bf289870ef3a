import { describe, expect, it } from "vitest";
import { WireError } from "../wire/errors.ts";
import { Act, Asked } from "./asking.svelte.ts";

/** A promise that the test settles. */
function open<T>(): { promise: Promise<T>; settle: (value: T) => void } {
  let settle: (value: T) => void = () => undefined;
  const promise = new Promise<T>((resolve) => (settle = resolve));
  return { promise, settle };
}

describe("an act", () => {
  it("keeps the sentence of a failure until the next try", async () => {
    const act = new Act();
    const refused = () => Promise.reject(new WireError("conflict", "The last owner stays."));
    expect(await act.run(refused)).toBe(false);
    expect(act.problem).toBe("The last owner stays.");
    expect(await act.run(() => Promise.resolve())).toBe(true);
    expect(act.problem).toBeNull();
    expect(act.isBusy).toBe(false);
  });

  it("does not run twice at once", async () => {
    const act = new Act();
    const { promise, settle } = open<undefined>();
    const first = act.run(() => promise);
    expect(await act.run(() => Promise.resolve())).toBe(false);
    settle(undefined);
    expect(await first).toBe(true);
  });

  it("throws what is no failure of the wire", async () => {
    await expect(new Act().run(() => Promise.reject(new TypeError("a defect")))).rejects.toThrow("a defect");
  });
});

describe("a list that is asked for", () => {
  it("keeps what it has when it cannot be had again", async () => {
    let isAway = false;
    const asked = new Asked(() =>
      isAway ? Promise.reject(new WireError("link_lost", "Main is away.")) : Promise.resolve(["ada"]),
    );
    expect(asked.isLoading).toBe(true);
    await asked.load();
    isAway = true;
    await asked.load();
    expect(asked.value).toEqual(["ada"]);
    expect(asked.problem).toBe("Main is away.");
  });

  it("takes the answer to the later question, whichever comes last", async () => {
    const [early, late] = [open<string>(), open<string>()];
    const answers = [early.promise, late.promise];
    const asked = new Asked(() => answers.shift() ?? Promise.resolve(""));
    const both = [asked.load(), asked.load()];
    late.settle("late");
    early.settle("early");
    await Promise.all(both);
    expect(asked.value).toBe("late");
  });
});

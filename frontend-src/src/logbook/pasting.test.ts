import { describe, expect, it } from "vitest";

import { WireError } from "../wire/errors.ts";
import { Pasting } from "./pasting.svelte.ts";
import { MOST_CHARACTERS } from "./prompt.ts";

const NOON = () => new Date("2026-11-21T12:30:05Z");
const LONG = "x".repeat(MOST_CHARACTERS + 1);

describe("a pasted text that no prompt can hold", () => {
  it("is kept out of the field, and what fits is not", () => {
    const pasting = new Pasting("n");
    expect(pasting.catches("", "short")).toBe(false);
    expect(pasting.catches("there", "x".repeat(MOST_CHARACTERS))).toBe(true);
    expect(pasting.catches("", LONG)).toBe(true);
    expect(pasting.problem).toContain("262,145 characters");
    pasting.drop();
    expect(pasting.problem).toBeNull();
  });

  it("goes whole into a new file of the project", async () => {
    const sent: unknown[] = [];
    const pasting = new Pasting(
      "n",
      async (sending) => {
        sent.push([sending.node, sending.place.path, sending.condition, (await sending.body.text()).length]);
      },
      NOON,
    );
    pasting.catches("", LONG);
    expect(await pasting.save("/w/")).toBe("pasted-20261121-123005.txt");
    expect(sent).toEqual([["n", "/w/pasted-20261121-123005.txt", { "If-None-Match": "*" }, LONG.length]]);
    expect(pasting.text).toBeNull();
  });

  it("is kept when it cannot be written", async () => {
    const pasting = new Pasting("n", () => Promise.reject(new WireError("forbidden", "Not there.")), NOON);
    pasting.catches("", LONG);
    expect(await pasting.save("/w")).toBeNull();
    expect(pasting.text).toBe(LONG);
    expect(pasting.saving.problem).toBe("Not there.");
  });
});

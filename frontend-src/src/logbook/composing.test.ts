import { describe, expect, it } from "vitest";

import { MAX_PICTURE_BYTES, ROOM_BYTES, pictureFrom, pictureType } from "./attachments.ts";
import { commandOffers, fileOffers, sessionOffers, tokenAt } from "./completion.ts";

describe("completion", () => {
  it("knows a command only at the beginning and a file after white space", () => {
    expect(tokenAt("/comp", 5)).toEqual({ kind: "command", text: "comp", from: 0, to: 5 });
    expect(tokenAt("do /comp", 8)).toBeNull();
    expect(tokenAt("see @src/a", 10)).toEqual({ kind: "file", text: "src/a", from: 4, to: 10 });
    expect(tokenAt("me@home", 7)).toBeNull();
  });

  it("offers commands that begin as typed first", () => {
    const commands = [
      { name: "recompact", description: "" },
      { name: "compact", description: "Shorten" },
    ];
    expect(commandOffers(commands, "comp").map((offer) => offer.name)).toEqual(["/compact", "/recompact"]);
  });

  it("offers files of the folder typed so far", async () => {
    const asked: unknown[] = [];
    const call = (_op: string, params: object): Promise<never> => {
      asked.push(params);
      const entries = [
        { name: "api", type: "directory" },
        { name: "app.py", type: "file" },
        { name: "b.py", type: "file" },
      ];
      return Promise.resolve({ entries } as never);
    };
    const offers = await fileOffers({ call } as never, "n", "/w", "src/a", new AbortController().signal);
    expect(asked).toEqual([{ node: "n", path: "/w/src", hidden: false, limit: 1000 }]);
    expect(offers.map((offer) => offer.insert)).toEqual(["@src/api/", "@src/app.py "]);
  });
});

describe("mentions of sessions", () => {
  it("are offered by their title, and name the session and its machine", () => {
    const all = ["Fix the tests", "Write notes", ""].map((title, index) => ({
      id: `s${index}`,
      node: "n",
      title,
      path: "/w/app",
    }));
    const offers = sessionOffers(all as never, "TEST", () => "vm");
    expect(offers.map((offer) => [offer.insert, offer.detail])).toEqual([
      ["session “Fix the tests” (s0 on vm) ", "vm : app"],
    ]);
  });
});

describe("pictures", () => {
  it("are known by their content", () => {
    expect(pictureType(new Uint8Array([0x89, 0x50, 0x4e, 0x47]))).toBe("image/png");
    expect(pictureType(new TextEncoder().encode("RIFF....WEBP"))).toBe("image/webp");
    expect(pictureType(new TextEncoder().encode("<svg onload=1>"))).toBeNull();
  });

  it("are refused with a sentence when they are none, cannot be made small, or find no room", async () => {
    const never = () => Promise.resolve(null);
    await expect(pictureFrom(new File(["text"], "a.png"), [], never)).rejects.toThrow("a.png is no picture");
    const png = new Uint8Array(MAX_PICTURE_BYTES + 1);
    png.set([0x89, 0x50, 0x4e, 0x47]);
    await expect(pictureFrom(new File([png], "b.png"), [], never)).rejects.toThrow("b.png is too large");
    const full = { type: "image" as const, data_url: `data:image/png;base64,${"A".repeat((ROOM_BYTES * 4) / 3)}` };
    await expect(pictureFrom(new File([png], "c.png"), [full], never)).rejects.toThrow("no room left for c.png");
  });

  it("are made smaller when they are too large for a prompt", async () => {
    const asked: number[] = [];
    const shrink = (_file: Blob, most: number) => {
      asked.push(most);
      return Promise.resolve(new Blob([new Uint8Array([0xff, 0xd8, 0xff, 0])]));
    };
    const large = new File([new Uint8Array([0x89, 0x50, 0x4e, 0x47]), new Uint8Array(MAX_PICTURE_BYTES)], "b.png");
    const there = { type: "image" as const, data_url: `data:image/png;base64,${"A".repeat(600_000)}` };
    await expect(pictureFrom(large, [there], shrink)).resolves.toMatchObject({ name: "b.png", mime: "image/jpeg" });
    expect(asked).toEqual([ROOM_BYTES - 450_000]);
  });

  it("are sent as they are when they are small, with the type that their bytes tell", async () => {
    const small = await pictureFrom(new File([new Uint8Array([0xff, 0xd8, 0xff, 0])], "c.bin"));
    expect(small).toMatchObject({ type: "image", mime: "image/jpeg", data_url: "data:image/jpeg;base64,/9j/AA==" });
  });
});

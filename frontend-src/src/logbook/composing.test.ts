import { describe, expect, it } from "vitest";

import { MAX_PICTURE_BYTES, pictureFrom, pictureType } from "./attachments.ts";
import { commandOffers, fileOffers, tokenAt } from "./completion.ts";

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

describe("pictures", () => {
  it("are known by their content", () => {
    expect(pictureType(new Uint8Array([0x89, 0x50, 0x4e, 0x47]))).toBe("image/png");
    expect(pictureType(new TextEncoder().encode("RIFF....WEBP"))).toBe("image/webp");
    expect(pictureType(new TextEncoder().encode("<svg onload=1>"))).toBeNull();
  });

  it("are refused with a sentence when they are none or too large", async () => {
    await expect(pictureFrom(new File(["text"], "a.png"))).rejects.toThrow("a.png is no picture");
    await expect(pictureFrom(new File([new Uint8Array(MAX_PICTURE_BYTES + 1)], "b.png"))).rejects.toThrow(
      "larger than",
    );
    const small = await pictureFrom(new File([new Uint8Array([0xff, 0xd8, 0xff, 0])], "c.bin"));
    expect(small).toMatchObject({ type: "image", mime: "image/jpeg", data_url: "data:image/jpeg;base64,/9j/AA==" });
  });
});

import { describe, expect, it } from "vitest";

import { exported } from "./exporting.ts";

describe("an export", () => {
  it("is put together of all parts", async () => {
    const asked: unknown[] = [];
    const parts = [
      { name: "notes.md", content: "# One\n", next_after: 7 },
      { name: "notes.md", content: "two\n", next_after: null },
    ];
    const call = (_op: string, params: object): Promise<never> => {
      asked.push(params);
      return Promise.resolve(parts[asked.length - 1] as never);
    };
    const { name, document } = await exported({ call }, { node: "n", session: "s" }, "markdown");
    expect(name).toBe("notes.md");
    expect(await document.text()).toBe("# One\ntwo\n");
    expect(asked).toEqual([
      { node: "n", session: "s", format: "markdown", after: 0 },
      { node: "n", session: "s", format: "markdown", after: 7 },
    ]);
  });

  it("ends when a part leads nowhere", async () => {
    const call = (): Promise<never> => Promise.resolve({ name: "a.json", content: "{}\n", next_after: 0 } as never);
    const { document } = await exported({ call }, { node: "n", session: "s" }, "json");
    expect(await document.text()).toBe("{}\n");
  });
});

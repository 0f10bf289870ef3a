import { render, screen } from "@testing-library/svelte";
import { expect, it } from "vitest";

import { WireError } from "../wire/errors.ts";
import { OpenFile } from "./document.svelte.ts";
import FileEditor from "./FileEditor.svelte";

it("offers a binary file to download, without the wire's sentence and without a second try", async () => {
  const call = () => Promise.reject(new WireError("unsupported", "/w/a.bin is no text; GET /api has its bytes."));
  const file = new OpenFile({ call } as never, "n", { path: "/w/a.bin" });
  await file.load();
  render(FileEditor, { file, name: "a.bin", onback: () => undefined });
  expect(screen.getByText("a.bin is not text, so it is not shown here.")).toBeTruthy();
  expect(screen.getByRole("link", { name: "Download" }).getAttribute("download")).toBe("a.bin");
  expect([screen.queryByRole("alert"), screen.queryByRole("button", { name: "Try again" })]).toEqual([null, null]);
});

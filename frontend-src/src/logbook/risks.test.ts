import { expect, it } from "vitest";

import { risksOf } from "./risks.ts";

const about = (input: Record<string, unknown>, title = "Bash") =>
  risksOf({ type: "approval_requested", approval: "a", kind: "tool", title, input, options: [] }, "/w");

it("names what is plainly risky", () => {
  expect(about({ command: "sudo rm -rf build && curl x | sh" })).toEqual(["root", "deletes", "network"]);
  expect(about({ command: "make test" })).toEqual([]);
  expect(about({ file_path: "/etc/hosts", content: "x" }, "Write")).toEqual(["outside"]);
  expect(about({ file_path: "/w/a", content: "x" }, "Write")).toEqual([]);
  expect(about({ url: "https://a" })).toEqual(["network"]);
});

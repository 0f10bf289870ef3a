import { expect, it } from "vitest";

import { EMPTY_LOG } from "../stores/blocks.ts";
import type { ApprovalRequested } from "../wire/wire.gen.ts";
import { askedFiles, askHeading, callOf } from "./asked.ts";

function ask(input: Record<string, unknown>, more: Partial<ApprovalRequested> = {}): ApprovalRequested {
  return { type: "approval_requested", approval: "a", kind: "tool", title: "Write", input, options: [], ...more };
}

it("does not say a command twice", () => {
  const input = { command: "set -e\nrm -rf build\nmake" };
  expect(askHeading(ask(input, { title: "set -e rm -rf build..." }))).toBe("Run this command");
  expect(askHeading(ask(input, { title: "wants to clean up" }))).toBe("wants to clean up");
  expect(askHeading(ask({ file_path: "/p/a" }, { title: "Write a" }))).toBe("Write a");
});

it("shows the difference of the call, else that of the input, else none", () => {
  const told = [{ type: "diff" as const, path: "/p/a", old_text: "1\n2\n3\n", new_text: "1\n2\n4\n" }];
  const request = ask({ file_path: "/p/a", old_string: "3", new_string: "4" });
  expect(askedFiles(request, told, "/p")[0]).toMatchObject({ path: "a", hunks: [{ lines: [" 1", " 2", "-3", "+4"] }] });
  expect(askedFiles(request, [], "/p")[0]?.hunks[0]?.lines).toEqual(["-3", "+4"]);
  expect(askedFiles(ask({ file_path: "/p/b", content: "x\n" }), [], "/p")).toMatchObject([{ status: "added" }]);
  expect(askedFiles(ask({ command: "ls" }), [], "/p")).toEqual([]);
  expect(askedFiles(ask({ reason: "needs to write" }), told, "/p")).toHaveLength(1);
});

it("finds the call that is asked for", () => {
  expect(callOf(EMPTY_LOG, ask({}, { tool_call_id: "c" }))).toBeNull();
  expect(callOf(EMPTY_LOG, ask({}))).toBeNull();
});

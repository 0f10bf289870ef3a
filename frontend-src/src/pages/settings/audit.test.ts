import { expect, it } from "vitest";
import { ALL_ACTS } from "../../shell/routes.ts";
import type { Calls } from "../../stores/client.ts";
import type { AuditRow } from "../../wire/wire.gen.ts";
import { AuditPages } from "./audit.svelte.ts";

function row(id: number, action: string): AuditRow {
  return { id, ts: "", who: "ada", kind: "user", address: "", action, node: null, subject: null, outcome: "ok" };
}

/** Answers each call with what `answer` makes of its filter and cursor. */
function calls(answer: (params: { action?: string | null; cursor?: string | null }) => Promise<unknown>) {
  return { call: (_: string, params: object) => answer(params) } as unknown as Pick<Calls, "call">;
}

it("adds older pages behind and knows when there are no more", async () => {
  const pages = new AuditPages(
    calls(({ cursor }) =>
      Promise.resolve(
        cursor == null ? { rows: [row(9, "login")], next_cursor: "9" } : { rows: [row(8, "login")], next_cursor: null },
      ),
    ),
  );
  await pages.show(ALL_ACTS);
  await pages.older();
  expect(pages.rows.map((one) => one.id)).toEqual([9, 8]);
  expect(pages.cursor).toBeNull();
});

it("shows nothing of a filter that has changed meanwhile", async () => {
  const waiting: (() => void)[] = [];
  const pages = new AuditPages(
    calls(
      ({ action }) =>
        new Promise((resolve) => waiting.push(() => resolve({ rows: [row(1, action ?? "all")], next_cursor: null }))),
    ),
  );
  const both = [pages.show(ALL_ACTS), pages.show({ ...ALL_ACTS, action: "git." })];
  for (const answer of waiting.toReversed()) answer();
  await Promise.all(both);
  expect(pages.rows.map((one) => one.action)).toEqual(["git."]);
  expect(pages.isBusy).toBe(false);
});

import { expect, test } from "vitest";
import { inSight } from "./following.ts";

test.each([
  ["in sight", 100, 150, 100],
  ["above", 100, 40, 40],
  ["below", 100, 400, 220],
  ["half below", 100, 290, 110],
])("a row that is %s", (_name, before, top, after) => {
  expect(inSight(before, { top, height: 20, room: 200 })).toBe(after);
});

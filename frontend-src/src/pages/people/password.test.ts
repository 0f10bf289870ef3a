import { expect, it } from "vitest";
import { passwordProblem } from "../../sign/check.ts";
import { newPassword } from "./password.ts";

it("makes passwords that are allowed, readable and never the same", () => {
  const made = new Set(Array.from({ length: 50 }, newPassword));
  expect(made.size).toBe(50);
  for (const password of made) {
    expect(password).toMatch(/^([a-hjkmnp-z2-9]{5}-){3}[a-hjkmnp-z2-9]{5}$/);
    expect(passwordProblem(password)).toBeNull();
  }
});

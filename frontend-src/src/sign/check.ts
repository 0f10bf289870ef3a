import { sign as words } from "../strings/sign.ts";

interface SignUp {
  username: string;
  password: string;
  code: string;
  isCodeNeeded: boolean;
}

/** What is wrong with each field, in the bounds that Main holds too; empty when all is well. */
export function checkSignUp(given: SignUp): { username?: string; password?: string; code?: string } {
  return {
    ...(given.isCodeNeeded && given.code.trim() === "" ? { code: words.setupCodeMissing } : {}),
    ...(given.username.trim() === "" ? { username: words.nameMissing } : {}),
    ...(passwordProblem(given.password) ?? {}),
  };
}

/** The bounds of a new password: at least 8 characters, at most 72 bytes of UTF-8 (bcrypt reads no more). */
export function passwordProblem(password: string): { password: string } | null {
  if (Array.from(password).length < 8) return { password: words.passwordShort };
  if (new TextEncoder().encode(password).length > 72) return { password: words.passwordLong };
  return null;
}

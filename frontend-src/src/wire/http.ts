/** The few requests that are not calls on the socket: signing in and out. */
import { at } from "./base.ts";
import { WireError } from "./errors.ts";
import type { AuthStatus, ErrorCode, FieldError, LoginBody, RegisterBody, SignedIn } from "./wire.gen.ts";

const DEADLINE_MS = 15_000;

interface Problem {
  code?: ErrorCode;
  detail?: string;
  retryable?: boolean;
  errors?: FieldError[];
}

async function problemOf(response: Response): Promise<WireError> {
  const retryAfter = Number(response.headers.get("Retry-After"));
  let problem: Problem = {};
  if (response.headers.get("Content-Type")?.includes("json") === true) {
    problem = (await response.json()) as Problem;
  }
  return new WireError(problem.code ?? "internal", problem.detail ?? `Main answered ${response.status}.`, {
    isRetryable: problem.retryable ?? response.status >= 500,
    fields: problem.errors ?? [],
    retryAfter_s: Number.isFinite(retryAfter) && retryAfter > 0 ? retryAfter : null,
  });
}

async function ask<Result>(path: string, body?: object): Promise<Result> {
  let response: Response;
  try {
    response = await fetch(at(path), {
      method: body === undefined ? "GET" : "POST",
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? null : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "TimeoutError") {
      throw new WireError("timeout", "Main did not answer within 15 s. Try again.", { isRetryable: true });
    }
    throw new WireError("link_lost", "Main cannot be reached from here. Is it running, and is this device online?");
  }
  if (!response.ok) throw await problemOf(response);
  return (response.status === 204 ? {} : await response.json()) as Result;
}

/** Who is signed in, and whether the first user must still be made. */
export function authStatus(): Promise<AuthStatus> {
  return ask<AuthStatus>("api/auth/status");
}

export function logIn(body: LoginBody): Promise<SignedIn> {
  return ask<SignedIn>("api/auth/login", body);
}

export function register(body: RegisterBody): Promise<SignedIn> {
  return ask<SignedIn>("api/auth/register", body);
}

export async function logOut(): Promise<void> {
  await ask<object>("api/auth/logout", {});
}

import { fireEvent, render, screen } from "@testing-library/svelte";
import { afterEach, describe, expect, it, vi } from "vitest";
import Sign from "./Sign.svelte";

const STATUS = { setup_required: false, user: null, version: "1", code_needed: false };
const USER = { id: "u", name: "ada", role: "owner" };

/** Main answers every request with this; the bodies that it was sent are returned. */
function answering(
  status: number,
  body: object,
  headers: Record<string, string> = {},
): { url: string; body: unknown }[] {
  const sent: { url: string; body: unknown }[] = [];
  vi.stubGlobal("fetch", (url: string, request: { body: string }) => {
    sent.push({ url, body: JSON.parse(request.body) });
    const type = { "Content-Type": "application/json" };
    return Promise.resolve(new Response(JSON.stringify(body), { status, headers: { ...type, ...headers } }));
  });
  return sent;
}

async function fill(name: string, password: string): Promise<void> {
  await fireEvent.input(screen.getByLabelText("Name"), { target: { value: name } });
  await fireEvent.input(screen.getByLabelText("Password"), { target: { value: password } });
  await fireEvent.submit(screen.getByLabelText("Name").closest("form") as HTMLFormElement);
}

afterEach(() => vi.unstubAllGlobals());

describe("signing in", () => {
  it("hands the user on", async () => {
    const sent = answering(200, { user: USER, token: "t" });
    const onsignedin = vi.fn(() => Promise.resolve());
    render(Sign, { status: STATUS, onsignedin });
    await fill("ada", "correct horse");
    await vi.waitFor(() => expect(onsignedin).toHaveBeenCalledWith(USER));
    expect(sent).toEqual([{ url: "/api/auth/login", body: { username: "ada", password: "correct horse" } }]);
  });

  it("says that name or password is wrong", async () => {
    answering(401, { code: "unauthorized", detail: "…" });
    render(Sign, { status: STATUS, onsignedin: () => Promise.resolve() });
    await fill("ada", "wrong horse");
    expect((await screen.findByRole("alert")).textContent).toContain("The name or the password is wrong.");
  });

  it("says how long to wait after too many attempts", async () => {
    answering(429, { code: "rate_limited", detail: "…" }, { "Retry-After": "840" });
    render(Sign, { status: STATUS, onsignedin: () => Promise.resolve() });
    await fill("ada", "wrong horse");
    expect((await screen.findByRole("alert")).textContent).toContain("Try again in 14 min.");
  });
});

describe("the first visit", () => {
  const FIRST = { ...STATUS, setup_required: true, code_needed: true };

  it("checks its fields before it asks Main", async () => {
    const sent = answering(201, { user: USER, token: "t" });
    render(Sign, { status: FIRST, onsignedin: () => Promise.resolve() });
    await fill(" ", "short");
    expect(screen.getByText("Enter a name.")).toBeTruthy();
    expect(screen.getByText("The password needs at least 8 characters.")).toBeTruthy();
    expect(screen.getByText("Enter the set-up code that Main printed when it started.")).toBeTruthy();
    expect(sent).toEqual([]);
  });

  it("becomes a sign-in when somebody else was first", async () => {
    answering(409, { code: "conflict", detail: "A user exists already." });
    render(Sign, { status: { ...FIRST, code_needed: false }, onsignedin: () => Promise.resolve() });
    await fill("ada", "correct horse");
    expect(await screen.findByRole("heading", { name: "Sign in" })).toBeTruthy();
    expect(screen.getByRole("alert").textContent).toContain("A user exists already.");
  });
});

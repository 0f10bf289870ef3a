import { describe, expect, it } from "vitest";
import { formatRoute, parentRoute, parseRoute, type Route } from "./routes.ts";

function roundTrip(route: Route): Route {
  const [path = "", query = ""] = formatRoute(route).split("?");
  return parseRoute(path, new URLSearchParams(query));
}

const ROUTES: Route[] = [
  { name: "home" },
  { name: "needs" },
  { name: "machines" },
  { name: "machines", filter: { state: "offline", label: "gpu=4090 & more", capability: "claude" } },
  { name: "add" },
  { name: "settings" },
  { name: "settings", section: "keys" },
  { name: "settings", section: "people" },
  { name: "audit" },
  { name: "audit", filter: { who: "ada (token ci)", action: "file.", node: "laptop" } },
  { name: "more" },
  { name: "machine", node: "laptop" },
  { name: "project", node: "laptop", path: "/", panel: null },
  { name: "project", node: "laptop", path: "/home/a b/ü?#%", panel: "files" },
  { name: "project", node: "win", path: "C:\\Users\\ada", panel: null },
  { name: "session", node: "laptop", session: "s_1-2", panel: null },
  { name: "session", node: "laptop", session: "s1", panel: "terminal" },
  { name: "session", node: "laptop", session: "s1", panel: "terminal", terminal: "t_1" },
  { name: "project", node: "laptop", path: "/w", panel: "terminal", terminal: "t-2" },
  { name: "session", node: "laptop", session: "s1", panel: null, seq: 9 },
  { name: "session", node: "laptop", session: "s1", panel: null, beside: [{ node: "vps", session: "s2" }] },
  {
    name: "session",
    node: "laptop",
    session: "s1",
    panel: "files",
    beside: [
      { node: "vps", session: "s2" },
      { node: "laptop", session: "s3" },
    ],
    at: 1,
  },
  { name: "new", node: null, path: null },
  { name: "new", node: "laptop", path: "/home/ada & co" },
];

describe("routes", () => {
  it.each(ROUTES)("$name survives the address bar", (route) => {
    expect(roundTrip(route)).toEqual(route);
  });

  it("shows the start for the address of sign-in once signed in", () => {
    expect(parseRoute("login", new URLSearchParams())).toEqual({ name: "home" });
  });

  it.each([
    "m/laptop/x",
    "m/laptop/s",
    "m/laptop/s/a/b",
    "nothing",
    "needs/more",
    "settings/moon",
    "settings/keys/x",
    "add/x",
    "m/%E0%A4%A/p/",
  ])("knows that %s is no address", (path) => {
    expect(parseRoute(path, new URLSearchParams())).toEqual({ name: "unknown" });
  });

  it("names a terminal only while terminals are shown", () => {
    const read = (query: string) => parseRoute("m/a/s/b", new URLSearchParams(query));
    expect(read("panel=files&terminal=t1")).toEqual({ name: "session", node: "a", session: "b", panel: "files" });
    expect(read("panel=terminal&terminal=")).not.toHaveProperty("terminal");
    const left: Route = { name: "session", node: "a", session: "b", panel: "changes", terminal: "t1" };
    expect(formatRoute(left)).toBe("m/a/s/b?panel=changes");
  });

  it("reads at most four sessions side by side, each once, and no nonsense", () => {
    const read = (query: string) => parseRoute("m/a/s/b", new URLSearchParams(query));
    expect(read("beside=a/b,a/c,a/c,x,/y,a/d,a/e,a/f&at=9")).toEqual({
      name: "session",
      node: "a",
      session: "b",
      panel: null,
      beside: ["c", "d", "e"].map((session) => ({ node: "a", session })),
      at: 3,
    });
    expect(read("beside=&at=2&seq=-1")).toEqual({ name: "session", node: "a", session: "b", panel: null });
    expect(formatRoute(read("beside=a/c,v/d"))).toBe("m/a/s/b?beside=a/c,v/d");
  });

  it("ignores a panel that does not exist", () => {
    expect(parseRoute("m/a/s/b", new URLSearchParams("panel=moon"))).toMatchObject({ panel: null });
  });

  it("goes up one level at a time on the phone", () => {
    const session: Route = { name: "session", node: "a", session: "b", panel: "files" };
    const shut = parentRoute(session, "/srv");
    expect(shut).toEqual({ ...session, panel: null });
    expect(shut && parentRoute(shut, "/srv")).toEqual({ name: "project", node: "a", path: "/srv", panel: null });
    expect(parentRoute({ name: "home" })).toBeNull();
  });
});

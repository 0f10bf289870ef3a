import { describe, expect, it } from "vitest";
import { activated, activeAt, canOpenBeside, closed, followed, opened, placesOf, shownFrom, stepped } from "./panes.ts";
import type { Place, SessionRoute } from "./routes.ts";

function place(session: string): Place {
  return { node: "n", session };
}

const ONE: SessionRoute = { name: "session", node: "n", session: "a", panel: "files" };

/** Opened one after another: `c` is active. */
const THREE = opened(opened(ONE, place("b")), place("c"));

function order(route: SessionRoute | null): string {
  return route === null
    ? ""
    : placesOf(route)
        .map(({ session }) => (session === route.session ? session.toUpperCase() : session))
        .join("");
}

describe("panes", () => {
  it("stand in the order in which they were opened, the last active, the panel as it was", () => {
    expect(order(THREE)).toBe("abC");
    expect(THREE.panel).toBe("files");
    expect(order(opened(THREE, place("d"), 0))).toBe("Dabc");
  });

  it("keep their order whichever is active", () => {
    expect(order(activated(THREE, place("a")))).toBe("Abc");
    expect(order(activated(activated(THREE, place("a")), place("b")))).toBe("aBc");
    expect(activated(THREE, place("c"))).toBe(THREE);
    expect(activated(THREE, place("x"))).toBe(THREE);
  });

  it("are gone through round and round", () => {
    expect(order(stepped(THREE, 1))).toBe("Abc");
    expect(order(stepped(THREE, -1))).toBe("aBc");
    expect(order(stepped(ONE, 1))).toBe("A");
  });

  it("are four at most, and each session once", () => {
    const four = opened(THREE, place("d"));
    expect(canOpenBeside(four, place("e"))).toBe(false);
    expect(order(opened(four, place("e")))).toBe("abcD");
    expect(canOpenBeside(ONE, place("a"))).toBe(false);
    expect(order(opened(THREE, place("a")))).toBe("Abc");
  });

  it("close, and the next one is active", () => {
    expect(order(closed(THREE, place("c")))).toBe("aB");
    expect(order(closed(THREE, place("a")))).toBe("bC");
    expect(order(closed(activated(THREE, place("a")), place("a")))).toBe("Bc");
    expect(order(closed(activated(THREE, place("a")), place("c")))).toBe("Ab");
    expect(order(closed(activated(THREE, place("b")), place("b")))).toBe("aC");
    expect(closed(ONE, place("a"))).toBeNull();
    expect(closed(THREE, place("x"))).toBe(THREE);
  });

  it("shows as many as fit, the active one among them", () => {
    expect(shownFrom(THREE, 1200, 340)).toEqual({ from: 0, count: 3 });
    expect(shownFrom(THREE, 700, 340)).toEqual({ from: 1, count: 2 });
    expect(shownFrom(activated(THREE, place("a")), 390, 340)).toEqual({ from: 0, count: 1 });
    expect(activeAt(THREE)).toBe(2);
  });

  it("lead a link to an open session to its pane, any other away from them", () => {
    const link: SessionRoute = { name: "session", node: "n", session: "a", panel: null };
    expect(followed(THREE, link)).toEqual(activated(THREE, place("a")));
    const other = { ...link, session: "x" };
    expect(followed(THREE, other)).toBe(other);
    expect(followed(ONE, other)).toBe(other);
    expect(followed(THREE, { ...link, seq: 4 })).toEqual({ ...link, seq: 4 });
    expect(followed(THREE, { name: "needs" })).toEqual({ name: "needs" });
  });
});

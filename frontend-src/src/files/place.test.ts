import { describe, expect, it } from "vitest";

import { above, archiveAddress, contentAddress, inside, named, nameOf } from "./place.ts";

describe("a place on a machine", () => {
  it("is named by its path while everything on the way is UTF-8", () => {
    const place = inside({ path: "/home/čaj" }, "-rf\n");
    expect(named(place)).toEqual({ path: "/home/čaj/-rf\n" });
    expect(inside({ path: "/" }, "a")).toEqual({ path: "/a" });
  });

  it("is named by its bytes where a name is not", () => {
    const folder = inside({ path: "/č" }, "b\ufffd", btoa("b\xff"));
    expect(named(folder)).toEqual({ path_bytes: btoa("/\xc4\x8d/b\xff") });
    expect(atob(inside(folder, "ž.txt").bytes ?? "")).toBe("/\xc4\x8d/b\xff/\xc5\xbe.txt");
    expect(above(inside(folder, "x"))).toEqual(folder);
    expect(above(folder)).toEqual({ path: "/č" });
  });

  it("has an address for its bytes that no name can break out of", () => {
    const place = { path: "/a&inline=1 #?.txt" };
    expect(new URL(contentAddress("vm", place), "http://x").searchParams.get("path")).toBe(place.path);
    expect(contentAddress("vm", place, true)).toContain("inline=1");
    const address = new URL(archiveAddress("v/m", { path: "/\ufffd", bytes: btoa("/\xff") }), "http://x");
    expect(address.pathname).toBe("/api/nodes/v%2Fm/files/archive");
    expect(address.searchParams.get("path_bytes")).toBe(btoa("/\xff"));
  });

  it("knows its name and the folder around it", () => {
    expect(nameOf({ path: "/a/b" })).toBe("b");
    expect(above({ path: "/a" })).toEqual({ path: "/" });
    expect(above({ path: "/" })).toEqual({ path: "/" });
  });
});

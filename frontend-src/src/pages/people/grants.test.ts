import { describe, expect, it } from "vitest";
import type { Account } from "../../wire/wire.gen.ts";
import { grantsOf, saidOf, sharingOf } from "./grants.ts";

function account(role: Account["role"], grants: Account["grants"]): Account {
  return { id: "u", name: "eve", role, created: "", last_seen: null, logins: 0, grants };
}

const upper = (node: string) => node.toUpperCase();

describe("what is shared with somebody", () => {
  it("goes through the form unchanged", () => {
    const grants = [
      { node: "*", role: "viewer" as const },
      { node: "vm", role: "member" as const },
    ];
    expect(grantsOf(sharingOf(grants))).toEqual(grants);
    expect(grantsOf(sharingOf([]))).toEqual([]);
  });

  it("has no row for a machine that differs in nothing", () => {
    expect(grantsOf({ every: "member", each: { vm: "member", gpu: "viewer" } })).toEqual([
      { node: "*", role: "member" },
      { node: "gpu", role: "viewer" },
    ]);
  });

  it("is said in words", () => {
    expect(saidOf(account("owner", []), upper)).toBe("acts on every machine");
    expect(saidOf(account("member", []), upper)).toBe("no machine yet");
    expect(
      saidOf(
        account("member", [
          { node: "vm", role: "member" },
          { node: "gpu", role: "viewer" },
        ]),
        upper,
      ),
    ).toBe("acts on VM; looks at GPU");
    expect(
      saidOf(
        account("member", [
          { node: "*", role: "viewer" },
          { node: "vm", role: "member" },
        ]),
        upper,
      ),
    ).toBe("looks at every machine; acts on VM");
  });

  it("never says that a viewer acts", () => {
    expect(saidOf(account("viewer", [{ node: "vm", role: "member" }]), upper)).toBe("looks at VM");
  });
});

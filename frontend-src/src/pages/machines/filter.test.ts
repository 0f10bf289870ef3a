import { describe, expect, it } from "vitest";
import { NODES } from "../../../dev/world.ts";
import { ALL_MACHINES } from "../../shell/routes.ts";
import { capabilitiesOf, labelsOf, matches, occurring } from "./filter.ts";

function named(filter: Partial<typeof ALL_MACHINES>): string[] {
  return NODES.filter((node) => matches(node, { ...ALL_MACHINES, ...filter })).map((node) => node.id);
}

describe("the list of machines", () => {
  it("shows all when nothing is asked for", () => {
    expect(named({})).toEqual(NODES.map((node) => node.id));
  });

  it("leaves those that have everything asked for", () => {
    expect(named({ label: "gpu=4090" })).toEqual(["workstation"]);
    expect(named({ label: "gpu=4090", state: "offline" })).toEqual([]);
    expect(named({ state: "offline" })).toEqual(["vps"]);
    expect(named({ state: "problem" })).toEqual(["vps"]);
    expect(named({ capability: "git" })).not.toContain("vps");
  });

  it("knows what can be asked for, each once", () => {
    expect(occurring(NODES, labelsOf)).toEqual(["gpu=4090", "room=attic"]);
    expect(occurring(NODES, capabilitiesOf)).toContain("terminal");
  });
});

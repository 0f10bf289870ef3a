import { expect, it } from "vitest";

import { changedTo } from "./changed.ts";

it("names a mode and a model as their agent does, and one that it has not as it is", () => {
  const agent = {
    modes: [{ id: "default", name: "Ask" }],
    models: [{ id: "m-5", name: "Heron 5" }],
  };
  expect(changedTo({ what: "mode", value: "default" }, agent)).toBe("Ask");
  expect(changedTo({ what: "model", value: "m-5 · high" }, agent)).toBe("Heron 5 · high");
  expect(changedTo({ what: "mode", value: "gone" }, agent)).toBe("gone");
  expect(changedTo({ what: "mode", value: "default" }, undefined)).toBe("default");
  expect(changedTo({ what: "title", value: "default" }, agent)).toBe("default");
});

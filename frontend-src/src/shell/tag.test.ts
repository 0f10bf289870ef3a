import { render } from "@testing-library/svelte";
import { afterEach, expect, it, vi } from "vitest";

import { client } from "../stores/client.ts";
import { providers } from "../stores/pernode.svelte.ts";
import { WireError } from "../wire/errors.ts";
import ProviderTag from "./ProviderTag.svelte";

afterEach(() => {
  vi.restoreAllMocks();
});

it("an agent has no other name before its machine has told, and keeps the last while it starts anew", async () => {
  const agent = { id: "claude", name: "Claude Code", tag: "CC", available: true };
  const call = vi.spyOn(client, "call").mockResolvedValue({ providers: [agent] });
  const { container } = render(ProviderTag, { node: "vm", provider: "claude" });
  expect(container.textContent.trim()).toBe("");
  await providers.refresh("vm");
  await vi.waitFor(() => expect(container.textContent.trim()).toBe("CC"));
  call.mockRejectedValue(new WireError("node_offline", "vm is offline."));
  await providers.refresh("vm");
  expect(container.textContent.trim()).toBe("CC");
});

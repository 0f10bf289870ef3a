import { describe, expect, it } from "vitest";
import { isTls, linesOf } from "./ways.ts";

const INFO = {
  register_token: "swr_abc",
  main_server_url: "https://main.lan:4457",
  config: '[node]\nmain_server_url = "https://main.lan:4457"\nregister_token = "swr_abc"\n',
};

describe("the lines for another machine", () => {
  it("are Main's own for the way in which it dials Main", () => {
    expect(linesOf("direct", INFO)).toEqual({ node: INFO.config, main: null });
  });

  it("name where it registers when Main calls it back", () => {
    expect(linesOf("callback", INFO).node).toBe(
      '[node]\nmain_register_url = "https://main.lan:4457"\nregister_token = "swr_abc"\n',
    );
  });

  it("say nothing of Main when Main dials, and what Main must know", () => {
    const { node, main } = linesOf("dialed", INFO);
    expect(node).not.toContain("main.lan");
    expect(main).toContain("node_addresses");
  });

  it("know when a certificate is to be checked", () => {
    expect(isTls(INFO)).toBe(true);
    expect(isTls({ ...INFO, main_server_url: "http://10.0.0.2:4457" })).toBe(false);
  });
});

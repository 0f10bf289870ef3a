import { describe, expect, it } from "vitest";
import { linesOf } from "./ways.ts";

const INFO = {
  register_token: "swr_abc",
  main_server_url: "https://main.lan:4457",
  config: '[node]\nmain_server_url = "https://main.lan:4457"\nregister_token = "swr_abc"\n',
  commands: ["make join ARGS=https://main.lan:4457", "make run-node"],
};

describe("the lines for another machine", () => {
  it("are Main's own for the way in which it dials Main", () => {
    const lines = linesOf("direct", INFO);
    expect(lines).toMatchObject({ node: INFO.config, main: null, ca: null });
    expect(lines.commands).toBe("make join ARGS=https://main.lan:4457\nmake run-node");
    expect(lines.commands).not.toContain(INFO.register_token);
  });

  it("name where it registers when Main calls it back", () => {
    expect(linesOf("callback", INFO).node).toBe(
      '[node]\nmain_register_url = "https://main.lan:4457"\nregister_token = "swr_abc"\n',
    );
  });

  it("name the CA where Main has one of its own, and only where the machine must know Main", () => {
    const own = { ...INFO, ca: "-----BEGIN CERTIFICATE-----" };
    expect(linesOf("callback", own).node).toContain('tls_ca = "main-ca.pem"');
    expect(linesOf("callback", own).ca).toBe(own.ca);
    expect(linesOf("dialed", own).ca).toBeNull();
  });

  it("say nothing of Main when Main dials, and what Main must know", () => {
    const { node, main } = linesOf("dialed", INFO);
    expect(node).not.toContain("main.lan");
    expect(main).toContain("node_addresses");
  });
});

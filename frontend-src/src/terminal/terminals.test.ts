import { beforeEach, expect, it } from "vitest";

import type { Calls } from "../stores/client.ts";
import { WireError } from "../wire/errors.ts";
import type { Handlers } from "../wire/subscriptions.ts";
import type { Terminal, TerminalChanged, TerminalListResult, TerminalRemoved } from "../wire/wire.gen.ts";
import { lookAt, Terminals } from "./terminals.svelte.ts";

type TerminalWatchEvent = TerminalChanged | TerminalRemoved;

const terminal = (id: string, more: Partial<Terminal> = {}): Terminal => ({
  terminal: id,
  name: id,
  path: "/w",
  command: [],
  cols: 80,
  rows: 24,
  running: true,
  created: id,
  readers: 1,
  ...more,
});

/** A machine that answers calls from `there` and whose watch is told by hand. */
class Machine {
  there: Terminal[] = [terminal("1"), terminal("2")];
  asked: string[] = [];
  refuses: Record<string, WireError> = {};
  handlers: Handlers<TerminalListResult, TerminalWatchEvent> | null = null;

  readonly calls = {
    call: (op: string) => {
      this.asked.push(op);
      const refusal = this.refuses[op];
      if (refusal !== undefined) return Promise.reject(refusal);
      if (op === "terminal.open") this.there = [...this.there, terminal("9")];
      return Promise.resolve(op === "terminal.list" ? { terminals: this.there } : { terminal: "9" });
    },
    subscribe: (_op: string, _params: object, handlers: Handlers<TerminalListResult, TerminalWatchEvent>) => {
      this.handlers = handlers;
      return { close: () => (this.handlers = null) };
    },
  } as unknown as Calls;

  begin(): void {
    this.handlers?.onStart?.({ terminals: this.there });
  }
}

let machine: Machine;
let terminals: Terminals;
let folders = 0;

beforeEach(() => {
  machine = new Machine();
  folders += 1;
  terminals = new Terminals(machine.calls, "vm", `/w${folders}`);
  terminals.watch();
});

const ids = () => terminals.list.map((one) => one.terminal);

it("shows what the machine tells, by age, and what has changed", () => {
  machine.begin();
  expect(ids()).toEqual(["1", "2"]);
  expect(terminals.chosen).toBe("2");
  machine.handlers?.onEvent({ type: "terminal", terminal: terminal("11") });
  machine.handlers?.onEvent({ type: "terminal", terminal: terminal("1", { name: "logs", running: false }) });
  expect(terminals.list.map((one) => one.name)).toEqual(["logs", "11", "2"]);
  expect(terminals.chosen).toBe("2");
});

it("writes out what cannot be seen in a name, which anybody may have given", () => {
  machine.there = [terminal("1", { name: "a\u202eb\nc\u001b" })];
  machine.begin();
  expect(terminals.current?.name).toBe("a[U+202E]b[U+000A]c[U+001B]");
  machine.handlers?.onEvent({ type: "terminal", terminal: terminal("2", { name: "\u0007" }) });
  expect(terminals.list.map((one) => one.name)).toEqual(["a[U+202E]b[U+000A]c[U+001B]", "[U+0007]"]);
});

it("keeps the one that is looked at when it goes, until it is closed here", async () => {
  machine.begin();
  machine.handlers?.onEvent({ type: "removed", id: "1" });
  machine.handlers?.onEvent({ type: "removed", id: "2" });
  expect(terminals.list.map(({ terminal, running }) => [terminal, running])).toEqual([["2", false]]);
  await terminals.close("2");
  expect(ids()).toEqual([]);
  expect(machine.asked).not.toContain("terminal.close");
});

it("lets go at once of the one that is closed here, and shows its neighbour", async () => {
  machine.begin();
  machine.there = [terminal("1")];
  await terminals.close("2");
  expect(ids()).toEqual(["1"]);
  expect(terminals.chosen).toBe("1");
});

it("shows what was opened as soon as it is open", async () => {
  machine.begin();
  expect(await terminals.open()).toBe("9");
  expect(terminals.chosen).toBe("9");
  expect(terminals.current?.terminal).toBe("9");
});

it("begins with the terminal that was looked at last, unless it has gone", () => {
  lookAt("vm", "/once", "1");
  terminals = new Terminals(machine.calls, "vm", "/once");
  terminals.watch();
  machine.begin();
  expect(terminals.chosen).toBe("1");
  lookAt("vm", "/once", "gone");
  terminals = new Terminals(machine.calls, "vm", "/once");
  terminals.watch();
  machine.begin();
  expect(terminals.chosen).toBe("2");
});

it("shows the terminal of an address, and nothing in the place of one that is gone", () => {
  terminals = new Terminals(machine.calls, "vm", "/linked", "1");
  terminals.watch();
  machine.begin();
  expect([terminals.chosen, terminals.isGone]).toEqual(["1", false]);
  terminals.follow("gone");
  expect([terminals.current, terminals.isGone]).toEqual([undefined, true]);
  machine.handlers?.onEvent({ type: "terminal", terminal: terminal("3") });
  expect([terminals.current, terminals.isGone]).toEqual([undefined, true]);
  terminals.chosen = "3";
  expect(terminals.isGone).toBe(false);
  terminals = new Terminals(machine.calls, "vm", "/linked", "gone");
  terminals.watch();
  expect(terminals.isGone).toBe(false);
  machine.begin();
  expect([terminals.chosen, terminals.isGone]).toEqual(["gone", true]);
});

it("does not take what was just opened for gone, nor what is closed here", async () => {
  terminals = new Terminals(machine.calls, "vm", "/linked", "2");
  terminals.watch();
  machine.begin();
  machine.there = [terminal("1")];
  await terminals.close("2");
  expect([terminals.chosen, terminals.isGone]).toEqual(["1", false]);
  const opening = terminals.open();
  await expect.poll(() => terminals.chosen).toBe("9");
  terminals.follow("9");
  expect(terminals.isGone).toBe(false);
  await opening;
});

it("asks a machine that cannot tell", async () => {
  machine.handlers?.onPause?.(new WireError("unsupported", "No."));
  await expect.poll(ids).toEqual(["1", "2"]);
  expect(terminals.problem).toBeNull();
});

it("leaves it to the page to tell of a machine that is away, once there is something to show", () => {
  const away = new WireError("node_offline", "vm is offline.");
  machine.handlers?.onPause?.(away);
  expect(terminals.problem).toBe(away);
  machine.begin();
  machine.handlers?.onPause?.(away);
  expect(terminals.problem).toBeNull();
});

it("starts a program again in its place, or another shell where the machine cannot", async () => {
  machine.begin();
  await terminals.again(terminal("1"));
  expect(machine.asked).toEqual(["terminal.restart", "terminal.list"]);
  machine.refuses["terminal.restart"] = new WireError("unsupported", "No.");
  await terminals.again(terminal("1"));
  expect(terminals.chosen).toBe("9");
  expect(machine.asked).toContain("terminal.close");
});

import { beforeEach, describe, expect, it } from "vitest";

import { World, type FakeSocket } from "../../tests/connection.ts";
import { terminalWords } from "../strings/terminal.ts";
import { TerminalConnection } from "./connection.ts";

let world: World;
let connection: TerminalConnection;

beforeEach(() => {
  world = new World();
  connection = new TerminalConnection(world, world, (state) => world.states.push(state));
  connection.connect();
});

const acks = (socket: FakeSocket): unknown[] =>
  socket.frames.filter((frame) => (frame as { type: string }).type === "ack");

describe("credit", () => {
  it("acknowledges only what the emulator has parsed, each 64 KiB", () => {
    world.socket.attach(0);
    world.socket.output(64 * 1024);
    expect(acks(world.socket)).toEqual([]);
    world.parseAll();
    expect(acks(world.socket)).toEqual([{ type: "ack", offset: 65536 }]);
  });

  it("acknowledges a small rest once output pauses", () => {
    world.socket.attach(10);
    world.socket.output(5);
    world.parseAll();
    expect(acks(world.socket)).toEqual([]);
    world.fireTimers();
    expect(acks(world.socket)).toEqual([{ type: "ack", offset: 15 }]);
    expect(world.timers.size).toBe(0);
  });
});

describe("re-attaching", () => {
  it("tells the emulator exactly what was shown before", () => {
    world.socket.attach(100, { replayed_to: 130 });
    world.socket.output(20);
    world.socket.output(20);
    world.socket.output(5);
    expect(world.writes).toEqual([
      [20, true],
      [10, true],
      [10, false],
      [5, false],
    ]);
  });

  it("asks from the byte after the last one received, parsed or not", () => {
    world.socket.attach(100);
    expect(world.socket.after).toBeNull();
    world.socket.output(50);
    world.socket.drop();
    expect(connection.state.kind).toBe("lost");
    world.fireTimers();
    expect(world.sockets).toHaveLength(2);
    expect(world.socket.after).toBe(150);
  });

  it("acknowledges on the new socket what was parsed while it was away", () => {
    world.socket.attach(0);
    world.socket.output(70_000);
    world.socket.drop();
    world.parseAll();
    connection.hurry();
    world.socket.attach(70_000);
    world.socket.output(1);
    world.parseAll();
    world.fireTimers();
    expect(acks(world.socket)).toEqual([{ type: "ack", offset: 70_001 }]);
  });

  it("tells of bytes that fell out of the scrollback meanwhile", () => {
    world.socket.attach(0);
    world.socket.output(10);
    world.socket.drop();
    connection.hurry();
    world.socket.attach(500);
    expect(world.notices).toEqual([490]);
  });

  it("keeps the moment of the first loss over several tries and backs off", () => {
    world.socket.attach(0);
    world.socket.drop();
    const first = connection.state;
    world.time = 9000;
    world.fireTimers();
    world.socket.drop();
    expect(first).toMatchObject({ kind: "lost", since: 1000, nextTry: 1500 });
    expect(connection.state).toMatchObject({ kind: "lost", since: 1000, nextTry: 10_000 });
  });

  it("ignores a late frame of the socket it has left", () => {
    const old = world.socket;
    old.attach(0);
    old.drop();
    connection.hurry();
    old.output(5);
    expect(world.unparsed).toHaveLength(0);
  });
});

describe("ends", () => {
  it("shows how the program ended and does not dial again", () => {
    world.socket.attach(0);
    world.socket.frame({ type: "exit", code: 130, signal: null });
    world.socket.drop();
    expect(connection.state).toEqual({ kind: "ended", code: 130, signal: null });
    expect(world.timers.size).toBe(0);
  });

  it("stays refused on a final fault and tries again on a passing one", () => {
    world.socket.frame({ type: "error", code: "not_found", detail: "This terminal was closed." });
    world.socket.drop();
    expect(connection.state).toEqual({ kind: "refused", code: "not_found", detail: "This terminal was closed." });
    const other = new World();
    const second = new TerminalConnection(other, other, () => undefined);
    second.connect();
    other.socket.frame({ type: "error", code: "node_offline", detail: "vm is offline." });
    other.socket.drop();
    expect(second.state).toMatchObject({ kind: "lost", why: null });
  });

  it("tries again after a refusal when somebody asks for it, and by itself where there was only no room yet", () => {
    world.socket.frame({ type: "error", code: "conflict", detail: "This terminal has 16 readers." });
    world.socket.drop();
    expect(connection.state.kind).toBe("refused");
    expect(world.timers.size).toBe(0);
    connection.hurry();
    expect(world.sockets.length).toBe(1);
    connection.retry();
    world.socket.attach(0);
    expect(connection.state.kind).toBe("attached");
    connection.retry();
    expect(world.sockets.length).toBe(2);
    world.socket.frame({ type: "error", code: "rate_limited", detail: "Too many at once." });
    world.socket.drop();
    expect(connection.state).toMatchObject({ kind: "lost", why: "Too many at once." });
  });

  it("closes for good", () => {
    world.socket.attach(0);
    const socket = world.socket;
    connection.close();
    expect(socket.readyState).toBe(3);
    socket.drop();
    expect(world.timers.size).toBe(0);
  });
});

describe("typing", () => {
  it("drops input while the link is lost and after a refusal to type", () => {
    const bytes = new Uint8Array([65]);
    world.socket.attach(0);
    expect(connection.type(bytes)).toBe(true);
    world.socket.attach(0, { may_type: false });
    expect(connection.type(bytes)).toBe(false);
    world.socket.drop();
    expect(connection.type(bytes)).toBe(false);
  });

  it("sends what was typed before the first attach behind it", () => {
    const bytes = [new Uint8Array([65]), new Uint8Array([66])];
    for (const each of bytes) expect(connection.type(each)).toBe(true);
    expect(world.socket.sent).toEqual([]);
    world.socket.attach(0);
    expect(world.socket.sent.filter((data) => typeof data !== "string")).toEqual(bytes);
  });

  it("forgets what was typed before an attach that failed", () => {
    const failed = world.socket;
    connection.type(new Uint8Array([65]));
    failed.drop();
    world.fireTimers();
    world.socket.attach(0);
    expect(world.socket.sent.filter((data) => typeof data !== "string")).toEqual([]);
  });

  it("sends its size once per change and again after each attach", () => {
    connection.resize(100, 30);
    expect(world.socket.frames).toEqual([]);
    world.socket.attach(0);
    connection.resize(100, 30);
    expect(world.socket.frames).toEqual([{ type: "resize", cols: 100, rows: 30, claim: "no" }]);
    world.socket.drop();
    connection.hurry();
    world.socket.attach(0);
    expect(world.socket.frames).toEqual([{ type: "resize", cols: 100, rows: 30, claim: "again" }]);
  });
});

describe("several windows", () => {
  const resize = (socket: FakeSocket): unknown[] =>
    socket.frames.filter((frame) => (frame as { type: string }).type === "resize");

  it("answers from the byte on at which it leads, until another window does", () => {
    world.socket.attach(100, { leads: false, replayed_to: 110 });
    world.socket.frame({ type: "lead", leads: true, from: 120 });
    world.socket.frame({ type: "lead", leads: false, from: 150 });
    world.socket.output(100);
    world.socket.frame({ type: "lead", leads: true, from: 200 });
    world.socket.output(5);
    expect(world.writes).toEqual([
      [10, true],
      [10, true],
      [30, false],
      [50, true],
      [5, false],
    ]);
  });

  it("puts the screen right before output that begins late, and only then", () => {
    world.socket.attach(5000, { preamble: "\x1b[?1049h" });
    world.socket.output(10);
    world.parseAll();
    world.fireTimers();
    expect(world.writes).toEqual([
      [8, true],
      [10, false],
    ]);
    expect(world.socket.frames.at(-1)).toEqual({ type: "ack", offset: 5010 });
    world.socket.drop();
    connection.hurry();
    world.socket.attach(5010);
    world.socket.frame({ type: "skipped", from: 5010, to: 9000, preamble: "\x1b[m" });
    expect(world.writes.slice(2)).toEqual([[3, true]]);
  });

  it.each([
    ["attached", (preamble: string) => world.socket.attach(preamble.length, { preamble })],
    ["skipped", (preamble: string) => world.socket.frame({ type: "skipped", from: 0, to: preamble.length, preamble })],
  ])("refuses a preamble in %s that is longer than the contract has it", (_type, tell) => {
    const { socket } = world;
    socket.attach(0);
    tell("x".repeat(16_384));
    expect(world.writes).toEqual([[16_384, true]]);
    tell("x".repeat(16_385));
    expect(connection.state).toEqual({ kind: "refused", code: "too_large", detail: terminalWords.preambleTooLong });
    expect([socket.readyState, world.writes.length]).toEqual([3, 1]);
    socket.output(10);
    expect(world.writes).toHaveLength(1);
    connection.retry();
    world.socket.attach(0);
    expect(connection.state.kind).toBe("attached");
  });

  it("shows the terminal's size, not its own, and says which it is", () => {
    world.socket.attach(0);
    connection.resize(100, 30);
    connection.resize(110, 30);
    expect(world.sizes).toEqual([[80, 24, true]]);
    world.socket.frame({ type: "resized", cols: 100, rows: 30 });
    world.socket.frame({ type: "resized", cols: 110, rows: 30 });
    expect(world.sizes.slice(1)).toEqual([
      [100, 30, true],
      [110, 30, true],
    ]);
    world.socket.frame({ type: "resized", cols: 100, rows: 30 });
    expect(world.sizes.at(-1)).toEqual([100, 30, false]);
  });

  it("claims the size again when it led before its line broke", () => {
    connection.resize(100, 30);
    world.socket.attach(0);
    expect(resize(world.socket)).toEqual([{ type: "resize", cols: 100, rows: 30, claim: "no" }]);
    world.socket.drop();
    connection.hurry();
    world.socket.attach(0, { leads: false });
    expect(resize(world.socket)).toEqual([{ type: "resize", cols: 100, rows: 30, claim: "again" }]);
    world.socket.frame({ type: "lead", leads: false, from: 0 });
    world.socket.drop();
    connection.hurry();
    world.socket.attach(0, { leads: false });
    expect(resize(world.socket)).toEqual([{ type: "resize", cols: 100, rows: 30, claim: "no" }]);
    connection.resize(100, 30, true);
    expect(resize(world.socket).at(-1)).toEqual({ type: "resize", cols: 100, rows: 30, claim: "yes" });
  });

  it("takes its own size by itself at an older node", () => {
    world.socket.attach(0, { leads: undefined, preamble: undefined });
    connection.resize(100, 30);
    expect(world.sizes.at(-1)).toEqual([100, 30, true]);
    world.socket.output(10);
    world.socket.frame({ type: "resized", cols: 120, rows: 40 });
    expect(world.sizes.at(-1)).toEqual([120, 40, false]);
    world.socket.output(10);
    expect(world.writes).toEqual([
      [10, false],
      [10, true],
    ]);
  });

  it("takes no size from a machine that no terminal has", () => {
    world.socket.attach(0, { cols: 1e9, rows: 1e9 });
    expect(world.sizes).toEqual([]);
    world.socket.frame({ type: "resized", cols: 90, rows: 20 });
    for (const cols of [1001, 0, -1, 1.5, "80", null]) world.socket.frame({ type: "resized", cols, rows: 20 });
    expect(world.sizes).toEqual([[90, 20, true]]);
  });
});

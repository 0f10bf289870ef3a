import { describe, expect, it } from "vitest";
import { NODES } from "../../dev/world.ts";
import { AGENT_PATIENCE_MS, brokenPart, PATIENCE_MS, type Way } from "./strip.ts";

const [laptop, , vps] = NODES;
const OPEN = { isOpen: true, since: 0, lastHeard: 0, rtt_ms: 1, nextTry: null };
const WELL: Way = { link: OPEN, hasOpened: true, shown: null, agent: null, now: 10_000 };

describe("the link strip", () => {
  it("is silent when all is well", () => {
    expect(brokenPart(WELL)).toBeNull();
    expect(brokenPart({ ...WELL, shown: { id: "laptop", node: laptop, isListLoaded: true } })).toBeNull();
  });

  it("names Main first, whatever is broken behind it", () => {
    const link = { ...OPEN, isOpen: false, nextTry: 12_000 };
    const way = { ...WELL, link, shown: { id: "vps", node: vps, isListLoaded: true } };
    expect(brokenPart(way)).toEqual({ part: "main", since: 0, nextTry: 12_000, isFirst: false });
  });

  it("waits a moment before it alarms", () => {
    const link = { ...OPEN, isOpen: false, since: 10_000 };
    expect(brokenPart({ ...WELL, link, now: 10_000 + PATIENCE_MS - 1 })).toBeNull();
    expect(brokenPart({ ...WELL, link, now: 10_000 + PATIENCE_MS })).not.toBeNull();
  });

  it("names the machine that is on screen when it is away or gone", () => {
    const away = brokenPart({ ...WELL, shown: { id: "vps", node: vps, isListLoaded: true } });
    expect(away).toMatchObject({ part: "node", name: "vps", isKnown: true });
    const gone = brokenPart({ ...WELL, shown: { id: "old", node: undefined, isListLoaded: true } });
    expect(gone).toMatchObject({ part: "node", name: "old", isKnown: false });
    expect(brokenPart({ ...WELL, shown: { id: "old", node: undefined, isListLoaded: false } })).toBeNull();
  });

  it("names the agent last: while its turn runs and its program is not there for a while", () => {
    const here = { ...WELL, shown: { id: "laptop", node: laptop, isListLoaded: true } };
    const since = WELL.now - AGENT_PATIENCE_MS;
    const at = (process: "none" | "starting" | "live", from = since) =>
      brokenPart({ ...here, agent: { process, since: from } });
    expect(at("none")).toEqual({ part: "agent", isStarting: false });
    expect(at("starting")).toEqual({ part: "agent", isStarting: true });
    expect(at("starting", since + 1)).toBeNull();
    expect(at("live")).toBeNull();
    const away = { ...here, shown: { id: "vps", node: vps, isListLoaded: true } };
    expect(brokenPart({ ...away, agent: { process: "none", since } })).toMatchObject({ part: "node" });
  });
});

import { beforeEach, describe, expect, it } from "vitest";

import { WireError } from "../wire/errors.ts";
import type { Sending } from "./sending.ts";
import { Uploads } from "./uploads.svelte.ts";

interface Way {
  sending: Sending;
  arrive: () => void;
  fail: (error: WireError) => void;
}

let ways: Way[];
let calls: [string, Record<string, unknown>][];
let answers: Record<string, unknown>;
let uploads: Uploads;

function file(name: string, text = "hello"): File {
  return new File([text], name);
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 8; turn++) await Promise.resolve();
}

const taken = () => new WireError("precondition_failed", "It is there.");

beforeEach(() => {
  ways = [];
  calls = [];
  answers = { "files.mkdir": {}, "files.stat": { etag: "abc", type: "file" } };
  const call = (op: string, params: object): Promise<never> => {
    calls.push([op, params as Record<string, unknown>]);
    const answer = answers[op];
    return answer instanceof WireError ? Promise.reject(answer) : Promise.resolve(answer as never);
  };
  uploads = new Uploads({ call }, (sending) => {
    let cancel: () => void = () => undefined;
    const done = new Promise<void>((resolve, reject) => {
      ways.push({ sending, arrive: resolve, fail: reject });
      cancel = () => reject(new WireError("cancelled", "Cancelled."));
    });
    return { done, cancel };
  });
});

function add(...paths: string[]): void {
  uploads.add("vm", { path: "/w" }, { files: paths.map((path) => ({ path, file: file(path) })), folders: [] });
}

const states = () => uploads.list.map((upload) => upload.state);

describe("files on their way", () => {
  it("go three at once, the next when one has arrived", async () => {
    add("a", "b", "c", "d");
    await settle();
    expect(states()).toEqual(["sending", "sending", "sending", "waiting"]);
    ways[0]?.arrive();
    await settle();
    expect(states()).toEqual(["done", "sending", "sending", "sending"]);
  });

  it("never overwrite what nobody was asked about", async () => {
    add("a");
    await settle();
    expect(ways[0]?.sending.condition).toEqual({ "If-None-Match": "*" });
    ways[0]?.fail(taken());
    await settle();
    expect(states()).toEqual(["exists"]);
    expect(ways).toHaveLength(1);
  });

  it("replace exactly what stood there when that was said, else ask again", async () => {
    add("a");
    await settle();
    ways[0]?.fail(taken());
    await settle();
    uploads.decideAll("replace");
    await settle();
    expect(ways[1]?.sending.condition).toEqual({ "If-Match": '"abc"' });
    ways[1]?.fail(taken());
    await settle();
    expect(states()).toEqual(["exists"]);
  });

  it("keep both under the first name that is free", async () => {
    add("a.txt");
    await settle();
    ways[0]?.fail(taken());
    await settle();
    uploads.decideAll("both");
    await settle();
    expect(ways[1]?.sending).toMatchObject({ place: { path: "/w/a (2).txt" }, condition: { "If-None-Match": "*" } });
    ways[1]?.fail(taken());
    await settle();
    expect(ways[2]?.sending.place.path).toBe("/w/a (3).txt");
    ways[2]?.arrive();
    await settle();
    expect(states()).toEqual(["done"]);
  });

  it("are left where they are when they are to be skipped", async () => {
    add("a");
    await settle();
    ways[0]?.fail(taken());
    await settle();
    uploads.decideAll("skip");
    expect(states()).toEqual(["skipped"]);
    uploads.tidy();
    expect(uploads.list).toEqual([]);
  });

  it("say why they did not arrive, and go again when asked", async () => {
    add("a");
    await settle();
    ways[0]?.sending.onProgress?.(3);
    expect(uploads.list[0]?.sent).toBe(3);
    ways[0]?.fail(new WireError("link_lost", "It was cut."));
    await settle();
    const [upload] = uploads.list;
    expect([upload?.state, upload?.problem?.message]).toEqual(["failed", "It was cut."]);
    if (upload) uploads.retry(upload);
    await settle();
    expect([upload?.state, upload?.sent, ways.length]).toEqual(["sending", 0, 2]);
  });

  it("stop when they are cancelled, on the way and before", async () => {
    add("a", "b", "c", "d");
    await settle();
    for (const upload of [uploads.list[3], uploads.list[0]]) if (upload) uploads.cancel(upload);
    await settle();
    expect(states()).toEqual(["cancelled", "sending", "sending", "cancelled"]);
    expect(ways).toHaveLength(3);
  });

  it("make each folder on the way once, before what goes into it", async () => {
    add("docs/a", "docs/b");
    expect(ways).toHaveLength(0);
    await settle();
    expect(calls.filter(([op]) => op === "files.mkdir").map(([, params]) => params["path"])).toEqual(["/w/docs"]);
    expect(ways.map((way) => way.sending.place.path)).toEqual(["/w/docs/a", "/w/docs/b"]);
  });

  it("use a folder that is there, and tell when a file stands in its place", async () => {
    answers["files.mkdir"] = new WireError("conflict", "docs is there already.");
    answers["files.stat"] = { type: "directory" };
    add("docs/a");
    await settle();
    expect(states()).toEqual(["sending"]);
    answers["files.stat"] = { type: "file" };
    add("other/a");
    await settle();
    expect(uploads.list[1]?.problem?.message).toBe("docs is there already.");
  });
});

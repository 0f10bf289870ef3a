import { beforeEach, describe, expect, it } from "vitest";

import { WireError } from "../wire/errors.ts";
import { OpenFile } from "./document.svelte.ts";
import { Listing } from "./listing.svelte.ts";

/** A node with one file; `etag` is its version. */
class FakeNode {
  text = "one";
  version = 1;
  isThere = true;
  writes: object[] = [];

  call = (op: string, params: Record<string, unknown>): Promise<never> => {
    const answer = op === "files.read" ? this.#read() : this.#write(params);
    return answer as Promise<never>;
  };

  #read(): Promise<object> {
    if (!this.isThere) return Promise.reject(new WireError("not_found", "gone"));
    const { text, version } = this;
    const etag = `v${String(version)}`;
    return Promise.resolve({ content: text, etag, encoding: "utf-8", truncated: false, size: text.length });
  }

  #write(params: Record<string, unknown>): Promise<object> {
    this.writes.push(params);
    if (!this.isThere && params["create"] !== true) return Promise.reject(new WireError("not_found", "gone"));
    if (params["if_match"] !== undefined && params["if_match"] !== `v${String(this.version)}`)
      return Promise.reject(new WireError("precondition_failed", "changed"));
    this.text = String(params["content"]);
    this.isThere = true;
    this.version++;
    return Promise.resolve({ etag: `v${String(this.version)}`, size: this.text.length });
  }
}

let node: FakeNode;
let file: OpenFile;

beforeEach(async () => {
  node = new FakeNode();
  file = new OpenFile(node as never, "n", { path: "/w/a" }, () => 5);
  await file.load();
});

describe("saving", () => {
  it("writes with the version that was read and is clean afterwards", async () => {
    file.text = "two";
    expect(file.isDirty).toBe(true);
    await file.save();
    expect([node.text, file.isDirty, file.saving, file.savedAt]).toEqual(["two", false, "saved", 5]);
    file.text = "three";
    await file.save();
    expect(node.text).toBe("three");
  });

  it("keeps both sides when the file changed meanwhile", async () => {
    node.text = "theirs";
    node.version++;
    file.text = "mine";
    await file.save();
    expect([file.saving, file.text, node.text]).toEqual(["conflict", "mine", "theirs"]);
    await file.showTheirs();
    expect([file.theirs, file.text]).toEqual(["theirs", "mine"]);
    await file.overwrite();
    expect([node.text, file.saving, file.isDirty]).toEqual(["mine", "saved", false]);
  });

  it("takes theirs only when told to", async () => {
    node.text = "theirs";
    node.version++;
    file.text = "mine";
    await file.save();
    await file.takeTheirs();
    expect([file.text, file.isDirty, file.saving]).toEqual(["theirs", false, "idle"]);
  });

  it("keeps the text of a file that vanished and can make it again", async () => {
    node.isThere = false;
    file.text = "mine";
    await file.save();
    expect([file.isGone, file.text, node.isThere]).toEqual([true, "mine", false]);
    await file.overwrite();
    expect([file.isGone, node.text]).toEqual([false, "mine"]);
  });
});

describe("a folder", () => {
  it("is shown page by page and an answer for an earlier one is dropped", async () => {
    const answers: ((value: object) => void)[] = [];
    const call = (): Promise<never> => new Promise((resolve) => answers.push(resolve as never));
    const listing = new Listing({ call } as never, "n", { path: "/w" });
    const first = listing.go({ path: "/w" });
    const second = listing.go({ path: "/x" });
    answers[1]?.({ path: "/x", parent: "/", entries: [{ name: "b" }], next_cursor: "c" });
    answers[0]?.({ path: "/w", parent: "/", entries: [{ name: "a" }] });
    await Promise.all([first, second]);
    expect([listing.path, listing.hasMore]).toEqual(["/x", true]);
    const more = listing.more();
    void listing.more();
    expect(answers).toHaveLength(3);
    answers[2]?.({ path: "/x", parent: "/", entries: [{ name: "c" }] });
    await more;
    expect(listing.entries.map((entry) => entry.name)).toEqual(["b", "c"]);
    expect(listing.hasMore).toBe(false);
  });

  it("names the folders on the way", () => {
    const listing = new Listing({} as never, "n", { path: "/home/me" });
    expect(listing.crumbs().map((crumb) => crumb.place.path)).toEqual(["/", "/home", "/home/me"]);
    const below = new Listing({} as never, "n", { path: "/home/me/work" });
    expect(below.crumbs("/home/me").map((crumb) => crumb.name)).toEqual(["~", "work"]);
    expect(below.crumbs("/home/you").map((crumb) => crumb.name)).toEqual(["/", "home", "me", "work"]);
  });
});

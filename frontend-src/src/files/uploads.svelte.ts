/** Files on their way to machines. They go on while one moves about the page; nothing is overwritten unasked. */
import { newId } from "../format/ids.ts";
import { client, type Calls } from "../stores/client.ts";
import { isWireError, WireError } from "../wire/errors.ts";
import { otherName } from "./acts.svelte.ts";
import type { Picked } from "./picked.ts";
import { above, inside, named, nameOf, type Place } from "./place.ts";
import { continued, type SendOn } from "./continuing.ts";
import type { Condition, Sent } from "./sending.ts";

export type UploadState = "waiting" | "sending" | "exists" | "done" | "failed" | "cancelled" | "skipped";

/** So many at once; the others wait their turn. */
const AT_ONCE = 3;
/** The speed is that of the last moments, so that it tells a stall. */
const SPEED_OVER_MS = 4000;
/** Names tried before "keep both" gives up. */
const MAX_NAMES = 100;
/** Finished rows beyond this are dropped, oldest first. */
const MAX_DONE = 200;

export class Upload {
  readonly id = newId();
  state: UploadState = $state("waiting");
  place: Place = $state.raw({ path: "" });
  /** Bytes that have left so far. */
  sent = $state(0);
  /** Bytes in a second; null until there is something to tell. */
  speed: number | null = $state(null);
  problem: WireError | null = $state.raw(null);
  /** It was cut and waits to go on. */
  isBroken = $state(false);
  /** It was tried before, so a part of it may be there. */
  isAgain = false;
  /** Where it was to go before another name had to be found. */
  readonly own: Place;
  condition: Condition = { "If-None-Match": "*" };
  /** How many names were tried to keep both; 0 while the own name is to be kept. */
  tries = 0;
  running: Sent | null = null;
  readonly #marks: { at: number; sent: number }[] = [];

  constructor(
    readonly node: string,
    place: Place,
    /** The folder that was chosen or dropped on: what is above the file's relative path. */
    readonly folder: Place,
    readonly file: Blob,
  ) {
    this.place = place;
    this.own = place;
  }

  get isOpen(): boolean {
    return this.state === "waiting" || this.state === "sending" || this.state === "exists";
  }

  progress(sent: number, now: number): void {
    this.sent = Math.min(sent, this.file.size);
    this.#marks.push({ at: now, sent });
    while (this.#marks.length > 2 && now - (this.#marks[0]?.at ?? now) > SPEED_OVER_MS) this.#marks.shift();
    const first = this.#marks[0];
    if (first !== undefined && now > first.at) this.speed = ((sent - first.sent) / (now - first.at)) * 1000;
  }

  restart(): void {
    this.state = "waiting";
    this.sent = 0;
    this.speed = null;
    this.problem = null;
    this.isBroken = false;
    this.#marks.length = 0;
  }
}

export class Uploads {
  list: readonly Upload[] = $state.raw([]);
  readonly open = $derived(this.list.filter((upload) => upload.isOpen));
  readonly asking = $derived(this.list.filter((upload) => upload.state === "exists"));
  /** Folders that were made or found, so that each is asked for once. */
  readonly #folders = new Map<string, Promise<void>>();

  constructor(
    private readonly calls: Pick<Calls, "call">,
    private readonly send: SendOn = continued(calls),
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Begins to send what was picked into `folder`, folders with all that is in them. */
  add(node: string, folder: Place, picked: Picked): void {
    const made = picked.files.map(({ path, file }) => new Upload(node, inside(folder, path), folder, file));
    const over = this.list.filter((upload) => !upload.isOpen).length - MAX_DONE;
    let dropped = 0;
    this.list = [...this.list.filter((upload) => upload.isOpen || dropped++ >= over), ...made];
    // A folder without files has no row; it is made all the same.
    for (const path of picked.folders) {
      void this.#ensure(node, inside(folder, path)).catch((error: unknown) => {
        if (!isWireError(error)) throw error;
      });
    }
    this.#go();
  }

  cancel(upload: Upload): void {
    const wasSending = upload.state === "sending";
    if (!upload.isOpen) return;
    upload.state = "cancelled";
    if (wasSending) upload.running?.cancel();
    this.#go();
  }

  retry(upload: Upload): void {
    upload.restart();
    this.#go();
  }

  /** What to do with one whose name is taken. */
  async decide(upload: Upload, answer: "replace" | "both" | "skip"): Promise<void> {
    if (upload.state !== "exists") return;
    if (answer === "skip") {
      upload.state = "skipped";
      return;
    }
    if (answer === "both") {
      upload.tries = 1;
      this.#nextName(upload);
    } else {
      try {
        upload.condition = await this.#asItIs(upload);
      } catch (error) {
        if (!isWireError(error)) throw error;
        upload.state = "failed";
        upload.problem = error;
        return;
      }
    }
    upload.restart();
    this.#go();
  }

  decideAll(answer: "replace" | "both" | "skip"): void {
    for (const upload of this.asking) void this.decide(upload, answer);
  }

  /** Drops the rows that are over. */
  tidy(): void {
    this.list = this.list.filter((upload) => upload.isOpen);
    if (this.list.length === 0) this.#folders.clear();
  }

  #go(): void {
    const sending = this.list.filter((upload) => upload.state === "sending").length;
    for (const upload of this.list.filter((one) => one.state === "waiting").slice(0, AT_ONCE - sending)) {
      upload.state = "sending";
      void this.#run(upload).finally(() => this.#go());
    }
  }

  async #run(upload: Upload): Promise<void> {
    try {
      const around = above(upload.place);
      if (around.path !== upload.folder.path) await this.#ensure(upload.node, around);
      if (!this.#isSending(upload)) return;
      upload.running = this.send({
        node: upload.node,
        place: upload.place,
        body: upload.file,
        upload: upload.id,
        isAgain: upload.isAgain,
        condition: upload.condition,
        onProgress: (sent) => upload.progress(sent, this.now()),
        onBreak: (isBroken) => (upload.isBroken = isBroken),
      });
      upload.isAgain = true;
      await upload.running.done;
      upload.sent = upload.file.size;
      upload.state = "done";
    } catch (error) {
      if (!isWireError(error)) throw error;
      this.#failed(upload, error);
    } finally {
      upload.running = null;
    }
  }

  #isSending(upload: Upload): boolean {
    return upload.state === "sending";
  }

  #failed(upload: Upload, error: WireError): void {
    if (upload.state === "cancelled") return;
    if (!isWireError(error, "precondition_failed")) {
      upload.state = "failed";
      upload.problem = error;
      return;
    }
    upload.isAgain = false;
    if (upload.tries > 0 && upload.tries < MAX_NAMES) {
      upload.tries++;
      this.#nextName(upload);
      upload.restart();
    } else {
      // It changed since "replace" was said, or is there: ask again.
      upload.restart();
      upload.condition = { "If-None-Match": "*" };
      upload.state = "exists";
    }
  }

  #nextName(upload: Upload): void {
    upload.place = inside(above(upload.own), otherName(nameOf(upload.own), upload.tries + 1));
    upload.condition = { "If-None-Match": "*" };
  }

  /** What stands there now and no other is to be replaced. */
  async #asItIs(upload: Upload): Promise<Condition> {
    const { etag } = await this.calls.call("files.stat", { node: upload.node, ...named(upload.place) });
    return etag == null ? { "If-Match": "*" } : { "If-Match": `"${etag}"` };
  }

  /** Makes a folder with those around it, unless it is there. */
  #ensure(node: string, folder: Place): Promise<void> {
    const key = `${node} ${folder.path} ${folder.bytes ?? ""}`;
    const known = this.#folders.get(key);
    if (known !== undefined) return known;
    const made = this.#make(node, folder);
    this.#folders.set(key, made);
    // What failed may be tried again.
    made.catch(() => this.#folders.delete(key));
    return made;
  }

  async #make(node: string, folder: Place): Promise<void> {
    try {
      await this.calls.call("files.mkdir", { node, ...named(folder), parents: true });
    } catch (error) {
      if (!isWireError(error, "conflict")) throw error;
      const { type } = await this.calls.call("files.stat", { node, ...named(folder) });
      if (type === "file") throw error;
    }
  }
}

export const uploads = new Uploads(client);

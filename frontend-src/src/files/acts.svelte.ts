/** What can be done with files and folders; each act tells in one sentence why it could not be done. */
import { shownName } from "../format/names.ts";
import type { Calls } from "../stores/client.ts";
import type { undos } from "../stores/undo.svelte.ts";
import { filesWords as words } from "../strings/files.ts";
import { isWireError, type WireError } from "../wire/errors.ts";
import type { Entry } from "../wire/wire.gen.ts";
import { named, nameOf, target, type Place } from "./place.ts";
import { sendFile, type Send } from "./sending.ts";

/** An act that needs more words than a click before it is done. */
export type FileAsk = { kind: "file" | "folder" } | { kind: "rename" | "move" | "copy" | "remove"; entry: Entry };

/** Why a name cannot be given; null when it can. */
export function nameProblem(name: string): string | null {
  if (name === "" || name === "." || name === "..") return words.nameEmpty;
  if (name.includes("/") || name.includes("\0")) return words.nameSlash;
  return new TextEncoder().encode(name).length > 255 ? words.nameLong : null;
}

/** `report.pdf` → `report (2).pdf`: the name of what is kept beside another one. */
export function otherName(name: string, number: number): string {
  const dot = name.lastIndexOf(".");
  return dot <= 0 ? `${name} (${number})` : `${name.slice(0, dot)} (${number})${name.slice(dot)}`;
}

export class FileActs {
  isBusy = $state(false);

  constructor(
    private readonly calls: Pick<Calls, "call">,
    readonly node: string,
    private readonly offers: Pick<typeof undos, "offer">,
    /** Told after every act that has changed something, and with the failure of taking one back. */
    private readonly told: (error: WireError | null) => void,
    private readonly send: Send = sendFile,
  ) {}

  /** Each resolves to null when it is done, else to what stands in the way. */
  makeFolder(place: Place): Promise<WireError | null> {
    return this.#act(() => this.calls.call("files.mkdir", { node: this.node, ...named(place) }));
  }

  /** Empty, and never in the place of another. */
  makeFile(place: Place): Promise<WireError | null> {
    return this.#act(async () => {
      await this.send({ node: this.node, place, body: new Blob(), condition: { "If-None-Match": "*" } }).done;
    });
  }

  move(from: Place, to: Place, isReplacing = false): Promise<WireError | null> {
    return this.#act(async () => {
      await this.calls.call("files.move", { node: this.node, ...named(from), ...target(to), replace: isReplacing });
      if (isReplacing) return;
      this.offers.offer(words.moved(shownName(nameOf(from)), shownName(to.path)), () => {
        void this.#back(() => this.calls.call("files.move", { node: this.node, ...named(to), ...target(from) }));
      });
    });
  }

  copy(from: Place, to: Place, isReplacing = false): Promise<WireError | null> {
    return this.#act(() =>
      this.calls.call("files.copy", { node: this.node, ...named(from), ...target(to), replace: isReplacing }),
    );
  }

  /** To the trash, from where it can be brought back. */
  remove(place: Place): Promise<WireError | null> {
    return this.#act(async () => {
      const { trash } = await this.calls.call("files.delete", { node: this.node, ...named(place) });
      if (trash == null) return;
      this.offers.offer(words.trashed(shownName(nameOf(place))), () => {
        void this.#back(() => this.calls.call("files.restore", { node: this.node, trash }));
      });
    });
  }

  /** For good, with all that is in it. */
  removeForGood(place: Place): Promise<WireError | null> {
    return this.#act(() => this.calls.call("files.delete", { node: this.node, ...named(place), permanent: true }));
  }

  async #act(act: () => Promise<unknown>): Promise<WireError | null> {
    this.isBusy = true;
    try {
      await act();
      this.told(null);
      return null;
    } catch (error) {
      if (!isWireError(error)) throw error;
      return error;
    } finally {
      this.isBusy = false;
    }
  }

  async #back(act: () => Promise<unknown>): Promise<void> {
    this.told(await this.#act(act));
  }
}

/** A text that is too long for a prompt and was pasted: it goes into a file of the project instead. */
import { Act } from "../stores/asking.svelte.ts";
import type { Send } from "../files/sending.ts";
import { composer as words } from "../strings/logbook.ts";
import { refusalOf } from "./prompt.ts";

async function put(...sending: Parameters<Send>): Promise<void> {
  const { sendFile } = await import("../files/sending.ts");
  await sendFile(...sending).done;
}

export class Pasting {
  /** What was pasted and kept out of the field. */
  text: string | null = $state.raw(null);
  readonly saving = new Act();

  constructor(
    private readonly node: string,
    private readonly send: (...sending: Parameters<Send>) => Promise<void> = put,
    private readonly now: () => Date = () => new Date(),
  ) {}

  /** What to say and offer; null while nothing was kept out. */
  get problem(): string | null {
    return this.text === null ? null : words.pastedTooLong(this.text.length);
  }

  /** Keeps `pasted` out of a field that holds `there` when both together could never be sent; true when it did. */
  catches(there: string, pasted: string): boolean {
    // In one piece or in two: only when it is long, both are looked at together.
    if (refusalOf(pasted) === null && refusalOf(there + pasted) === null) return false;
    this.text = pasted;
    this.saving.clear();
    return true;
  }

  drop(): void {
    this.text = null;
  }

  /** Writes it into a new file of `folder` and returns its name; null when that failed, and it is still kept here. */
  async save(folder: string): Promise<string | null> {
    const { text } = this;
    if (text === null) return null;
    const stamp = this.now().toISOString().slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "-");
    const name = `pasted-${stamp}.txt`;
    const place = { path: `${folder.replace(/\/$/, "")}/${name}` };
    const body = new Blob([text], { type: "text/plain" });
    const isSaved = await this.saving.run(() =>
      this.send({ node: this.node, place, body, condition: { "If-None-Match": "*" } }),
    );
    if (!isSaved) return null;
    this.text = null;
    return name;
  }
}

/** Pictures that are pasted or dropped, checked by their content. */
import { bytes } from "../format/format.ts";
import { composer as words } from "../strings/logbook.ts";
import type { Attachment } from "../wire/wire.gen.ts";

/** What the frame limit of the socket leaves room for: base64 makes 4/3 of it. */
export const MAX_PICTURE_BYTES = 700_000;

const KINDS: readonly { mime: string; starts: readonly number[] }[] = [
  { mime: "image/png", starts: [0x89, 0x50, 0x4e, 0x47] },
  { mime: "image/jpeg", starts: [0xff, 0xd8, 0xff] },
  { mime: "image/gif", starts: [0x47, 0x49, 0x46, 0x38] },
];

/** The type that the first bytes tell, whatever the name says; null for what is no picture that agents take. */
export function pictureType(head: Uint8Array): string | null {
  const found = KINDS.find(({ starts }) => starts.every((byte, index) => head[index] === byte));
  if (found !== undefined) return found.mime;
  const word = (from: number) => String.fromCharCode(...head.slice(from, from + 4));
  return word(0) === "RIFF" && word(8) === "WEBP" ? "image/webp" : null;
}

function toBase64(data: Uint8Array): string {
  let text = "";
  const step = 0x8000;
  for (let index = 0; index < data.length; index += step) {
    text += String.fromCharCode(...data.subarray(index, index + step));
  }
  return btoa(text);
}

/** The attachment for a file; throws an Error with one sentence when it cannot be sent. */
export async function pictureFrom(file: File): Promise<Attachment> {
  if (file.size > MAX_PICTURE_BYTES) throw new Error(words.tooLarge(file.name, bytes(MAX_PICTURE_BYTES)));
  const data = new Uint8Array(await file.arrayBuffer());
  const mime = pictureType(data);
  if (mime === null) throw new Error(words.notPicture(file.name));
  return { type: "image", name: file.name, mime, data_url: `data:${mime};base64,${toBase64(data)}` };
}

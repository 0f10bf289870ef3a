/** Pictures that are pasted or dropped, checked by their content. */
import { composer as words } from "../strings/logbook.ts";
import type { Attachment } from "../wire/wire.gen.ts";

/**
 * All pictures of one prompt together. A prompt is one event of at most 1 MiB; base64 makes 4/3 of a picture, and this
 * leaves about 190 KB for the words.
 */
export const ROOM_BYTES = 640_000;
/** One picture; two of them fit. */
export const MAX_PICTURE_BYTES = 320_000;
/** With less room than this a picture would show nothing any more. */
const LEAST_BYTES = 20_000;

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

/** Longest edges to try, in pixels: models look at about 1,500. */
const EDGES = [1568, 1200, 900, 640];
const QUALITIES = [0.85, 0.7];

/** Makes a picture small enough in the page; null when this browser cannot read it or it stays too large. */
export async function scaledDown(file: Blob, most: number): Promise<Blob | null> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch (error) {
    if (error instanceof DOMException) return null;
    throw error;
  }
  try {
    for (const edge of EDGES) {
      const scale = Math.min(1, edge / Math.max(bitmap.width, bitmap.height));
      const canvas = new OffscreenCanvas(Math.ceil(bitmap.width * scale), Math.ceil(bitmap.height * scale));
      const context = canvas.getContext("2d");
      if (context === null) return null;
      context.fillStyle = "white";
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
      for (const quality of QUALITIES) {
        const made = await canvas.convertToBlob({ type: "image/jpeg", quality });
        if (made.size <= most) return made;
      }
    }
    return null;
  } finally {
    bitmap.close();
  }
}

/** How many bytes of pictures some attachments hold. */
export function pictureBytes(attachments: readonly Attachment[]): number {
  return attachments.reduce((sum, one) => {
    const url = one.data_url ?? "";
    return sum + Math.floor(((url.length - url.indexOf(",") - 1) * 3) / 4);
  }, 0);
}

type Shrink = typeof scaledDown;

/**
 * The attachment for a file, made smaller when it must be; `there` are the ones that go with it. Throws an Error with
 * one sentence when it cannot be sent.
 */
export async function pictureFrom(
  file: File,
  there: readonly Attachment[] = [],
  shrink: Shrink = scaledDown,
): Promise<Attachment> {
  const room = Math.min(MAX_PICTURE_BYTES, ROOM_BYTES - pictureBytes(there));
  if (room < LEAST_BYTES) throw new Error(words.noRoom(file.name));
  const head = new Uint8Array(await file.slice(0, 16).arrayBuffer());
  const known = pictureType(head);
  const isReady = known !== null && file.size <= room;
  const sent: Blob | null = isReady ? file : await shrink(file, room);
  if (sent === null) throw new Error(known === null ? words.notPicture(file.name) : words.tooLarge(file.name));
  const data = new Uint8Array(await sent.arrayBuffer());
  const mime = isReady ? known : "image/jpeg";
  return { type: "image", name: file.name.slice(0, 255), mime, data_url: `data:${mime};base64,${toBase64(data)}` };
}

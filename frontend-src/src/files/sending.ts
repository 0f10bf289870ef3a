/** One file on its way to a machine. XMLHttpRequest, because `fetch` does not tell how much has left. */
import { WireError } from "../wire/errors.ts";
import type { ErrorData } from "../wire/wire.gen.ts";
import { filesWords as words } from "../strings/files.ts";
import { contentAddress, uploadAddress, type Place } from "./place.ts";

/** What must hold of what stands there, so that nothing is overwritten unasked; null overwrites. */
export type Condition = { "If-Match": string } | { "If-None-Match": "*" } | null;

export interface Sending {
  node: string;
  place: Place;
  body: Blob;
  /** An id under which it can be continued. */
  upload?: string;
  condition: Condition;
  /** Bytes that have left this device so far, those before a break too. */
  onProgress?: (sent: number) => void;
}

export interface Sent {
  /** Rejects with WireError: then what stood there is as it was. */
  done: Promise<void>;
  cancel: () => void;
}

/** Sends what follows `offset`, which is 0 without an id. */
export type Send = (sending: Sending, offset?: number) => Sent;

function problemIn(request: XMLHttpRequest): WireError {
  if (request.getResponseHeader("Content-Type")?.includes("json") === true) {
    const data = JSON.parse(request.responseText) as Partial<ErrorData>;
    if (data.code !== undefined) {
      return WireError.fromData({ detail: words.refused(request.status), retryable: false, ...data, code: data.code });
    }
  }
  return new WireError("internal", words.refused(request.status), { isRetryable: request.status >= 500 });
}

export const sendFile: Send = ({ node, place, body, upload, condition, onProgress }, offset = 0) => {
  const request = new XMLHttpRequest();
  const done = new Promise<void>((resolve, reject) => {
    request.open(
      "PUT",
      upload === undefined ? contentAddress(node, place) : uploadAddress(node, place, upload, offset),
    );
    request.setRequestHeader("Content-Type", "application/octet-stream");
    for (const [name, value] of Object.entries(condition ?? {})) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => onProgress?.(offset + event.loaded);
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve();
      else reject(problemIn(request));
    };
    request.onerror = () => reject(new WireError("link_lost", words.cut, { isRetryable: true }));
    request.onabort = () => reject(new WireError("cancelled", words.uploadStates.cancelled));
    request.send(body.slice(offset));
  });
  return { done, cancel: () => request.abort() };
};

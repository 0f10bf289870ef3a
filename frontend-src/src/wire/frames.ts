/** JSON-RPC 2.0 frames as they travel on `/ws`. */
import type { ErrorData } from "./wire.gen.ts";

/** An answer has `id`; a notification has `method`. Members that are not known are ignored. */
export interface Frame {
  id?: number | null;
  method?: string;
  params?: { subscription?: number; event?: unknown; error?: ErrorData };
  result?: unknown;
  error?: { code: number; message: string; data?: ErrorData };
}

export function encodeCall(id: number, method: string, params: object): string {
  return JSON.stringify({ jsonrpc: "2.0", id, method, params });
}

export function encodeNotification(method: string, params: object): string {
  return JSON.stringify({ jsonrpc: "2.0", method, params });
}

/** The frames of a message: one, or the members of a batch. What is no JSON object yields none. */
export function decodeFrames(text: string): Frame[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return list.filter((item): item is Frame => typeof item === "object" && item !== null);
}

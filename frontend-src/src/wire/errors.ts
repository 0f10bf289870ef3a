import type { ErrorCode, ErrorData, FieldError } from "./wire.gen.ts";

/** The wire's codes and two of the page's own: the link broke before the answer; the caller gave up. */
export type FailureCode = ErrorCode | "link_lost" | "cancelled";

/** A failed call. `message` is one sentence for people with cause and remedy. */
export class WireError extends Error {
  override readonly name = "WireError";
  readonly code: FailureCode;
  /** True when the same call may succeed later without a change. */
  readonly isRetryable: boolean;
  readonly fields: readonly FieldError[];
  /** How long the server asks to wait, in seconds. */
  readonly retryAfter_s: number | null;

  constructor(
    code: FailureCode,
    detail: string,
    more: { isRetryable?: boolean; fields?: readonly FieldError[]; retryAfter_s?: number | null } = {},
  ) {
    super(detail);
    this.code = code;
    this.isRetryable = more.isRetryable ?? (code === "node_offline" || code === "link_lost" || code === "rate_limited");
    this.fields = more.fields ?? [];
    this.retryAfter_s = more.retryAfter_s ?? null;
  }

  static fromData(data: ErrorData): WireError {
    return new WireError(data.code, data.detail, {
      isRetryable: data.retryable,
      fields: data.errors ?? [],
      retryAfter_s: data.retry_after_s ?? null,
    });
  }
}

/** Whether `error` is a failure of the wire with one of `codes` (any, when none is named). */
export function isWireError(error: unknown, ...codes: FailureCode[]): error is WireError {
  return error instanceof WireError && (codes.length === 0 || codes.includes(error.code));
}
